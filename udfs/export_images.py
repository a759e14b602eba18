"""Writing the images of a release to files, on executors: one folder a class, or shards."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from PIL import Image, ImageOps
from pyspark.sql import DataFrame
from pyspark.sql.types import LongType, StringType, StructField, StructType

from synlake.errors import OTHER_BYTES
from synlake.udfs.shards import Written, write_shards_of
from synlake.udfs.tar_members import ending_of, keyed

#: One row a file or shard written. ``n_left`` images could not be decoded, and were left as they were.
WRITTEN = StructType(
    [
        StructField("path", StringType(), False),
        StructField("sha256", StringType(), False),
        StructField("size_bytes", LongType(), False),
        StructField("n_images", LongType(), False),
        StructField("n_left", LongType(), False),
    ]
)
_QUALITY, _LOWEST_QUALITY, _STEP = 90, 30, 15
_SMALLER = 0.8


def checked(image_id: str, content: bytes | memoryview) -> None:
    """Raise where ``content`` is not what ``image_id``, its sha256, names: an export would vouch for it."""
    if hashlib.sha256(content).hexdigest() != image_id:
        raise ValueError(f"{OTHER_BYTES} {image_id}")


def prepared(content: bytes, *, shorter_px: int, max_bytes: int) -> tuple[bytes, bool]:
    """The image no larger than asked for (0: no limit), and whether it could be decoded where it had to be.

    Its shorter side becomes ``shorter_px``, where it is larger. One of more than ``max_bytes`` then becomes a
    JPEG of falling quality, and after that smaller and smaller. What need not change stays as it is.
    """
    try:
        if shorter_px:
            content = resized(content, shorter_px)
        if max_bytes and len(content) > max_bytes:
            content = _squeezed(content, max_bytes)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return content, False
    return content, True


def resized(content: bytes, shorter_px: int) -> bytes:
    """The image with its shorter side at ``shorter_px``, upright, as JPEG; as it is where it is no larger."""
    with Image.open(io.BytesIO(content)) as opened:
        if min(opened.size) <= shorter_px:
            return content
        scale = shorter_px / min(opened.size)
        # A JPEG is decoded at a fraction of its size, as long as that is twice what is needed.
        opened.draft("RGB", (round(2 * opened.width * scale), round(2 * opened.height * scale)))
        upright = ImageOps.exif_transpose(opened).convert("RGB")
    scale = shorter_px / min(upright.size)
    size = (max(shorter_px, round(upright.width * scale)), max(shorter_px, round(upright.height * scale)))
    return _as_jpeg(upright.resize(size, Image.Resampling.LANCZOS), _QUALITY)


def _squeezed(content: bytes, max_bytes: int) -> bytes:
    with Image.open(io.BytesIO(content)) as opened:
        image = ImageOps.exif_transpose(opened).convert("RGB")
    for quality in range(_QUALITY, _LOWEST_QUALITY - 1, -_STEP):
        content = _as_jpeg(image, quality)
        if len(content) <= max_bytes:
            return content
    while len(content) > max_bytes and max(image.size) > 1:
        size = max(1, round(image.width * _SMALLER)), max(1, round(image.height * _SMALLER))
        image = image.resize(size, Image.Resampling.LANCZOS)
        content = _as_jpeg(image, _LOWEST_QUALITY)
    return content


def _as_jpeg(image: Image.Image, quality: int) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def write_folders(images: DataFrame, *, root: str, shorter_px: int, max_bytes: int) -> DataFrame:
    """``root/split/label/image_id.ending`` of rows ``split, label, image_id, bytes``; a row a file.

    A file that is there with its whole length is not written again. Memory: one batch of bytes.
    """

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            rows = []
            for row in batch.to_pylist():
                checked(row["image_id"], row["bytes"])
                content, ok = prepared(row["bytes"], shorter_px=shorter_px, max_bytes=max_bytes)
                relative = f"{row['split']}/{row['label']}/{row['image_id']}.{ending_of(content)}"
                _write_once(os.path.join(root, relative), content)
                is_same = content is row["bytes"]  # whose sha256 the id is
                digest = row["image_id"] if is_same else hashlib.sha256(content).hexdigest()
                rows.append((relative, digest, len(content), 1, int(not ok)))
            yield to_batch(rows)

    return images.select("split", "label", "image_id", "bytes").mapInArrow(write, WRITTEN)


def write_named(images: DataFrame, *, root: str, suffix: str) -> DataFrame:
    """``root/image_id`` and ``suffix`` of rows ``image_id, bytes``, as they are; a row a file."""

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            rows = []
            for row in batch.to_pylist():
                relative, content = f"{row['image_id']}{suffix}", row["bytes"]
                _write_once(os.path.join(root, relative), content)
                rows.append((relative, row["image_id"], len(content), 1, 0))
            yield to_batch(rows)

    return images.select("image_id", "bytes").mapInArrow(write, WRITTEN)


def write_shards(
    images: DataFrame,
    *,
    root: str,
    records_dir: str,
    shorter_px: int,
    max_bytes: int,
    class_names: list[str],
) -> DataFrame:
    """``root/shard`` files of rows ``shard, split, label, class_index, image_id, bytes`` sorted by shard; a row each.

    Times, owners and order in a shard are fixed, so that the same release gives the same bytes. Memory: one
    batch of bytes, and a Parquet row group of 100 images.
    """

    def contents(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[dict[str, Any], bytes, bool]]:
        rows = (row for batch in batches for row in batch.to_pylist())
        for row in keyed(rows):
            checked(row["image_id"], row["bytes"])
            yield (row, *prepared(row["bytes"], shorter_px=shorter_px, max_bytes=max_bytes))

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for written in write_shards_of(
            contents(batches), root=root, records_dir=records_dir, class_names=class_names
        ):
            yield to_batch([written])

    columns = ("shard", "split", "label", "class_index", "image_id", "bytes")
    return images.select(*columns).mapInArrow(write, WRITTEN)


def _write_once(path: str, content: bytes) -> None:
    if os.path.exists(path) and os.path.getsize(path) == len(content):
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "wb") as stream:
        stream.write(content)
    os.replace(temporary, path)


def to_batch(rows: list[Written]) -> pa.RecordBatch:
    """Rows of :data:`WRITTEN`."""
    types = [pa.string(), pa.string(), pa.int64(), pa.int64(), pa.int64()]
    columns = zip(*rows, strict=True) if rows else ([],) * len(types)
    arrays = [pa.array(values, kind) for values, kind in zip(columns, types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=WRITTEN.names)
