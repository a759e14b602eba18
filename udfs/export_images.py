"""Writing the images of a release to files, on executors: one folder a class, or tar shards."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageOps
from pyspark.sql import DataFrame
from pyspark.sql.types import LongType, StringType, StructField, StructType

#: One row a file or shard written.
WRITTEN = StructType(
    [
        StructField("path", StringType(), False),
        StructField("sha256", StringType(), False),
        StructField("size_bytes", LongType(), False),
        StructField("n_images", LongType(), False),
    ]
)
_MAGIC = ((b"\xff\xd8", "jpg"), (b"\x89PNG", "png"), (b"GIF8", "gif"), (b"RIFF", "webp"), (b"BM", "bmp"))


def ending_of(content: bytes) -> str:
    r"""The usual ending of an image file, by how its bytes begin.

    >>> ending_of(b"\xff\xd8\xff")
    'jpg'
    """
    return next((ending for magic, ending in _MAGIC if content.startswith(magic)), "tif")


def resized(content: bytes, shorter_px: int) -> bytes:
    """The image with its shorter side at ``shorter_px``, upright, as JPEG; as it is where it is no larger."""
    with Image.open(io.BytesIO(content)) as opened:
        if min(opened.size) <= shorter_px:
            return content
        upright = ImageOps.exif_transpose(opened).convert("RGB")
    scale = shorter_px / min(upright.size)
    size = (max(shorter_px, round(upright.width * scale)), max(shorter_px, round(upright.height * scale)))
    stream = io.BytesIO()
    upright.resize(size, Image.Resampling.LANCZOS).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def write_folders(images: DataFrame, *, root: str, shorter_px: int) -> DataFrame:
    """``root/split/label/image_id.ending`` of rows ``split, label, image_id, bytes``; a row a file.

    A file that is there with its whole length is not written again. Memory: one batch of bytes.
    """

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            rows = []
            for row in batch.to_pylist():
                content = resized(row["bytes"], shorter_px) if shorter_px else row["bytes"]
                relative = f"{row['split']}/{row['label']}/{row['image_id']}.{ending_of(content)}"
                _write_once(os.path.join(root, relative), content)
                rows.append((relative, hashlib.sha256(content).hexdigest(), len(content), 1))
            yield _batch(rows)

    return images.select("split", "label", "image_id", "bytes").mapInArrow(write, WRITTEN)


def write_named(images: DataFrame, *, root: str, suffix: str) -> DataFrame:
    """``root/image_id`` and ``suffix`` of rows ``image_id, bytes``, as they are; a row a file."""

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            rows = []
            for row in batch.to_pylist():
                relative, content = f"{row['image_id']}{suffix}", row["bytes"]
                _write_once(os.path.join(root, relative), content)
                rows.append((relative, row["image_id"], len(content), 1))
            yield _batch(rows)

    return images.select("image_id", "bytes").mapInArrow(write, WRITTEN)


def write_shards(images: DataFrame, *, root: str, shorter_px: int, class_names: list[str]) -> DataFrame:
    """``root/shard`` files of rows ``shard, split, label, class_index, image_id, bytes`` sorted by shard; a row each.

    A shard is written beside its place and renamed when whole. Times, owners and order in it are fixed, so
    that the same release gives the same bytes. Memory: one image, or a Parquet row group of 100.
    """

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        shard: TarShard | ParquetShard | None = None
        for batch in batches:
            for row in batch.to_pylist():
                if shard is None or row["shard"] != shard.name:
                    if shard is not None:
                        yield shard.finish()
                    kind = TarShard if row["shard"].endswith(".tar") else ParquetShard
                    shard = kind(root, row["shard"], class_names)
                content = resized(row["bytes"], shorter_px) if shorter_px else row["bytes"]
                shard.add(row, content)
        if shard is not None:
            yield shard.finish()

    columns = ("shard", "split", "label", "class_index", "image_id", "bytes")
    return images.select(*columns).mapInArrow(write, WRITTEN)


class TarShard:
    """WebDataset's layout: for each image ``id.jpg``, ``id.cls`` (class number) and ``id.json``."""

    def __init__(self, root: str, name: str, class_names: list[str]) -> None:
        self.root, self.name, self.n = root, name, 0
        self.temporary = _beside(root, name)
        self.tar = tarfile.open(self.temporary, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 - see finish

    def add(self, row: dict[str, Any], content: bytes) -> None:
        """Three members of one image."""
        about = {"image_id": row["image_id"], "label": row["label"], "split": row["split"]}
        members = {
            ending_of(content): content,
            "cls": str(row["class_index"]).encode(),
            "json": json.dumps(about, sort_keys=True).encode(),
        }
        for ending, value in members.items():
            member = tarfile.TarInfo(f"{row['image_id']}.{ending}")
            member.size = len(value)
            self.tar.addfile(member, io.BytesIO(value))
        self.n += 1

    def finish(self) -> pa.RecordBatch:
        """Close it and put it into its place."""
        self.tar.close()
        return _finished(self.root, self.name, self.temporary, self.n)


class ParquetShard:
    """Hugging Face's layout: ``image`` (bytes and path), ``label`` (class number), with its features beside."""

    ROWS = 100

    def __init__(self, root: str, name: str, class_names: list[str]) -> None:
        self.root, self.name, self.n = root, name, 0
        self.temporary = _beside(root, name)
        image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        features = {
            "image": {"_type": "Image"},
            "label": {"_type": "ClassLabel", "names": class_names},
            "image_id": {"_type": "Value", "dtype": "string"},
        }
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        fields = [("image", image), ("label", pa.int64()), ("image_id", pa.string())]
        self.schema = pa.schema(fields, metadata=metadata)
        self.writer = pq.ParquetWriter(self.temporary, self.schema)
        self.rows: list[dict[str, Any]] = []

    def add(self, row: dict[str, Any], content: bytes) -> None:
        """One row; a hundred are written together."""
        path = f"{row['image_id']}.{ending_of(content)}"
        image = {"bytes": content, "path": path}
        self.rows.append({"image": image, "label": row["class_index"], "image_id": row["image_id"]})
        self.n += 1
        if len(self.rows) == self.ROWS:
            self._flush()

    def finish(self) -> pa.RecordBatch:
        """Close it and put it into its place."""
        self._flush()
        self.writer.close()
        return _finished(self.root, self.name, self.temporary, self.n)

    def _flush(self) -> None:
        if self.rows:
            self.writer.write_table(pa.Table.from_pylist(self.rows, schema=self.schema))
        self.rows = []


def _beside(root: str, name: str) -> str:
    return os.path.join(root, f".{name}.{os.getpid()}")


def _finished(root: str, shard: str, temporary: str, n: int) -> pa.RecordBatch:
    target = os.path.join(root, shard)
    os.replace(temporary, target)
    hasher = hashlib.sha256()
    with open(target, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            hasher.update(block)
    return _batch([(shard, hasher.hexdigest(), os.path.getsize(target), n)])


def _write_once(path: str, content: bytes) -> None:
    if os.path.exists(path) and os.path.getsize(path) == len(content):
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "wb") as stream:
        stream.write(content)
    os.replace(temporary, path)


def _batch(rows: list[tuple[str, str, int, int]]) -> pa.RecordBatch:
    types = [pa.string(), pa.string(), pa.int64(), pa.int64()]
    columns = zip(*rows, strict=True) if rows else ([], [], [], [])
    arrays = [pa.array(values, kind) for values, kind in zip(columns, types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=WRITTEN.names)
