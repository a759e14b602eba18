"""A checksum of rows that does not depend on their order, their files or the machine."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, DoubleType, FloatType

#: Hex digits of a row's hash that choose its bucket: 4096 buckets, each hashed by one task.
_BUCKET_DIGITS = 3


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
    # Hashes are moved and sorted as bytes, half as long as their digits and in the same order.
    first_digits = F.substring(
        F.hex(F.substring("row_sha256", 1, -(-_BUCKET_DIGITS // 2))), 1, _BUCKET_DIGITS
    )
    digits = F.transform("hashes", lambda row_sha256: F.lower(F.hex(row_sha256)))
    buckets = (
        hashes.select("table", "row_sha256", F.lower(first_digits).alias("bucket"))
        .groupBy("table", "bucket")
        .agg(F.sort_array(F.collect_list("row_sha256")).alias("hashes"), F.count(F.lit(1)).alias("n"))
        .select("table", "bucket", "n", F.sha2(F.array_join(digits, "").cast("binary"), 256).alias("digest"))
        .collect()
    )
    found = {}
    for table in tables:
        mine = sorted((row["bucket"], row["digest"], row["n"]) for row in buckets if row["table"] == table)
        text = "".join(digest for _, digest, _ in mine)
        found[table] = hashlib.sha256(text.encode()).hexdigest(), sum(n for *_, n in mine)
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
