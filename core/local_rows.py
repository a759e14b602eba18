"""Rows that the driver has, as a DataFrame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import IntegerType, StructField, StructType

#: A listing of hundreds of thousands of folders or archives is not worth more tasks than this.
_MOST_TASKS = 10_000


def local_rows(spark: SparkSession, rows: Iterable[Sequence[Any]], schema: StructType | str) -> DataFrame:
    """``rows``, each with a value for every field of ``schema`` in its order.

    Spark sees them while it plans: no rows are planned away with all that would be joined to them, few are broadcast,
    and no Python process is started to hand them over. Rows that ``createDataFrame`` is given as tuples do none of it.

    ``ValueError`` where a field that may not be null is.
    """
    wanted = _struct(schema)
    values = list(rows)
    arrow = to_arrow_schema(wanted, timezone="UTC")
    columns = [pa.array([row[i] for row in values], field.type) for i, field in enumerate(arrow)]
    for field, column in zip(wanted, columns, strict=True):
        if column.null_count and not field.nullable:
            raise ValueError(f"column {field.name} may not be null")
    df: DataFrame = spark.createDataFrame(pa.Table.from_arrays(columns, schema=arrow), wanted)
    return df


def dealt_rows(
    spark: SparkSession,
    rows: Iterable[Sequence[Any]],
    schema: StructType | str,
    n_partitions: int = _MOST_TASKS,
) -> DataFrame:
    """The same, dealt out in turn to ``n_partitions``, or fewer where rows are: for rows that each stand for much work.

    ``repartition`` would begin at a random partition for each of the few that it reads: some tasks would get none.
    """
    values = list(rows)
    n = max(1, min(n_partitions, len(values)))
    numbered = StructType([*_struct(schema), StructField("task", IntegerType(), False)])
    dealt = local_rows(spark, ((*row, index % n) for index, row in enumerate(values)), numbered)
    return dealt.repartitionById(n, "task").drop("task")


def _struct(schema: StructType | str) -> StructType:
    return schema if isinstance(schema, StructType) else cast(StructType, StructType.fromDDL(schema))
