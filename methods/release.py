"""What goes into a release: kept images whose synset was confirmed, with everything needed to use them."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake.methods.experts import expert_labels


def decided_labels(labels: DataFrame, reviews: DataFrame) -> DataFrame:
    """``item_id, image_id, synset_id, label, confidence, n_votes, label_source, is_open``, one row a non-gold item.

    Experts win over the crowd. Where they disagree among themselves their majority counts; without one
    the item stays open, as does an escalated item on which nobody has decided.
    """
    both = labels.where(~F.col("is_gold")).join(expert_labels(reviews), on="item_id", how="left")
    by_expert = F.col("expert_label").isNotNull()
    return both.select(
        "item_id",
        "image_id",
        "synset_id",
        F.coalesce("expert_label", "label").alias("label"),
        "confidence",
        "n_votes",
        F.when(by_expert, "review").otherwise("votes").alias("label_source"),
        F.when(by_expert, F.col("is_disputed")).otherwise(F.col("is_escalated")).alias("is_open"),
    )


def judge_pool(pool: DataFrame, prints: DataFrame, decided: DataFrame) -> DataFrame:
    """Every row of the pool with how sure its label is, and ``left_out``: why it is not in the release, or null.

    It has the columns of ``prints`` (one row an ``image_id``) too. They are joined first, so that all three can be
    joined where the images are (:func:`synlake.spread.joined_in_place`).
    """
    left_out = F.coalesce(
        F.when(~F.col("is_kept"), F.lit("not_kept")),
        F.when(F.col("label").isNull(), F.lit("not_labelled")),
        F.when(F.col("is_open"), F.lit("unresolved_escalation")),
        # What classify asks is answered with a synset.
        F.when((F.col("label") != "yes") & (F.col("label") != F.col("synset_id")), F.lit("label_is_no")),
    )
    return (
        pool.select("image_id", "synset_id", "is_kept", "duplicate_of")
        .join(prints, on="image_id", how="left")
        .join(decided.drop("item_id"), on=["image_id", "synset_id"], how="left")
        .withColumn("left_out", left_out)
        .drop("is_kept", "label", "is_open")
    )


def counted(judged: DataFrame) -> DataFrame:
    """``left_out, synset_id, n, confidence`` (their sum) of rows of :func:`judge_pool`: one row a class and reason."""
    return judged.groupBy("left_out", "synset_id").agg(
        F.count(F.lit(1)).alias("n"), F.sum("confidence").alias("confidence")
    )
