"""Finding the files of a folder tree, on executors. Every file found gets a row; none ends a task.

Paths are bytes, because file names are: a name that is not UTF-8 is read all the same, and shown with
backslash escapes in ``source_ref``.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import (
    BinaryType,
    BooleanType,
    LongType,
    StringType,
    StructField,
    StructType,
)

from synlake.config import check_folder
from synlake.local_rows import dealt_rows

IMAGE_ENDINGS = (".jpg", ".jpeg", ".jpe", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".jfif")
#: Bytes of images in one Arrow batch, about: what bounds the memory of a reading task.
BATCH_BYTES = 16 << 20
#: Rows that a task lists before it hands them on.
LISTED_ROWS = 10_000
UNKNOWN_SYNSET = "unknown"

#: A listed image: a file of its own (offset 0), or a part of an archive at ``path``.
LISTING = StructType(
    [
        StructField("path", BinaryType(), False),
        StructField("offset", LongType(), False),
        StructField("part", LongType(), False),
        StructField("source_ref", StringType(), False),
        StructField("synset_id", StringType(), False),
        StructField("label", StringType(), True),
        StructField("size_bytes", LongType(), True),
        StructField("weight_bytes", LongType(), False),
        StructField("modified_us", LongType(), False),
        StructField("is_image", BooleanType(), False),
        StructField("fault", StringType(), True),
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
    check_folder("--input", folder)
    root = os.fsencode(os.path.abspath(os.path.expanduser(folder)))
    name = prefix or os.path.basename(root).decode("utf-8", errors="backslashreplace")
    units_df = dealt_rows(spark, ((unit,) for unit in units(root)), "unit binary")
    return list_files(units_df, root=root, prefix=name)


def list_files(units_df: DataFrame, *, root: bytes, prefix: str) -> DataFrame:
    """One row a file below ``root``: the columns of LISTING. ``units_df`` has one binary column ``unit``;
    ``prefix`` begins each ``source_ref``.
    """

    def list_units(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for unit in batch.column(0).to_pylist():
                rows = []
                for relative, found in walk(root, unit):
                    rows.append(_listing_row(root, prefix, relative, found))
                    if len(rows) == LISTED_ROWS:
                        yield batch_of(rows, LISTING)
                        rows = []
                if rows:
                    yield batch_of(rows, LISTING)

    return units_df.mapInArrow(list_units, LISTING)


def _listing_row(root: bytes, prefix: str, relative: bytes, found: os.stat_result) -> tuple[object, ...]:
    return (
        os.path.join(root, relative),
        0,
        0,
        f"{prefix}/{shown(relative)}",
        synset_in(relative),
        None,
        found.st_size,
        found.st_size,
        found.st_mtime_ns // 1000,
        is_image_name(relative),
        None,
    )


def shown(name: bytes) -> str:
    """A file name as text; bytes that are not UTF-8 as backslash escapes."""
    return name.decode("utf-8", errors="backslashreplace")


def is_image_name(name: bytes) -> bool:
    """Whether a name ends like that of an image."""
    return name.lower().endswith(tuple(ending.encode() for ending in IMAGE_ENDINGS))


def batch_of(rows: Sequence[tuple[object, ...]], schema: StructType) -> pa.RecordBatch:
    """Rows as an Arrow batch of a schema."""
    wanted = to_arrow_schema(schema)
    columns = zip(*rows, strict=True)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, wanted, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=wanted)


def batches_of(rows: Iterable[tuple[object, ...]], schema: StructType) -> Iterator[pa.RecordBatch]:
    """Rows whose last value is an image's bytes, or null, in batches of about :data:`BATCH_BYTES`."""
    waiting: list[tuple[object, ...]] = []
    held = 0
    for row in rows:
        waiting.append(row)
        held += len(row[-1]) if isinstance(row[-1], bytes) else 0
        if held >= BATCH_BYTES:
            yield batch_of(waiting, schema)
            waiting, held = [], 0
    if waiting:
        yield batch_of(waiting, schema)
