"""How images are spread over synsets: few synsets with many, many with few, or evenly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

#: What is counted of each synset, in the order of the stages. SQL, since a Column can only be made in a session.
SIZES = {
    "usable candidates": "duplicate_of IS NOT NULL OR is_kept OR reject_reason = 'over_quota'",
    "after deduplication": "(is_kept AND NOT is_restored) OR reject_reason = 'over_quota'",
    "after floor and quota": "is_kept",
}
HEAD_SHARE, TAIL_SHARE = 0.1, 0.5


def sizes_by_synset(pool: DataFrame) -> DataFrame:
    """``stage, synset_id, n``: images of each synset of a pool at each of :data:`SIZES`."""
    wide = pool.groupBy("synset_id").agg(
        *(F.count_if(F.expr(counted)).alias(f"s{k}") for k, counted in enumerate(SIZES.values()))
    )
    stages = F.array(
        *(F.struct(F.lit(k).alias("stage"), F.col(f"s{k}").alias("n")) for k in range(len(SIZES)))
    )
    return wide.select("synset_id", F.inline(stages)).select("stage", "synset_id", "n")


def distribution(sizes: DataFrame) -> DataFrame:
    """One row a ``stage`` of ``stage, synset_id, n``: how equal the synsets are.

    ``gini``: half the mean absolute difference of two synsets over the mean; 0: all equal.
    ``head_share``, ``tail_share``: share of the images in the largest tenth and in the smaller half of the synsets.
    There is a row a synset, so one task a stage ranks them.
    """
    by_size = Window.partitionBy("stage").orderBy("n", "synset_id")
    everything = Window.partitionBy("stage")
    ranked = sizes.withColumn("turn", F.row_number().over(by_size)).withColumn(
        "n_synsets", F.count(F.lit(1)).over(everything)
    )
    n_images, n_synsets = F.sum("n"), F.max("n_synsets")
    in_head = F.col("turn") > F.col("n_synsets") - F.ceil(F.col("n_synsets") * HEAD_SHARE)
    in_tail = F.col("turn") <= F.floor(F.col("n_synsets") * TAIL_SHARE)

    def share(part: Column) -> Column:
        return F.round(F.sum(F.when(part, F.col("n")).otherwise(0)) / n_images, 4)

    gini = 2 * F.sum(F.col("turn") * F.col("n")) / (n_synsets * n_images) - (n_synsets + 1) / n_synsets
    return (
        ranked.groupBy("stage")
        .agg(
            n_synsets.alias("n_synsets"),
            n_images.alias("n_images"),
            F.min("n").alias("smallest"),
            F.percentile("n", F.lit(0.5)).alias("median"),
            F.max("n").alias("largest"),
            F.round(gini, 4).alias("gini"),
            share(in_head).alias("head_share"),
            share(in_tail).alias("tail_share"),
        )
        .orderBy("stage")
    )


def curve_of(sizes: Sequence[int], n_steps: int = 100) -> list[float]:
    """``n_steps`` + 1 sizes from the largest down to the smallest, at equal shares of the classes between.

    >>> curve_of([1, 3, 2], n_steps=2)
    [3.0, 2.0, 1.0]
    """
    if not sizes:
        return [0.0, 0.0]
    return [float(one) for one in np.percentile(sizes, np.linspace(100, 0, n_steps + 1))]
