"""A checksum of rows that does not depend on their order, their files or the machine."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, DoubleType, FloatType

from synlake.methods.parcels import in_parts, to_pack
from synlake.spread import tasks_for

#: A row's hash, as numpy has it.
_HASH = "S32"
#: Hashes that one task sorts, about: it holds them three times, 100 MB.
_HASHES_PER_TASK = 1_000_000


def content_checksum(rows: DataFrame) -> str:
    """sha256 hex over all rows and all columns but their order.

    Each row is hashed; the hashes of a bucket (by their first digits) are sorted and hashed together; the
    bucket hashes, at most 4096, are sorted and hashed on the driver. Columns count in name order, with
    their names. Doubles count to nine decimals, since Java versions differ in how they print the rest.
    """
    hashes = rows.select(F.lit("").alias("table"), row_hash(rows).alias("row_sha256"))
    return table_checksums(hashes, [""])[""][0]


def row_hash(rows: DataFrame) -> Column:
    """sha256 of a row, 32 bytes."""
    return F.unhex(F.sha2(canonical(rows).cast("binary"), 256))


def row_hashes(rows: DataFrame, table: str, key: Sequence[str]) -> DataFrame:
    """``table, key, row_sha256`` of each row; ``key`` is the values of the ``key`` columns, one after another."""
    return rows.select(
        F.lit(table).alias("table"), F.concat_ws(" ", *key).alias("key"), row_hash(rows).alias("row_sha256")
    )


def table_checksums(hashes: DataFrame, tables: Sequence[str]) -> dict[str, tuple[str, int]]:
    """(content checksum, rows) of each of ``tables``, from ``table, row_sha256``; one row a bucket comes back."""
    buckets = _bucket_digests(hashes.select("table", "row_sha256")).collect()
    found = {}
    for table in tables:
        mine = sorted((row["bucket"], row["digest"], row["n"]) for row in buckets if row["table"] == table)
        text = "".join(digest for _, digest, _ in mine)
        found[table] = hashlib.sha256(text.encode()).hexdigest(), sum(n for *_, n in mine)
    return found


def _bucket_digests(hashes: DataFrame) -> DataFrame:
    """``table, bucket, n, digest`` of ``table, row_sha256``; sorted in numpy, which takes half of what Spark does."""
    n_tasks = tasks_for(hashes.sparkSession, hashes.count(), _HASHES_PER_TASK) or 1

    def pack(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for rows in to_pack(batches):
            yield _parcels(rows, n_tasks)

    parcels = hashes.mapInArrow(pack, "task int, table string, hashes binary")
    return parcels.repartitionById(n_tasks, F.col("task")).mapInArrow(
        _digests, "table string, bucket int, n long, digest string"
    )


def _parcels(rows: pa.Table, n_tasks: int) -> pa.RecordBatch:
    """``task, table, hashes``, one after another: one row a table and task that gets some of its buckets."""
    tables = rows["table"].combine_chunks().dictionary_encode()
    hashes = np.frombuffer(b"".join(rows["row_sha256"].to_pylist()), _HASH)
    part = tables.indices.to_numpy().astype(np.int64) * n_tasks + _buckets(hashes) % n_tasks
    order, parts = in_parts(part)
    ordered = hashes[order]
    numbers = np.array([number for number, _ in parts])
    return pa.RecordBatch.from_arrays(
        [
            pa.array((numbers % n_tasks).astype(np.int32)),
            tables.dictionary.take(pa.array(numbers // n_tasks)),
            pa.array([ordered[mine].tobytes() for _, mine in parts], pa.binary()),
        ],
        ["task", "table", "hashes"],
    )


def _digests(parcels: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """``table, bucket, n, digest``: how many hashes are in a bucket, and the sha256 of their sorted digits."""
    by_table = defaultdict(list)
    for batch in parcels:
        for _, table, hashes in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            by_table[table].append(hashes)
    for table, parts in by_table.items():
        hashes = np.sort(np.frombuffer(b"".join(parts), _HASH))
        _, buckets = in_parts(_buckets(hashes))
        texts = [hashes[mine].tobytes().hex() for _, mine in buckets]
        yield pa.RecordBatch.from_arrays(
            [
                pa.array([table] * len(texts)),
                pa.array([bucket for bucket, _ in buckets], pa.int32()),
                pa.array([mine.stop - mine.start for _, mine in buckets], pa.int64()),
                pa.array([hashlib.sha256(text.encode()).hexdigest() for text in texts]),
            ],
            ["table", "bucket", "n", "digest"],
        )


def _buckets(hashes: npt.NDArray[np.bytes_]) -> npt.NDArray[np.int64]:
    """The number that the first three hex digits of each hash are: its bucket, one of 4096."""
    digits = hashes.view(np.uint8).reshape(len(hashes), -1)
    found: npt.NDArray[np.int64] = (digits[:, 0].astype(np.int64) << 4) | (digits[:, 1] >> 4)
    return found


def canonical(rows: DataFrame) -> Column:
    """A row as text in which no two different rows look alike: JSON with nulls left out, columns by name."""
    fields = sorted(rows.schema, key=lambda field: field.name)
    return F.to_json(F.struct(*(_plain(field.name, field.dataType).alias(field.name) for field in fields)))


def _plain(name: str, data_type: DataType) -> Column:
    if isinstance(data_type, DoubleType | FloatType):
        return F.col(name).cast("decimal(28,9)").cast("string")
    if isinstance(data_type, ArrayType):
        return F.col(name)
    return F.col(name).cast("string")


def combine(checksums: dict[str, str]) -> str:
    """One checksum of several tables', by name."""
    listed = "\n".join(f"{name} {checksums[name]}" for name in sorted(checksums))
    return hashlib.sha256(listed.encode()).hexdigest()
