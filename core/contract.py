"""A DataFrame against its table: schema, key and rules. Checked before a commit, raised once, all faults listed."""

from __future__ import annotations

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
    """Count the rows of ``df``; raise :class:`ContractError` where keys or rules are broken. One pass."""
    broken: list[Column] = [~F.coalesce(F.expr(rule), F.lit(False)) for rule in table.rules.values()]
    missing: Column = F.lit(False)
    for field in table.schema:
        if not field.nullable:
            missing = missing | F.col(field.name).isNull()
    flags = {"a column that is never null is null": missing, **dict(zip(table.rules, broken, strict=True))}
    names = [f"_f{i}" for i in range(len(flags))]
    by_key = df.groupBy(*table.key).agg(
        F.count(F.lit(1)).alias("_n"),
        *(F.max(flag.cast("int")).alias(name) for name, flag in zip(names, flags.values(), strict=True)),
    )
    by_key = by_key.withColumn("_dup", (F.col("_n") > 1).cast("int"))
    totals = by_key.agg(
        F.coalesce(F.sum("_n"), F.lit(0)).alias("_n"),
        *(F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in [*names, "_dup"]),
    ).first()
    assert totals is not None  # an aggregate without groups has one row
    titles = dict(
        zip([*names, "_dup"], [*flags, f"the key ({', '.join(table.key)}) is not unique"], strict=True)
    )
    faults = [
        f"{title}: {totals[name]} keys, such as {_sample(by_key, table, name)}"
        for name, title in titles.items()
        if totals[name]
    ]
    if faults:
        raise ContractError(table.name, faults)
    return int(totals["_n"])


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
