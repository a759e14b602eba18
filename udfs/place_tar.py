"""Tar shards without moving image bytes between tasks: each image goes straight to its place in its shard.

Where nothing is resized, the length of every member is known before a byte is read. So the places are computed
first, from narrow rows; then each data file of ``image_bytes`` is read once, in its own order, and every image
written where it belongs; last the shards are hashed and renamed. What has been read through is noted, and a
run that was killed goes on with the next data file. The bytes are those that ``TarShard`` would have written.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import LongType, StringType, StructField, StructType

from synlake.udfs.data_files import local
from synlake.udfs.export_images import WRITTEN, checked, to_batch
from synlake.udfs.shards import put_in_place
from synlake.udfs.tar_members import end_of, keyed, length, records

#: What :func:`with_places` adds: the name of the members, where the first begins, and where the last ends.
PLACES = [
    StructField("key", StringType(), False),
    StructField("start", LongType(), False),
    StructField("end", LongType(), False),
]
_PLACED = StructType([StructField("n", LongType(), False)])
#: Images read at once, and shards open at once, a task.
_BATCH_ROWS, _OPEN_SHARDS = 32, 128


def with_places(plan: DataFrame) -> DataFrame:
    """Add :data:`PLACES` to ``shard, split, label, class_index, image_id, size_bytes``, sorted by shard and image."""
    schema = StructType([*plan.schema.fields, *PLACES])

    def place(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        shard, end = None, 0

        def placed(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
            nonlocal shard, end
            for row in rows:
                start = end if row["shard"] == shard else 0
                shard, end = row["shard"], start + length(row)
                yield {**row, "start": start, "end": end}

        arrow = to_arrow_schema(schema)
        rows = placed(keyed(row for batch in batches for row in batch.to_pylist()))
        for chunk in _chunks(rows, 1 << 14):
            yield pa.RecordBatch.from_pylist(chunk, schema=arrow)

    return plan.mapInArrow(place, schema)


def _chunks(rows: Iterator[dict[str, Any]], n: int) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == n:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def place_images(rows: DataFrame, *, records_dir: str) -> DataFrame:
    """Write rows of :func:`with_places` with ``path, row_index`` of their bytes, sorted by these."""

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        wanted: dict[int, list[dict[str, Any]]] = {}
        path = None
        for batch in batches:
            for row in batch.to_pylist():
                if row["path"] != path and path is not None:
                    yield _count(_place_file(path, wanted, records_dir))
                    wanted = {}
                path = row["path"]
                wanted.setdefault(row["row_index"], []).append(row)
        if path is not None:
            yield _count(_place_file(path, wanted, records_dir))

    return rows.mapInArrow(write, _PLACED)


def note_of(records_dir: str, path: str) -> str:
    """The file whose presence says that a data file has been read through."""
    return os.path.join(records_dir, f"{hashlib.sha256(path.encode()).hexdigest()[:20]}.read")


def _place_file(path: str, wanted: dict[int, list[dict[str, Any]]], records_dir: str) -> int:
    note, n = note_of(records_dir, path), 0
    if os.path.exists(note):
        return 0
    shards: dict[str, int] = {}
    try:
        for at, content in _contents(local(path), sorted(wanted)):
            checked(wanted[at][0]["image_id"], content)
            for row in wanted[at]:
                _write_at(_opened(shards, records_dir, row["shard"]), records(row, content), row["start"])
                n += 1
    finally:
        for shard in shards.values():
            os.close(shard)
    with open(note, "w"):
        return n


def _opened(shards: dict[str, int], records_dir: str, name: str) -> int:
    if name not in shards:
        if len(shards) == _OPEN_SHARDS:
            os.close(shards.pop(next(iter(shards))))
        shards[name] = os.open(os.path.join(records_dir, f"{name}.placed"), os.O_CREAT | os.O_WRONLY, 0o666)
    return shards[name]


def _write_at(shard: int, pieces: Iterator[bytes | memoryview], start: int) -> None:
    """All pieces, one after another, from ``start`` on; a write may take fewer bytes than it was given."""
    left = [memoryview(piece) for piece in pieces]
    while left:
        n = os.pwritev(shard, left, start)
        start += n
        while left and n >= len(left[0]):
            n -= len(left.pop(0))
        if left:
            left[0] = left[0][n:]


def _contents(path: str, wanted: Sequence[int]) -> Iterator[tuple[int, memoryview]]:
    """(row number, bytes) of the ``wanted`` rows of a Parquet file, in order; row groups without any are not read."""
    with pq.ParquetFile(path, memory_map=True, pre_buffer=False) as file:
        first, at = 0, 0
        for group in range(file.num_row_groups):
            last = first + file.metadata.row_group(group).num_rows
            if at < len(wanted) and wanted[at] < last:
                for batch in file.iter_batches(
                    _BATCH_ROWS, row_groups=[group], columns=["bytes"], use_threads=False
                ):
                    while at < len(wanted) and wanted[at] < first + batch.num_rows:
                        value = batch.column(0)[wanted[at] - first]
                        yield wanted[at], memoryview(value.as_buffer())
                        at += 1
                    first += batch.num_rows
                    if at == len(wanted) or wanted[at] >= last:
                        break
            first = last


def finish_shards(shards: DataFrame, *, root: str, records_dir: str) -> DataFrame:
    """Hash and rename ``shard, end, n``, a row each; gives rows of ``WRITTEN``."""

    def finish(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for row in batch.to_pylist():
                part = os.path.join(records_dir, f"{row['shard']}.placed")
                size = row["end"] + end_of(row["end"])
                os.truncate(part, size)
                written = (row["shard"], _sha256(part), size, row["n"], 0)
                put_in_place(part, root, records_dir, written)
                yield to_batch([written])

    return shards.select("shard", "end", "n").mapInArrow(finish, WRITTEN)


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _count(n: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([n], pa.int64())], names=["n"])
