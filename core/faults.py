"""Faults in what a user gave, listed together: all kinds of them at once, each with its number and a sample."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from synlake.errors import InputError

#: Keys shown of each kind.
SAMPLE = 3


def not_utf8(*columns: str) -> Column:
    """Whether a text in one of ``columns`` had bytes that are not UTF-8, for which readers put U+FFFD."""
    return F.contains(F.concat_ws(" ", *columns), F.lit("\ufffd"))


def raise_listed(faults: DataFrame, where: str, next_step: str) -> None:
    """Raise one :class:`InputError` where ``faults`` (``fault, key``, one row a fault) has rows; else return."""
    kinds = Window.partitionBy("fault")
    shown = (
        faults.withColumn("n", F.count(F.lit(1)).over(kinds))
        .withColumn("turn", F.row_number().over(kinds.orderBy("key")))
        .where(F.col("turn") <= SAMPLE)
        .groupBy("fault", "n")
        .agg(F.array_sort(F.collect_list("key")).alias("keys"))
        .orderBy("fault")
    )
    lines = [
        f"  - {row['fault']}: {row['n']}, such as {', '.join(map(_shown, row['keys']))}"
        for row in shown.collect()
    ]
    if lines:
        raise InputError(f"{where}:\n" + "\n".join(lines) + f"\n  next: {next_step}")


def _shown(key: str) -> str:
    """A key; in quotes where it could be taken for several, as a whole line could.

    >>> _shown("n01440764/x.jpg"), _shown("a,b")
    ('n01440764/x.jpg', "'a,b'")
    """
    return repr(key) if "," in key else key
