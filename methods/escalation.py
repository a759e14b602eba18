"""Which items an expert has to decide: those in doubt by themselves, and all of a synset where too many are."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from synlake.methods.accuracy import wilson_bounds
from synlake.methods.decision import LEAST


def escalation_reason(*, min_confidence: float, min_votes: int) -> Column:
    """Why an expert has to decide; null where none has. Over what :func:`second_opinion` returns."""
    return F.coalesce(
        F.when(F.col("is_tie"), F.lit("tie")),
        F.when(F.col("confidence") < min_confidence, F.lit("low_confidence")),
        F.when(F.col("n_votes") < min_votes, F.lit("few_votes")),
        F.when(F.col("is_contested"), F.lit("methods_disagree")),
    )


def second_opinion(items: DataFrame, other: DataFrame | None) -> DataFrame:
    """Add ``is_contested`` to aggregated ``items``: another method, of which ``other`` are the items, finds another
    label likelier than theirs. Two labels that are as likely to it are no disagreement. None: nobody was asked.
    """
    if other is None:
        return items.withColumn("is_contested", F.lit(False))
    theirs = other.select(
        "item_id", F.col("posterior").alias("their_posterior"), F.col("confidence").alias("their_top")
    )
    ours_to_them = F.coalesce(F.try_element_at("their_posterior", F.col("label")), F.lit(0.0))
    is_contested = F.coalesce(ours_to_them < F.col("their_top") - LEAST, F.lit(False))
    joined = items.join(theirs, on="item_id", how="left").withColumn("is_contested", is_contested)
    return joined.drop("their_posterior", "their_top")


def with_difficult_synsets(labels: DataFrame, *, max_doubtful: float, is_known: Column) -> DataFrame:
    """Give ``escalation_reason`` difficult_synset to the other items of synsets of which surely more than a share
    ``max_doubtful`` is escalated: those where the lower end of its 95 % Wilson interval is above that.

    So a few items in doubt do not escalate a small synset. ``labels`` has ``synset_id, escalation_reason``; votes
    without tasks have no synset. Items that ``is_known`` says true of neither count nor are escalated. Computes
    ``labels`` twice.
    """
    asked = labels.where(F.col("synset_id").isNotNull() & ~is_known)
    counts = asked.groupBy("synset_id").agg(
        F.count(F.lit(1)).alias("n"), F.count("escalation_reason").alias("n_doubtful")
    )
    low, _ = wilson_bounds(F.col("n_doubtful"), F.col("n"))
    difficult = counts.where(low > max_doubtful).select("synset_id", F.lit(True).alias("is_difficult"))
    whole = F.when(F.col("is_difficult") & ~is_known, F.lit("difficult_synset"))
    return (
        labels.join(difficult, on="synset_id", how="left")
        .withColumn("escalation_reason", F.coalesce("escalation_reason", whole))
        .drop("is_difficult")
    )
