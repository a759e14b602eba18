"""Which tasks still lack votes, and how many: by a fixed number, or by the dynamic rule of each synset."""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema

from synlake.methods.vote_confidence import Rates, rates, rule_of, table_rows
from synlake.schemas import TABLES

#: Votes that an image of the sample must have to say what they are worth.
_LEAST_SAMPLE = 3


def counted(tasks: DataFrame, votes: DataFrame, workers: DataFrame) -> DataFrame:
    """Questions (no controls) with ``n_votes``, and ``counts``: votes for each of their options, in order.

    Votes of ``workers`` with an ``exclusion_reason`` do not count: others are to give theirs instead.
    """
    excluded = workers.where(F.col("exclusion_reason").isNotNull()).select("worker_id")
    votes = votes.join(excluded, on="worker_id", how="left_anti")
    by_answer = votes.groupBy("item_id", "answer").agg(F.count(F.lit(1)).cast("int").alias("n"))
    by_item = by_answer.groupBy(F.col("item_id").alias("task_id")).agg(
        F.map_from_entries(F.collect_list(F.struct("answer", "n"))).alias("given")
    )  # as long as there are answers
    none = F.create_map().cast("map<string,int>")
    counts = F.transform(
        "options", lambda one: F.coalesce(F.element_at(F.coalesce("given", none), one["answer"]), F.lit(0))
    )
    found = tasks.where(~F.col("is_gold")).join(by_item, on="task_id", how="left")
    return found.withColumn("counts", counts).withColumn("n_votes", _total("counts")).drop("given")


def lacking_fixed(found: DataFrame, *, n_votes: int | None) -> DataFrame:
    """Add ``n_more``: votes up to ``n_votes``, or up to what each task was planned with."""
    wanted = F.col("n_votes_wanted") if n_votes is None else F.lit(n_votes)
    return found.withColumn("n_more", F.greatest(wanted - F.col("n_votes"), F.lit(0)))


def pooled_rates(found: DataFrame) -> Rates:
    """The rates of yes/no votes over the samples of all synsets; one row a pair of counts comes to the driver."""
    groups = _samples(found).where(F.size("counts") == 2).groupBy("counts").agg(F.count(F.lit(1)).alias("n"))
    return rates({tuple(row["counts"]): row["n"] for row in groups.toLocalIterator()})


def confidence_tables(found: DataFrame, pooled: Rates, *, target: float, max_votes: int) -> DataFrame:
    """Rows of ``vote_confidence``, for each synset whose sample has votes."""
    names = TABLES["vote_confidence"].schema.names
    types = to_arrow_schema(TABLES["vote_confidence"].schema)

    def table(key: tuple[pa.Scalar, ...], group: pa.Table) -> pa.Table:
        samples = {
            tuple(counts): n
            for counts, n in zip(group["counts"].to_pylist(), group["n"].to_pylist(), strict=True)
        }
        rule = rule_of(samples, target=target, max_votes=max_votes, pooled=pooled)
        rows = [(key[0].as_py(), *row) for row in table_rows(rule, samples)]
        return pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)), schema=types)

    groups = _samples(found).groupBy("synset_id", "counts").agg(F.count(F.lit(1)).alias("n"))
    return groups.groupBy("synset_id").applyInArrow(table, TABLES["vote_confidence"].schema)


def lacking_dynamic(found: DataFrame, confidence: DataFrame, *, max_votes: int) -> DataFrame:
    """Add ``n_more``: what the sample lacks of its votes, and what the tables say of the others; null where a
    synset's sample has no votes yet.
    """
    lead, total = F.array_max("counts"), F.col("n_votes")
    n_for = F.when(F.size("counts") == 2, F.get("counts", F.lit(0))).otherwise(lead)
    states = found.withColumns({"n_for": n_for, "n_against": total - n_for})
    told = states.join(
        confidence.select("synset_id", "n_for", "n_against", F.col("n_more").alias("told")),
        on=["synset_id", "n_for", "n_against"],
        how="left",
    )
    of_sample = F.greatest(F.col("n_votes_wanted") - total, F.lit(0))
    of_others = F.when(total >= max_votes, 0).otherwise(F.col("told"))
    return told.withColumn(
        "n_more", F.when(F.col("n_votes_wanted") > 0, of_sample).otherwise(of_others)
    ).drop("told")


def control_offers(tasks: DataFrame) -> DataFrame:
    """The controls of a plan, as ``hits.controls`` takes them, to be used once more: each image once a synset."""
    gold = tasks.where("is_gold").withColumn(
        "is_positive", (F.col("expected_answer") == "yes") | (F.col("expected_answer") == F.col("synset_id"))
    )
    first = gold.groupBy("synset_id", "image_id").agg(
        F.min_by(F.struct(*gold.columns), "task_id").alias("one")
    )
    return first.select("one.*", F.lit(0).alias("preference")).drop("hit_id", "position", "n_votes_wanted")


def _samples(found: DataFrame) -> DataFrame:
    return found.where((F.col("n_votes_wanted") > 0) & (F.col("n_votes") >= _LEAST_SAMPLE))


def _total(counts: str) -> Column:
    return F.aggregate(counts, F.lit(0), lambda total, n: total + n)
