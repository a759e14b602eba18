"""Scores of ranked guesses on a release: top-k, by class, and by the hypernym hierarchy."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

#: Guesses of an image that count for top5.
K = 5


def score_images(images: DataFrame, predictions: DataFrame) -> DataFrame:
    """``image_id, labels, guesses, is_top1, is_top5``, one row a predicted image.

    ``images`` has ``image_id, label``; where an image has several labels, each of them is right.
    """
    labels = images.groupBy("image_id").agg(F.array_sort(F.collect_set("label")).alias("labels"))
    ranked = F.array_sort(F.collect_list(F.struct("rank", "label")))
    guesses = predictions.groupBy("image_id").agg(
        F.transform(ranked, lambda one: one["label"]).alias("guesses")
    )
    return labels.join(guesses, on="image_id").select(
        "image_id",
        "labels",
        "guesses",
        F.array_contains("labels", F.col("guesses")[0]).alias("is_top1"),
        F.arrays_overlap("labels", F.slice("guesses", 1, K)).alias("is_top5"),
    )


def totals(scored: DataFrame) -> DataFrame:
    """One row: ``n_images, n_guesses, n_top1, n_top5``."""
    return scored.agg(
        F.count(F.lit(1)).alias("n_images"),
        F.max(F.size("guesses")).alias("n_guesses"),
        F.count_if("is_top1").alias("n_top1"),
        F.count_if("is_top5").alias("n_top5"),
    )


def by_class(scored: DataFrame) -> DataFrame:
    """``label, n_images, top1, top5, most_guessed, n_most_guessed``, one row a class; ties by label order."""
    rows = scored.select(
        F.explode("labels").alias("label"), F.col("guesses")[0].alias("guess"), "is_top1", "is_top5"
    )
    wrong = rows.where(~F.col("is_top1")).groupBy("label", "guess").agg(F.count(F.lit(1)).alias("n"))
    most = wrong.groupBy("label").agg(
        F.min_by("guess", F.struct(-F.col("n"), "guess")).alias("most_guessed"),
        F.max("n").alias("n_most_guessed"),
    )
    shares = rows.groupBy("label").agg(
        F.count(F.lit(1)).alias("n_images"),
        F.avg(F.col("is_top1").cast("double")).alias("top1"),
        F.avg(F.col("is_top5").cast("double")).alias("top5"),
    )
    return shares.join(most, on="label", how="left")


def common_ancestors(pairs: DataFrame, closure: DataFrame) -> DataFrame:
    """Add ``lca_height`` and ``lca_depth`` to distinct ``label, guess`` pairs; null where nothing is above both.

    ``closure`` has ``synset_id, ancestor_id, height, depth`` of the ancestor, each node its own ancestor
    too. Of several common ancestors the lowest counts: least height, and greatest depth.
    """
    of_label = closure.select(F.col("synset_id").alias("label"), "ancestor_id", "height", "depth")
    of_guess = closure.select(F.col("synset_id").alias("guess"), "ancestor_id")
    common = (
        pairs.join(F.broadcast(of_label), on="label")
        .join(F.broadcast(of_guess), on=["guess", "ancestor_id"])
        .groupBy("label", "guess")
        .agg(F.min("height").alias("lca_height"), F.max("depth").alias("lca_depth"))
    )
    return pairs.join(common, on=["label", "guess"], how="left")


def guess_pairs(scored: DataFrame) -> DataFrame:
    """``image_id, label, guess, rank``: each of the first five guesses beside each right label."""
    guesses = scored.select(
        "image_id", "labels", F.posexplode(F.slice("guesses", 1, K)).alias("pos", "guess")
    )
    return guesses.select(
        "image_id", F.explode("labels").alias("label"), "guess", (F.col("pos") + 1).alias("rank")
    )


def hierarchical_errors(pairs: DataFrame, ancestors: DataFrame, *, top_height: int) -> DataFrame:
    """One row: ``hierarchical_top1`` and ``hierarchical_top5``, in steps.

    The error of a guess is the height of the lowest common ancestor of guess and label, 0 where it is
    right; of several guesses the best counts (ILSVRC 2010, "hierarchical cost"). A guess that the
    hierarchy does not know costs ``top_height``, the most there is.
    """
    right = F.when(F.col("label") == F.col("guess"), F.lit(0))
    cost = F.coalesce(right, F.col("lca_height"), F.lit(top_height))
    costs = pairs.join(ancestors, on=["label", "guess"]).withColumn("cost", cost)
    best = costs.groupBy("image_id").agg(
        F.min(F.when(F.col("rank") == 1, F.col("cost"))).alias("first"), F.min("cost").alias("best")
    )
    return best.agg(F.avg("first").alias("hierarchical_top1"), F.avg("best").alias("hierarchical_top5"))


def coarse_accuracy(pairs: DataFrame, ancestors: DataFrame, *, max_depth: int) -> DataFrame:
    """``depth, top1``: the share of first guesses that agree with a label on an ancestor at least this deep.

    A right guess agrees at every depth, so accuracy falls with depth, from 1 at the top to top1.
    """
    first = pairs.where("rank = 1").join(ancestors, on=["label", "guess"])
    agreed = F.when(F.col("label") == F.col("guess"), F.lit(max_depth)).otherwise(
        F.coalesce("lca_depth", F.lit(-1))
    )
    by_image = first.groupBy("image_id").agg(F.max(agreed).alias("agreed_depth"))
    at = by_image.select(F.explode(F.sequence(F.lit(0), F.lit(max_depth))).alias("depth"), "agreed_depth")
    return at.groupBy("depth").agg(
        F.avg((F.col("agreed_depth") >= F.col("depth")).cast("double")).alias("top1")
    )


def sibling_confusions(pairs: DataFrame, hierarchy: DataFrame) -> DataFrame:
    """``label, guess, n_images`` of wrong first guesses that share a direct hypernym with the label."""
    parents = hierarchy.select("synset_id", F.explode("parent_ids").alias("parent_id"))
    is_right = F.max((F.col("label") == F.col("guess")).cast("int")).over(Window.partitionBy("image_id")) == 1
    wrong = pairs.where("rank = 1").withColumn("is_right", is_right).where(~F.col("is_right"))
    of_label = parents.withColumnRenamed("synset_id", "label")
    of_guess = parents.withColumnRenamed("synset_id", "guess")
    siblings = of_label.join(of_guess, on="parent_id").select("label", "guess").distinct()
    found = wrong.join(F.broadcast(siblings), on=["label", "guess"])
    return found.groupBy("label", "guess").agg(F.count_distinct("image_id").alias("n_images"))


def paired_table(scored_l: DataFrame, scored_r: DataFrame, *, column: str) -> DataFrame:
    """One row ``n_both, n_only_l, n_only_r, n_neither``: images by which of two models is right."""
    both = scored_l.select("image_id", F.col(column).alias("l")).join(
        scored_r.select("image_id", F.col(column).alias("r")), on="image_id"
    )
    return both.agg(
        F.count_if(F.col("l") & F.col("r")).alias("n_both"),
        F.count_if(F.col("l") & ~F.col("r")).alias("n_only_l"),
        F.count_if(~F.col("l") & F.col("r")).alias("n_only_r"),
        F.count_if(~F.col("l") & ~F.col("r")).alias("n_neither"),
    )
