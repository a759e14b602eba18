"""What changed from one release to another: added, removed, relabelled and moved images, by class."""

from __future__ import annotations

from pyspark.sql import DataFrame
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

    change = (
        F.when(F.col("old_label").isNull(), F.lit("added"))
        .when(F.col("new_label").isNull(), F.lit("removed"))
        .when(F.col("old_label") != F.col("new_label"), F.lit("relabelled"))
        .when(F.col("old_split") != F.col("new_split"), F.lit("moved"))
        .otherwise(F.lit("same"))
    )
    both = by_image(old, "old").join(by_image(new, "new"), on="image_id", how="full")
    return both.select("image_id", "old_label", "new_label", "old_split", "new_split", change.alias("change"))


def changes_by_class(changes: DataFrame) -> DataFrame:
    """``label`` and a count of each change; an image counts for its new label, a removed one for its old."""
    counts = [F.count_if(F.col("change") == change).alias(change) for change in CHANGES]
    return changes.groupBy(F.coalesce("new_label", "old_label").alias("label")).agg(*counts)
