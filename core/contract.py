"""A DataFrame against its table: schema, key and rules. Checked before a commit, raised once, all faults listed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from synlake.errors import ContractError
from synlake.schemas.table import Table

#: Keys shown of each fault.
SAMPLE = 3


def conform(df: DataFrame, table: Table) -> DataFrame:
    """``df`` with exactly the columns of the table, in its order and with its comments.

    ``DataFrame.to(schema)`` would fill missing columns and drop extra ones silently; here both are faults.
    """
    faults = _schema_faults(df.schema, table.schema)
    if faults:
        raise ContractError(table.name, faults)
    return df.select(
        *(F.col(field.name).alias(field.name, metadata=field.metadata) for field in table.schema)
    )


def check(df: DataFrame, table: Table) -> int:
    """Count the rows of ``df``; raise :class:`ContractError` where keys or rules are broken. One pass.

    Keys are compared by a hash of 64 bits, which is much narrower than most; only where something is wrong, or two
    hashes are equal by chance, is a second pass made, by the keys themselves.
    """
    flags = _flags(table)
    is_broken = reduce(Column.__or__, flags.values())
    totals = (
        df.groupBy(F.xxhash64(*table.key))
        .agg(F.count(F.lit(1)).alias("n"), F.max(is_broken).alias("is_broken"))
        .agg(
            F.coalesce(F.sum("n"), F.lit(0)).alias("n"),
            F.max("n").alias("most"),
            F.max("is_broken").alias("is_broken"),
        )
        .first()
    )
    assert totals is not None  # an aggregate without groups has one row
    if totals["n"] and (totals["is_broken"] or totals["most"] > 1):
        faults = _faults(df, table, flags)
        if faults:
            raise ContractError(table.name, faults)
    return int(totals["n"])


def _flags(table: Table) -> dict[str, Column]:
    """What can be wrong with a row by itself."""
    missing: Column = F.lit(False)
    for field in table.schema:
        if not field.nullable:
            missing = missing | F.col(field.name).isNull()
    broken = {title: ~F.coalesce(F.expr(rule), F.lit(False)) for title, rule in table.rules.items()}
    return {"a column that is never null is null": missing, **broken}


def _faults(df: DataFrame, table: Table, flags: Mapping[str, Column]) -> list[str]:
    """What is wrong, with the number of keys and a few of them."""
    by_key = df.groupBy(*table.key).agg(
        (F.count(F.lit(1)) > 1).cast("int").alias("_dup"),
        *(F.max(flag.cast("int")).alias(f"_f{i}") for i, flag in enumerate(flags.values())),
    )
    titles = {f"_f{i}": title for i, title in enumerate(flags)}
    titles["_dup"] = f"the key ({', '.join(table.key)}) is not unique"
    totals = by_key.agg(*(F.sum(name).alias(name) for name in titles)).first()
    assert totals is not None  # an aggregate without groups has one row
    return [
        f"{title}: {totals[name]} keys, such as {_sample(by_key, table, name)}"
        for name, title in titles.items()
        if totals[name]
    ]


def _sample(by_key: DataFrame, table: Table, flag: str) -> str:
    rows = by_key.where(F.col(flag) > 0).select(*table.key).orderBy(*table.key).limit(SAMPLE).collect()
    return "; ".join(", ".join(str(value) for value in row) for row in rows)


def _schema_faults(given: StructType, wanted: StructType) -> list[str]:
    given_types = {field.name: field.dataType for field in given}
    wanted_types = {field.name: field.dataType for field in wanted}
    faults = [f"column {name} is missing" for name in wanted_types if name not in given_types]
    faults += [f"column {name} is not in the schema" for name in given_types if name not in wanted_types]
    faults += [
        f"column {name} is {given_types[name].simpleString()}, wanted {kind.simpleString()}"
        for name, kind in wanted_types.items()
        if name in given_types and given_types[name].simpleString() != kind.simpleString()
    ]
    return faults
