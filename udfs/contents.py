"""Reading what was listed, on executors: files of a folder, members of archives, records of Parquet files."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, groupby, repeat
from typing import Any, NamedTuple

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.types import StringType, StructField, StructType

from synlake.spread import by_weight
from synlake.udfs.files import batch_of
from synlake.udfs.image_store import Images
from synlake.udfs.parquets import read_parquet
from synlake.udfs.tars import read_tar
from synlake.udfs.zips import read_zip

KINDS = ("folder", "tar", "zip", "parquet")
#: A path, and (offset, size) of what is wanted there, ascending → the bytes of each, or None.
Reader = Callable[[bytes, Iterable[tuple[int, int]]], Iterator[bytes | None]]


class Opening(NamedTuple):
    """How what is at a path is read: its kind, and which columns it has, where it has any."""

    kind: str = "folder"
    image_column: str | None = None
    synset_field: str | None = None
    max_bytes: int = 64 << 20

    def reader(self) -> Reader:
        """The reader of this kind."""
        if self.kind == "parquet":
            return partial(read_parquet, image_column=self.image_column, synset_field=self.synset_field)
        return {"folder": _read_file, "tar": read_tar, "zip": read_zip}[self.kind]


def hash_files(files: DataFrame, opening: Opening) -> DataFrame:
    """``files`` with ``sha256`` of the bytes and, where they were had, their ``size_bytes``.

    Null where there are none to be had, or more than ``max_bytes``. A row with a ``reject_reason`` is passed on
    and nothing is read for it.
    """
    hashed = StructType([*files.schema.fields, StructField("sha256", StringType(), True)])

    def hash_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows: list[tuple[object, ...]] = []
        for row, content in _contents(batches, opening):
            if content is not None:
                row["size_bytes"] = len(content)
                row["sha256"] = (
                    hashlib.sha256(content).hexdigest() if len(content) <= opening.max_bytes else None
                )
            rows.append(tuple(row.get(name) for name in hashed.names))
            if len(rows) == 1000:
                yield batch_of(rows, hashed)
                rows = []
        if rows:
            yield batch_of(rows, hashed)

    return _in_order(files).mapInArrow(hash_batches, hashed)


def read_files(files: DataFrame, opening: Opening) -> Images:
    """The files whose bytes still have the ``image_id`` that they had when they were hashed."""

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[object, ...]]:
        for row, content in _contents(batches, opening):
            if content is not None and hashlib.sha256(content).hexdigest() == row["image_id"]:
                yield row["image_id"], len(content), content

    return Images(_in_order(files).select("path", "offset", "size_bytes", "image_id"), read)


def _in_order(files: DataFrame) -> DataFrame:
    """Spread over tasks by what they weigh, an archive's members (of one part) in one, in the order they have there."""
    spread = by_weight(files, "weight_bytes", "path", "part")
    return spread.sortWithinPartitions("path", "offset")


def _contents(
    batches: Iterator[pa.RecordBatch], opening: Opening
) -> Iterator[tuple[dict[str, Any], bytes | None]]:
    """Each row with its bytes. What a file does to its reader is the end of that file only."""
    rows = chain.from_iterable(batch.to_pylist() for batch in batches)
    for path, group in groupby(rows, key=lambda row: row["path"]):
        yield from _contents_of(path, group, opening)


def _contents_of(
    path: bytes, rows: Iterator[dict[str, Any]], opening: Opening
) -> Iterator[tuple[dict[str, Any], bytes | None]]:
    """The rows of one path, which may be many (an archive's): they are passed through, never listed."""
    asked, skipped = deque[dict[str, Any]](), deque[dict[str, Any]]()

    def wanted() -> Iterator[tuple[int, int]]:
        for row in rows:
            is_wanted = not row.get("reject_reason") and (row["size_bytes"] or 0) <= opening.max_bytes
            (asked if is_wanted else skipped).append(row)
            if is_wanted:
                yield row["offset"], row["size_bytes"] or 0

    for content in _until_fault(opening.reader()(path, wanted())):
        yield asked.popleft(), content
        while skipped:
            yield skipped.popleft(), None
    yield from zip(chain(asked, skipped, rows), repeat(None))


def _until_fault(contents: Iterator[bytes | None]) -> Iterator[bytes | None]:
    try:
        yield from contents
    except Exception:  # broken in a way that its library has no word for: the rest of it is unreadable
        return


def _read_file(path: bytes, wanted: Iterable[tuple[int, int]]) -> Iterator[bytes | None]:
    for _, size in wanted:
        with open(path, "rb") as stream:
            content = stream.read(size + 1)
        yield content if len(content) == size else None
