"""What experts decided in all: the label that most of them give an item, and where they are split."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake.methods.majority import majority_vote


def expert_labels(reviews: DataFrame) -> DataFrame:
    """``item_id, expert_label, is_disputed`` of each item that experts decided on: what most of them say.

    Disputed where as many say something else.
    """
    counted = reviews.where("kind = 'decision' AND reject_reason IS NULL")
    decided = majority_vote(counted.select("item_id", F.col("label").alias("answer")), min_confidence=0.0)
    return decided.select(
        "item_id", F.col("label").alias("expert_label"), F.col("is_escalated").alias("is_disputed")
    )


def expert_answers(reviews: DataFrame) -> DataFrame:
    """``item_id, truth``: the experts' majority; items on which they are split are left out."""
    settled = expert_labels(reviews).where(~F.col("is_disputed"))
    return settled.select("item_id", F.col("expert_label").alias("truth"))


def undecided(labels: DataFrame, reviews: DataFrame) -> DataFrame:
    """The items, but for controls, on which no expert has decided, or not in the end (``is_disputed``)."""
    experts = expert_labels(reviews).select("item_id", "is_disputed")
    joined = labels.where(~F.col("is_gold")).join(experts, on="item_id", how="left")
    return joined.where(F.coalesce("is_disputed", F.lit(True))).fillna(False, subset=["is_disputed"])
