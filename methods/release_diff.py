"""What changed from one release to another: added, removed, relabelled and moved images, by class."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

CHANGES = ("added", "removed", "relabelled", "moved", "same")


def diff_images(old: DataFrame, new: DataFrame) -> DataFrame:
    """``image_id, old_label, new_label, old_split, new_split, change``, one row an image of either release.

    An image with several labels is relabelled where any of them changed; a relabelled image that also
    changed its split counts as relabelled.
    """

    def by_image(images: DataFrame, side: str) -> DataFrame:
        return images.groupBy("image_id").agg(
            F.array_join(F.array_sort(F.collect_set("label")), "+").alias(f"{side}_label"),
            F.min("split").alias(f"{side}_split"),
        )

    both = by_image(old, "old").join(by_image(new, "new"), on="image_id", how="full")
    return both.select("image_id", "old_label", "new_label", "old_split", "new_split", _change())


def rough_changes(old: DataFrame, new: DataFrame) -> DataFrame:
    """The ``change`` of each image of either release and nothing else of it, in a fraction of the time.

    Numbers are compared, hashes of 64 bits: should those of two images be equal by chance, it is wrong by one or two.
    """

    def side(images: DataFrame, name: str) -> DataFrame:
        label, split = (F.xxhash64(c).alias(f"{name}_{c}") for c in ("label", "split"))
        return images.select(F.xxhash64("image_id").alias("image"), label, split)

    by_image = (
        side(old, "old")
        .unionByName(side(new, "new"), allowMissingColumns=True)
        .groupBy("image")
        # The labels of an image count in any order.
        .agg(
            *(F.bit_xor(f"{name}_label").alias(f"{name}_label") for name in ("old", "new")),
            *(F.min(f"{name}_split").alias(f"{name}_split") for name in ("old", "new")),
        )
    )
    return by_image.select(_change())


def _change() -> Column:
    """What happened to an image, from its label and split in each release, which are null where it is not in it."""
    change = (
        F.when(F.col("old_label").isNull(), F.lit("added"))
        .when(F.col("new_label").isNull(), F.lit("removed"))
        .when(F.col("old_label") != F.col("new_label"), F.lit("relabelled"))
        .when(F.col("old_split") != F.col("new_split"), F.lit("moved"))
        .otherwise(F.lit("same"))
    )
    return change.alias("change")


def changes_by_class(changes: DataFrame) -> DataFrame:
    """``label`` and a count of each change; an image counts for its new label, a removed one for its old."""
    counts = [F.count_if(F.col("change") == change).alias(change) for change in CHANGES]
    return changes.groupBy(F.coalesce("new_label", "old_label").alias("label")).agg(*counts)
