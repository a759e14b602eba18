"""How much workers agree beyond chance: Krippendorff's α and Fleiss' κ, from one aggregation over items."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def agreement_table(votes: DataFrame) -> DataFrame:
    """One row from ``item_id, answer``: ``n_items, n_votes`` (of items with two votes or more),
    ``observed`` agreement, ``krippendorff_alpha``, ``fleiss_kappa``.

    Nominal α: K. Krippendorff, "Content Analysis" (2004), ch. 11: 1 − D_o / D_e, items with more votes
    weighing more. κ: J. L. Fleiss, Psychological Bulletin 76 (1971): (P̄ − P̄_e) / (1 − P̄_e), each item
    weighing the same; defined by Fleiss for equally many votes an item. Null where all votes are alike.
    """
    counts = votes.groupBy("item_id", "answer").agg(F.count(F.lit(1)).alias("n"))
    sizes = counts.groupBy("item_id").agg(F.sum("n").alias("size"))
    pairable = counts.join(sizes.where("size >= 2"), on="item_id")
    # Ordered pairs of equal votes on one item, as a share of the item's other votes.
    same = F.col("n") * (F.col("n") - 1) / (F.col("size") - 1)
    by_label = pairable.groupBy("answer").agg(
        F.sum("n").alias("n"),
        F.sum(same).alias("same"),
        F.sum(same / F.col("size")).alias("item_agreement"),
    )
    by_label = by_label.crossJoin(F.broadcast(sizes.where("size >= 2").agg(F.count("*").alias("n_items"))))
    totals = by_label.agg(
        F.max("n_items").alias("n_items"),
        F.sum("n").alias("n_votes"),
        F.sum(F.col("n").cast("double") ** 2).alias("squares"),
        F.sum("same").alias("same"),
        F.sum("item_agreement").alias("item_agreement"),
    )
    n = F.col("n_votes").cast("double")
    disagreement = n - F.col("same")
    expected = (n * n - F.col("squares")) / (n - 1)
    observed = F.col("item_agreement") / F.col("n_items")
    by_chance = F.col("squares") / (n * n)
    return totals.select(
        F.coalesce("n_items", F.lit(0)).alias("n_items"),
        F.coalesce("n_votes", F.lit(0)).alias("n_votes"),
        observed.alias("observed"),
        (1 - F.try_divide(disagreement, expected)).alias("krippendorff_alpha"),
        F.try_divide(observed - by_chance, 1 - by_chance).alias("fleiss_kappa"),
    )
