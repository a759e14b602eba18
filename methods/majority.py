"""Majority vote: the label with the most votes, its share, and whether an expert has to decide."""

from __future__ import annotations

from pyspark.sql import DataFrame
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
    """
    counts = votes.groupBy("item_id", "answer").agg(F.count(F.lit(1)).alias("n"))
    items = counts.groupBy("item_id").agg(
        F.sum("n").alias("n_votes"),
        F.max("n").alias("n_top"),
        F.min_by("answer", F.struct(-F.col("n"), F.col("answer"))).alias("label"),
        F.sort_array(F.collect_list(F.struct("answer", "n"))).alias(
            "by_label"
        ),  # as long as there are labels
    )
    shares = F.transform("by_label", lambda one: F.struct(one["answer"], one["n"] / F.col("n_votes")))
    return items.select(
        "item_id",
        "label",
        (F.col("n_top") / F.col("n_votes")).alias("confidence"),
        F.map_from_entries(shares).alias("posterior"),
        "n_votes",
        (F.size(F.filter("by_label", lambda one: one["n"] == F.col("n_top"))) > 1).alias("is_tie"),
    )
