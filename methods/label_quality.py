"""What votes and experts buy: how right one worker is, a majority of some, all votes, and the labels as released.

The argument of J. Deng et al., "ImageNet: a large-scale hierarchical image database", CVPR 2009, section 3.2:
a single worker is not good enough, a majority is better, and easy and hard synsets differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from synlake.methods.audit import with_accuracy
from synlake.methods.release import decided_labels

ONE, ALL, FINAL = "one vote", "all votes", "final"


def majority_of(votes: DataFrame, *, n_votes: int, seed: int) -> DataFrame:
    """``item_id, label``: the majority of ``n_votes`` votes drawn from an item's, by seed.

    Ties are decided by a seeded coin, as P_maj(k, p) has it; items with fewer votes are left out.
    """
    item = Window.partitionBy("item_id")
    order = item.orderBy(F.xxhash64("item_id", "worker_id", F.lit(seed)), "worker_id")
    drawn = votes.withColumns({"turn": F.row_number().over(order), "n": F.count(F.lit(1)).over(item)})
    drawn = drawn.where((F.col("turn") <= n_votes) & (F.col("n") >= n_votes))
    counts = drawn.groupBy("item_id", "answer").agg(F.count(F.lit(1)).alias("n"))
    coin = F.xxhash64("item_id", "answer", F.lit(seed))
    best = F.min_by("answer", F.struct(-F.col("n"), coin, F.col("answer"))).alias("label")
    return counts.groupBy("item_id").agg(best)


def labellings(
    votes: DataFrame, labels: DataFrame, reviews: DataFrame, *, redundancies: Sequence[int], seed: int
) -> list[tuple[str, DataFrame]]:
    """Names, and ``item_id, label`` of each: majorities of so many votes, all votes by the method, final.

    Final is what a release would take: experts win, and an item that waits for one is left out.
    """
    found = [
        (ONE if n == 1 else f"majority of {n}", majority_of(votes, n_votes=n, seed=seed))
        for n in redundancies
    ]
    final = decided_labels(labels, reviews).where(~F.col("is_open"))
    return [
        *found,
        (ALL, labels.where(~F.col("is_gold")).select("item_id", "label")),
        (FINAL, final.select("item_id", "label")),
    ]


def quality_table(found: Sequence[tuple[str, DataFrame]], truth: DataFrame, parts: DataFrame) -> DataFrame:
    """``level, part, labels, n_items, n_right, accuracy, accuracy_low, accuracy_high``.

    ``truth`` has ``item_id, truth``; ``parts`` has ``item_id, level, part``, one row a part that an item is
    in. Only items with a right answer count, so each row has its own ``n_items``.
    """
    named = [
        df.withColumns({"labels": F.lit(name), "place": F.lit(place)})
        for place, (name, df) in enumerate(found)
    ]
    judged = reduce(DataFrame.unionByName, named).join(truth, on="item_id")
    everywhere = judged.withColumns({"level": F.lit("all"), "part": F.lit("all")})
    both = everywhere.unionByName(judged.join(parts, on="item_id"))
    counts = both.groupBy("level", "part", "place", "labels").agg(
        F.count(F.lit(1)).alias("n_items"), F.count_if(F.col("label") == F.col("truth")).alias("n_right")
    )
    return with_accuracy(counts.orderBy("level", "part", "place"), "level", "part", "labels", n="n_items")
