"""The data files of a table, for readers of few rows that are big: what is skipped or shared out is files."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import tables
from synlake.schemas import TABLES
from synlake.warehouse import Warehouse


def files_with_new(warehouse: Warehouse, table: str, known: DataFrame) -> list[str]:
    """The data files of a table that have a row whose key is not in ``known``, as Spark names them.

    Compared are keys only, so that what is added to a table of images costs what is new, not what is there.
    """
    key = list(TABLES[table].key)
    rows = tables.read(warehouse, table).select(*key, F.col("_metadata.file_path").alias("path"))
    new = rows.join(known, on=key, how="left_anti").select("path").distinct()
    return [row["path"] for row in new.collect()]


def read_files(warehouse: Warehouse, table: str, files: Sequence[str]) -> DataFrame:
    """The rows of some data files of a table, named as :func:`files_with_new` names them."""
    rows = tables.read(warehouse, table)
    return warehouse.spark.read.schema(rows.schema).parquet(*map(unquote, files)) if files else rows.limit(0)


def locate(warehouse: Warehouse, table: str) -> DataFrame | None:
    """The key of each row with the ``path`` of its data file and its ``row_index`` there; None where files are remote.

    For readers that go to a table's files themselves, since its rows are too big to be moved between tasks. The
    files are read as what they are, Parquet: of rows in a Delta table Spark tells no number.
    """
    if warehouse.is_remote:
        return None
    rows = tables.read(warehouse, table)
    files = warehouse.spark.read.schema(rows.schema).parquet(*map(unquote, rows.inputFiles()))
    where = (F.col("_metadata.file_path").alias("path"), F.col("_metadata.row_index").alias("row_index"))
    return files.select(*TABLES[table].key, *where)
