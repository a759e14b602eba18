"""The shards of an export: a tar, a Parquet or a TFRecord file. Each is written beside its place, then renamed."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from synlake.udfs.tar_members import end_of, ending_of, records
from synlake.udfs.tfrecords import example, record

#: What stands for a label that is withheld, as in the test sets that Hugging Face has.
NO_CLASS = -1


class Shard(Protocol):
    """What the three have in common: they write images to a stream that hashes what it is given."""

    def add(self, row: dict[str, Any], content: bytes) -> None:
        """One image, with ``key, image_id, split, label, class_index``."""

    def close(self) -> None:
        """Write what is left; the stream stays open."""


class HashingFile(io.RawIOBase):
    """A file that is only appended to, and its sha256 so far."""

    def __init__(self, path: str) -> None:
        self.raw, self.sha256, self.size = open(path, "wb", buffering=1 << 20), hashlib.sha256(), 0  # noqa: SIM115

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: Any) -> int:
        """Append; returns how many bytes."""
        self.sha256.update(data)
        n = memoryview(data).nbytes
        self.size += n
        self.raw.write(data)
        return n

    def tell(self) -> int:
        """Bytes so far."""
        return self.size

    def flush(self) -> None:
        """Nothing: the bytes are needed when the file is closed."""

    def close(self) -> None:
        """Close the file itself."""
        self.raw.close()
        super().close()


class TarShard:
    """WebDataset's layout; see :mod:`synlake.udfs.tar_members`."""

    def __init__(self, stream: HashingFile, class_names: list[str]) -> None:
        self.stream = stream

    def add(self, row: dict[str, Any], content: bytes) -> None:
        """Its members."""
        for piece in records(row, content):
            self.stream.write(piece)

    def close(self) -> None:
        """The end of the archive."""
        self.stream.write(bytes(end_of(self.stream.size)))


class ParquetShard:
    """Hugging Face's layout: ``image`` (bytes and path), ``label`` (class number), with its features beside."""

    ROWS = 100

    def __init__(self, stream: HashingFile, class_names: list[str]) -> None:
        image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        features = {
            "image": {"_type": "Image"},
            "label": {"_type": "ClassLabel", "names": class_names},
            "image_id": {"_type": "Value", "dtype": "string"},
        }
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        fields = [("image", image), ("label", pa.int64()), ("image_id", pa.string())]
        self.schema = pa.schema(fields, metadata=metadata)
        # Images are compressed already, and ids do not compress.
        self.writer = pq.ParquetWriter(stream, self.schema, compression="none", use_dictionary=False)
        self.rows: list[dict[str, Any]] = []

    def add(self, row: dict[str, Any], content: bytes) -> None:
        """One row; a hundred are written together."""
        image = {"bytes": content, "path": f"{row['key']}.{ending_of(content)}"}
        label = NO_CLASS if row["class_index"] is None else row["class_index"]
        self.rows.append({"image": image, "label": label, "image_id": row["image_id"]})
        if len(self.rows) == self.ROWS:
            self._flush()

    def close(self) -> None:
        """The last rows, and Parquet's footer."""
        self._flush()
        self.writer.close()

    def _flush(self) -> None:
        if self.rows:
            self.writer.write_table(pa.Table.from_pylist(self.rows, schema=self.schema))
        self.rows = []


class TFRecordShard:
    """An Example an image, with the feature names of TensorFlow's own ImageNet files."""

    def __init__(self, stream: HashingFile, class_names: list[str]) -> None:
        self.stream = stream

    def add(self, row: dict[str, Any], content: bytes) -> None:
        """One record."""
        features = {
            "image/encoded": content,
            "image/filename": f"{row['key']}.{ending_of(content)}".encode(),
            "image/format": ending_of(content).encode(),
            "image/class/label": NO_CLASS if row["class_index"] is None else row["class_index"],
            "image/class/synset": row["label"].encode(),
        }
        self.stream.write(record(example(features)))

    def close(self) -> None:
        """Nothing: a TFRecord file has no end mark."""


_KINDS: dict[str, type[TarShard] | type[ParquetShard] | type[TFRecordShard]] = {
    "tar": TarShard,
    "parquet": ParquetShard,
    "tfrecord": TFRecordShard,
}
Written = tuple[str, str, int, int, int]


def write_shards_of(
    rows: Iterator[tuple[dict[str, Any], bytes, bool]], *, root: str, records_dir: str, class_names: list[str]
) -> Iterator[Written]:
    """Write (row, content, could be decoded), sorted by ``shard``; yields path, sha256, size, images, images left."""
    name, n, n_left = None, 0, 0
    stream: HashingFile | None = None
    shard: Shard | None = None
    for row, content, is_decoded in rows:
        if row["shard"] != name:
            if shard is not None and stream is not None and name is not None:
                yield _finish(root, records_dir, name, stream, shard, n, n_left)
            name, n, n_left = row["shard"], 0, 0
            stream = HashingFile(os.path.join(records_dir, f"{name}.part"))
            shard = _KINDS[name.rpartition(".")[2]](stream, class_names)
        assert shard is not None
        shard.add(row, content)
        n, n_left = n + 1, n_left + (not is_decoded)
    if shard is not None and stream is not None and name is not None:
        yield _finish(root, records_dir, name, stream, shard, n, n_left)


def _finish(
    root: str, records_dir: str, name: str, stream: HashingFile, shard: Shard, n: int, n_left: int
) -> Written:
    shard.close()
    stream.close()
    written = name, stream.sha256.hexdigest(), stream.size, n, n_left
    put_in_place(os.path.join(records_dir, f"{name}.part"), root, records_dir, written)
    return written


def put_in_place(part: str, root: str, records_dir: str, written: Written) -> None:
    """Rename a whole shard into its place, then note that it is there."""
    os.replace(part, os.path.join(root, written[0]))
    note = os.path.join(records_dir, f"{written[0]}.json")
    with open(f"{note}.tmp", "w", encoding="utf-8") as stream:
        json.dump(written, stream)
    os.replace(f"{note}.tmp", note)


def finished(root: str, records_dir: str) -> list[Written]:
    """The shards that are in their place, whole, by their notes."""
    found = []
    for entry in os.scandir(records_dir):
        if entry.name.endswith(".json") and entry.name != "export.json":
            with open(entry.path, encoding="utf-8") as stream:
                path, sha256, size, n, n_left = json.load(stream)
            place = os.path.join(root, path)
            if os.path.exists(place) and os.path.getsize(place) == size:
                found.append((path, sha256, size, n, n_left))
    return sorted(found)
