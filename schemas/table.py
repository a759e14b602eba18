"""What a table is: its columns, its key, who writes it, and the rules its rows obey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pyspark.sql.types import DataType, StructField, StructType


@dataclass(frozen=True)
class Table:
    """One table of a warehouse.

    ``key`` is unique and never null. ``rules`` maps what a rule says to a SQL expression that holds for
    every row. ``cluster_by`` columns decide the order of rows on disk, so that file statistics skip most
    files when one synset or one image is asked for. Statistics are kept of the first ``n_with_statistics``
    columns that are no partitions (None: of all): to gather them costs as much as to write. ``is_compressed``
    says whether Parquet compresses it: images are compressed already.
    """

    name: str
    writer: str
    key: tuple[str, ...]
    schema: StructType
    rules: Mapping[str, str] = field(default_factory=dict)
    partition_by: tuple[str, ...] = ()
    cluster_by: tuple[str, ...] = ()
    n_with_statistics: int | None = None
    is_append_only: bool = False
    is_compressed: bool = True


def column(name: str, data_type: DataType, comment: str, *, nullable: bool = False) -> StructField:
    """A column with its comment (meaning, unit), which ``DESCRIBE`` shows in any engine."""
    return StructField(name, data_type, nullable, {"comment": comment})


def one_of(name: str, values: Sequence[str]) -> str:
    """The SQL of "``name`` is null or one of ``values``"."""
    listed = ", ".join(f"'{value}'" for value in values)
    return f"{name} IS NULL OR {name} IN ({listed})"
