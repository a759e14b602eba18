"""How right labels are: shares of right ones, with the interval that so many items allow."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

#: Standard normal quantile of a two-sided 95 % interval.
Z95 = 1.959963984540054


def wilson_bounds(n_right: Column, n: Column, *, z: float = Z95) -> tuple[Column, Column]:
    """E. B. Wilson's score interval (JASA 1927) for a share; null for no items.

    Unlike the usual ± it stays within [0, 1] and is right for few items and shares near 1.
    """
    share = F.try_divide(n_right, n)
    scale = 1 + z * z / n
    middle = (share + z * z / (2 * n)) / scale
    half = z * F.sqrt(share * (1 - share) / n + z * z / (4.0 * n * n)) / scale
    some = n > 0
    return F.when(some, F.greatest(middle - half, F.lit(0.0))), F.when(
        some, F.least(middle + half, F.lit(1.0))
    )


def score_labels(labels: DataFrame, truth: DataFrame) -> DataFrame:
    """One row: ``labels`` (``item_id, label, confidence``) held against ``truth`` (``item_id, truth``).

    Accuracy is over the items that are in both. ``mean_confidence`` beside it shows whether the
    confidences are too high or too low.
    """
    both = truth.join(labels.select("item_id", "label", "confidence"), on="item_id", how="left")
    counts = both.agg(
        F.count(F.lit(1)).alias("n_truth"),
        F.count("label").alias("n_scored"),
        F.count_if(F.col("label") == F.col("truth")).alias("n_right"),
        F.avg("confidence").alias("mean_confidence"),
    )
    low, high = wilson_bounds(F.col("n_right"), F.col("n_scored"))
    return counts.select(
        "n_truth",
        "n_scored",
        "n_right",
        F.try_divide("n_right", "n_scored").alias("accuracy"),
        low.alias("accuracy_low"),
        high.alias("accuracy_high"),
        "mean_confidence",
    )
