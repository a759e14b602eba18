"""Majority vote: the label with the most votes, its share, and whether an expert has to decide."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


def majority_vote(votes: DataFrame, *, min_confidence: float) -> DataFrame:
    """One row an item from ``item_id, answer``, one row a vote.

    confidence = votes for the top label / votes. Escalated on a tie, and where confidence <
    ``min_confidence``. A tie is broken by label order, so that runs agree. No shuffle but by item.
    """
    reason = F.coalesce(
        F.when(F.col("is_tie"), F.lit("tie")),
        F.when(F.col("confidence") < min_confidence, F.lit("low_confidence")),
    )
    return vote_counts(votes).select(
        "item_id",
        "label",
        "confidence",
        "n_votes",
        reason.isNotNull().alias("is_escalated"),
        reason.alias("escalation_reason"),
    )


def vote_counts(votes: DataFrame) -> DataFrame:
    """One row an item: the top label, its share as ``confidence``, all shares as ``posterior``, ``n_votes``
    and ``is_tie``.

    An item's votes come together once, as a list, and are counted there: counting them by label first would be a
    second aggregation of almost as many rows.
    """
    items = votes.groupBy("item_id").agg(F.sort_array(F.collect_list("answer")).alias("answers"))
    items = items.select(
        "item_id", F.size("answers").cast("long").alias("n_votes"), _by_label().alias("by_label")
    )
    items = items.withColumn("n_top", F.array_max(F.transform("by_label", lambda one: one["n"])))
    items = items.withColumn("top", F.filter("by_label", lambda one: one["n"] == F.col("n_top")))
    shares = F.transform("by_label", lambda one: F.struct(one["answer"], one["n"] / F.col("n_votes")))
    return items.select(
        "item_id",
        F.col("top")[0]["answer"].alias("label"),
        (F.col("n_top") / F.col("n_votes")).alias("confidence"),
        F.map_from_entries(shares).alias("posterior"),
        "n_votes",
        (F.size("top") > 1).alias("is_tie"),
    )


def _by_label() -> Column:
    """(answer, n) of each label in ``answers``, by label."""

    def counted(label: Column) -> Column:
        n = F.size(F.filter("answers", lambda answer: answer == label))
        return F.struct(label.alias("answer"), n.alias("n"))

    return F.transform(F.array_distinct("answers"), counted)
