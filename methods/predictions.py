"""A model's ranked guesses held against a release: what is wrong with them, all of it at once."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from synlake.faults import not_utf8


def parsed(given: DataFrame) -> DataFrame:
    """``image_id, rank, label, raw`` from strings; ``raw`` tells of a rank that is no number from 1."""
    rank = F.col("rank").try_cast("int")
    is_rank = F.coalesce((rank.cast("string") == F.col("rank")) & (rank >= 1), F.lit(False))
    shown = [F.coalesce(name, F.lit("")) for name in ("image_id", "rank")]
    fault = F.format_string("%s: rank '%s' is no number from 1", *shown)
    return given.select(
        F.when(F.col("image_id") != "", F.col("image_id")).alias("image_id"),
        F.when(is_rank, rank).alias("rank"),
        F.when(F.col("label") != "", F.col("label")).alias("label"),
        F.coalesce("raw", F.when(~is_rank, fault)).alias("raw"),
    )


def from_lists(given: DataFrame) -> DataFrame:
    """The same from ``image_id, labels`` (a JSON array, best guess first), one row an image."""
    labels = F.from_json("labels", "array<string>")
    broken = F.coalesce(
        "raw", F.when(labels.isNull(), F.concat(F.col("image_id"), F.lit(": labels is no array")))
    )
    listed = given.select("image_id", broken.alias("raw"), F.posexplode_outer(labels).alias("pos", "label"))
    return listed.select("image_id", (F.col("pos") + 1).alias("rank"), "label", "raw")


def faults_in(guesses: DataFrame, images: DataFrame, *, split: str) -> DataFrame:
    """``fault, key``, one row a fault. ``images`` are all of the release, ``split`` those that need guesses."""
    wanted = images if split == "all" else images.where(F.col("split") == split)
    wanted = wanted.select("image_id").distinct()
    in_image = Window.partitionBy("image_id")
    n_here = F.count(F.lit(1)).over(Window.partitionBy("image_id", "rank"))
    is_new = F.row_number().over(in_image.orderBy("rank", "label")) == 1
    rows = guesses.withColumns(
        {
            "is_repeated": F.max((n_here > 1).cast("int")).over(in_image) == 1,
            "has_gap": F.max("rank").over(in_image) > F.size(F.collect_set("rank").over(in_image)),
            "is_new": is_new,
        }
    )
    extra = guesses.select("image_id").distinct().join(wanted, on="image_id", how="left_anti")
    missing = wanted.join(guesses.select("image_id").distinct(), on="image_id", how="left_anti")
    of_row = F.coalesce(
        F.when(F.col("raw").isNotNull(), F.lit("malformed lines")),
        F.when(not_utf8("image_id", "label"), F.lit("lines that are not UTF-8")),
        F.when(F.col("image_id").isNull(), F.lit("lines without an image_id")),
        F.when(F.col("label").isNull(), F.lit("images with an empty guess")),
        F.when(F.col("is_repeated") & F.col("is_new"), F.lit("repeated images")),
        F.when(F.col("has_gap") & F.col("is_new"), F.lit("images with a rank left out")),
    )
    of_rows = rows.select(
        of_row.alias("fault"), F.coalesce("raw", "image_id", F.lit("an empty line")).alias("key")
    )
    place = "the release" if split == "all" else f"split {split}"
    return (
        of_rows.where("fault IS NOT NULL")
        .unionByName(
            missing.select(
                F.lit(f"missing images, in {place} but not predicted").alias("fault"),
                F.col("image_id").alias("key"),
            )
        )
        .unionByName(
            extra.where("image_id IS NOT NULL").select(
                F.lit(f"extra images, predicted but not in {place}").alias("fault"),
                F.col("image_id").alias("key"),
            )
        )
    )
