"""A user's file of answers that are known for certain."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from synlake.errors import InputError
from synlake.intake import read_rows


def read_gold(spark: SparkSession, path: str, key: Sequence[str]) -> DataFrame:
    """``key`` and ``expected_answer``, a row a key, of the lines that have them all.

    :class:`InputError` where the file has two answers for one key.
    """
    names = [*key, "expected_answer"]
    given = read_rows(spark, path, {name: name for name in names}, {})
    for name in names:
        given = given.where(F.col("raw").isNull() & (F.col(name) != ""))
    answers = given.groupBy(*key).agg(F.sort_array(F.collect_set("expected_answer")).alias("answers"))
    torn = answers.where(F.size("answers") > 1).orderBy(*key).first()
    if torn is not None:
        what = " ".join([key[0].removesuffix("_id"), *(torn[name] for name in key)])
        raise InputError(
            f"--gold-file {path}: {what} has the answers {', '.join(torn['answers'])}; wanted one\n"
            "  next: leave out those that are not certain"
        )
    return answers.select(*key, F.get("answers", F.lit(0)).alias("expected_answer"))
