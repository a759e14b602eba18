"""Finding and reading the files of a folder tree, on executors. Every file found gets a row; none ends a task.

Paths are bytes, because file names are: a name that is not UTF-8 is read all the same, and shown with
backslash escapes in ``source_ref``.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import (
    BinaryType,
    BooleanType,
    LongType,
    StringType,
    StructField,
    StructType,
)

from synlake.errors import InputError

IMAGE_ENDINGS = (".jpg", ".jpeg", ".jpe", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".jfif")
#: Bytes of images in one Arrow batch, about: what bounds the memory of a reading task.
BATCH_BYTES = 16 << 20
UNKNOWN_SYNSET = "unknown"

_LISTING = StructType(
    [
        StructField("path", BinaryType(), False),
        StructField("source_ref", StringType(), False),
        StructField("synset_id", StringType(), False),
        StructField("size_bytes", LongType(), False),
        StructField("modified_us", LongType(), False),
        StructField("is_image", BooleanType(), False),
    ]
)
_HASHED = StructType([*_LISTING.fields, StructField("sha256", StringType(), True)])
_BYTES = StructType(
    [
        StructField("image_id", StringType(), False),
        StructField("size_bytes", LongType(), False),
        StructField("bytes", BinaryType(), False),
    ]
)


def synset_in(path: bytes) -> str:
    """The wnid that a relative path names: its nearest folder that begins with one, else its file name.

    >>> synset_in(b"train/n01440764/a.jpg"), synset_in(b"n01440764_tench.JPEG"), synset_in(b"misc/a.jpg")
    ('n01440764', 'n01440764', 'unknown')
    """
    *folders, name = path.split(b"/")
    for part in [*reversed(folders), name]:
        found = re.match(rb"(n\d{8})(?!\d)", part)
        if found:
            return found.group(1).decode()
    return UNKNOWN_SYNSET


def walk(root: bytes, unit: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
    """The regular files of one unit of work: a folder of ``root`` with all below it, or b"" for root's own.

    Links to folders are not followed (they could lead anywhere, or round in circles); links to files are.
    Yields (path relative to root, stat). Unreadable folders are passed over.
    """
    folders = [unit]
    while folders:
        folder = folders.pop()
        try:
            entries = sorted(os.scandir(os.path.join(root, folder)), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            relative = os.path.join(folder, entry.name)
            try:
                if entry.is_dir(follow_symlinks=False):
                    if unit:
                        folders.append(relative)
                    continue
                found = entry.stat()
            except OSError:  # a link to nothing, or gone since: let the reader report it
                yield relative, os.lstat(os.path.join(root, relative))
                continue
            if stat.S_ISREG(found.st_mode):  # a pipe would block, a device never ends
                yield relative, found


def units(root: bytes) -> list[bytes]:
    """The pieces that a folder is listed in, side by side: its own files (b""), and each of its folders."""
    with os.scandir(root) as entries:
        return [b"", *sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))]


def find_files(spark: SparkSession, folder: str, prefix: str | None = None) -> DataFrame:
    """One row a file below ``folder``, listed side by side; ``source_ref`` begins with ``prefix``, by default
    the folder's own name. Raises :class:`InputError` where there is no such folder.
    """
    root = os.fsencode(os.path.abspath(os.path.expanduser(folder)))
    if not os.path.isdir(root):
        raise InputError(f"{folder}: no such folder\n  next: give a folder with images")
    name = prefix or os.path.basename(root).decode("utf-8", errors="backslashreplace")
    rows = [(unit,) for unit in units(root)]
    units_df = spark.createDataFrame(rows, "unit binary").repartition(min(len(rows), 10_000))
    return list_files(units_df, root=root, prefix=name)


def list_files(units_df: DataFrame, *, root: bytes, prefix: str) -> DataFrame:
    """One row a file below ``root``. ``units_df`` has one binary column ``unit``; ``prefix`` begins each
    ``source_ref``.
    """

    def list_units(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for unit in batch.column(0).to_pylist():
                rows = []
                for relative, found in walk(root, unit):
                    rows.append(_listing_row(root, prefix, relative, found))
                    if len(rows) == 10_000:
                        yield _batch(rows, _LISTING)
                        rows = []
                if rows:
                    yield _batch(rows, _LISTING)

    return units_df.mapInArrow(list_units, _LISTING)


def _listing_row(root: bytes, prefix: str, relative: bytes, found: os.stat_result) -> tuple[object, ...]:
    shown = relative.decode("utf-8", errors="backslashreplace")
    return (
        os.path.join(root, relative),
        f"{prefix}/{shown}",
        synset_in(relative),
        found.st_size,
        found.st_mtime_ns // 1000,
        relative.lower().endswith(tuple(ending.encode() for ending in IMAGE_ENDINGS)),
    )


def hash_files(files: DataFrame, *, max_bytes: int) -> DataFrame:
    """Add ``sha256`` of the bytes; null where a file cannot be read. Longer files than ``max_bytes`` are not."""

    def hash_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            paths, sizes = batch.column("path").to_pylist(), batch.column("size_bytes").to_pylist()
            digests = [
                sha256_of(path) if size <= max_bytes else None
                for path, size in zip(paths, sizes, strict=True)
            ]
            yield batch.append_column("sha256", pa.array(digests, pa.string()))

    return files.select(*_LISTING.names).mapInArrow(hash_batches, _HASHED)


def sha256_of(path: bytes) -> str | None:
    """sha256 hex of a file's bytes, read in blocks; None where it cannot be read."""
    hasher = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            for block in iter(lambda: stream.read(1 << 20), b""):
                hasher.update(block)
    except OSError:
        return None
    return hasher.hexdigest()


def read_files(files: DataFrame, *, max_bytes: int) -> DataFrame:
    """The bytes of files by ``path``, where they still have the ``image_id`` they had when they were hashed."""

    def read_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows: list[tuple[object, ...]] = []
        held = 0
        for batch in batches:
            pairs = zip(batch.column("path").to_pylist(), batch.column("image_id").to_pylist(), strict=True)
            for path, image_id in pairs:
                content = _content(path, image_id, max_bytes)
                if content is None:
                    continue
                rows.append((image_id, len(content), content))
                held += len(content)
                if held >= BATCH_BYTES:
                    yield _batch(rows, _BYTES)
                    rows, held = [], 0
        if rows:
            yield _batch(rows, _BYTES)

    return files.select("path", "image_id").mapInArrow(read_batches, _BYTES)


def _content(path: bytes, image_id: str, max_bytes: int) -> bytes | None:
    try:
        with open(path, "rb") as stream:
            content = stream.read(max_bytes + 1)
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == image_id else None


def _batch(rows: list[tuple[object, ...]], schema: StructType) -> pa.RecordBatch:
    types = {"binary": pa.binary(), "string": pa.string(), "bigint": pa.int64(), "boolean": pa.bool_()}
    columns = zip(*rows, strict=True)
    arrays = [
        pa.array(values, types[field.dataType.simpleString()])
        for values, field in zip(columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=schema.names)
