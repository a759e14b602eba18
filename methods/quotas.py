"""Floors and quotas: how few and how many images a synset is to have after deduplication."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F


def apply_floor(pool: DataFrame, *, floor: int) -> DataFrame:
    """Keep duplicates back where a synset would have fewer than ``floor`` images; adds ``is_restored``.

    The least-duplicate come back first: the greatest distance to the image they duplicate, then image_id.
    They keep ``duplicate_of``, so that a split never parts them from it. What is held out stays out.
    """
    if floor <= 0:
        return pool.withColumn("is_restored", F.lit(False))
    n_kept = F.count_if(F.col("reject_reason").isNull()).over(Window.partitionBy("synset_id"))
    is_duplicate = F.col("duplicate_of").isNotNull() & (F.col("reject_reason") != "held_out")
    turn = F.row_number().over(
        Window.partitionBy("synset_id", is_duplicate).orderBy(F.desc("distance_bits"), "image_id")
    )
    return pool.withColumn("is_restored", is_duplicate & (turn + n_kept <= floor)).withColumn(
        "reject_reason", F.when(~F.col("is_restored"), F.col("reject_reason"))
    )


def apply_quota(pool: DataFrame, *, quota: int, seed: int) -> DataFrame:
    """Reject kept images over ``quota`` (0: none) a synset as ``over_quota``; a seeded sample stays.

    Images of lower ``precedence`` (of earlier releases) stay before all others.
    """
    if quota <= 0:
        return pool
    is_kept = F.col("reject_reason").isNull()
    by_lot = F.xxhash64("image_id", F.lit(seed))
    turn = F.row_number().over(
        Window.partitionBy("synset_id", is_kept).orderBy("precedence", by_lot, "image_id")
    )
    over = is_kept & (turn > quota)
    return (
        pool.withColumn("_over", over)
        .withColumn(
            "reject_reason", F.when(F.col("_over"), F.lit("over_quota")).otherwise(F.col("reject_reason"))
        )
        .withColumn("is_restored", F.col("is_restored") & ~F.col("_over"))
        .drop("_over")
    )
