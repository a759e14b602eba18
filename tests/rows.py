"""Row builders: a DataFrame of a table's schema from the few values that a test is about."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DoubleType,
    IntegerType,
    LongType,
    MapType,
    StringType,
    TimestampType,
)

from synlake.schemas import TABLES

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.timezone.utc)
_DEFAULTS: dict[type[DataType], Any] = {
    StringType: "",
    BooleanType: False,
    DoubleType: 0.0,
    IntegerType: 0,
    LongType: 0,
    TimestampType: NOON,
    ArrayType: [],
    MapType: {},
}


def rows(spark: SparkSession, table: str, *given: dict[str, Any]) -> DataFrame:
    """``given`` rows of ``table``; columns that a row leaves out are null, or a plain default where they may not be."""
    schema = TABLES[table].schema
    unknown = {name for row in given for name in row} - set(schema.names)
    assert not unknown, f"{table} has no columns {unknown}"
    full = [
        tuple(
            row.get(field.name, None if field.nullable else _DEFAULTS.get(type(field.dataType)))
            for field in schema
        )
        for row in given
    ]
    return spark.createDataFrame(full, schema)


def as_dicts(df: DataFrame, *order_by: str) -> list[dict[str, Any]]:
    """The rows as dictionaries, in an order that a test can rely on."""
    return [row.asDict(recursive=True) for row in df.orderBy(*(order_by or df.columns)).collect()]
