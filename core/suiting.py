"""Spark's settings by how much there is to do: work on few rows takes as long as it has Spark jobs."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

from pyspark.sql import SparkSession

from synlake import tables
from synlake.spread import FEW_ROWS, few_rows
from synlake.warehouse import Warehouse

#: Tables that together have no more bytes have few rows: some hundred thousand, in one partition.
FEW_BYTES = 16 << 20


def suited_to_rows(spark: SparkSession, n_rows: int) -> AbstractContextManager[None]:
    """:func:`few_rows` for a block that works on ``n_rows`` narrow rows, where that is few."""
    return few_rows(spark) if n_rows <= FEW_ROWS else nullcontext()


def suited_to_tables(warehouse: Warehouse, names: Iterable[str]) -> AbstractContextManager[None]:
    """The same for a block that works on the rows of these tables, and nothing else."""
    sizes = [tables.size_bytes(warehouse, name) for name in names]
    is_little = None not in sizes and sum(filter(None, sizes)) <= FEW_BYTES
    return few_rows(warehouse.spark) if is_little else nullcontext()
