"""An existing dataset as the rows of a release: what is wrong with a list of images, and the list as a table."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from synlake.faults import not_utf8
from synlake.schemas.release_images import SPLITS

#: Other names of splits that lists use.
SPLIT_NAMES = {"validation": "val", "valid": "val", "dev": "val", "training": "train", "testing": "test"}


def normalised(given: DataFrame, *, default_split: str) -> DataFrame:
    """``image_id, label, split, raw``; blanks are null, splits go by our names, a missing one is the default."""
    blank_to_null = {c: F.when(F.col(c) != "", F.col(c)) for c in ("image_id", "label", "split")}
    split = F.lower(F.coalesce("split", F.lit(default_split)))
    return given.withColumns(blank_to_null).select(
        "image_id",
        "label",
        F.coalesce(*(F.when(split == a, b) for a, b in SPLIT_NAMES.items()), split).alias("split"),
        "raw",
    )


def faults_in(listed: DataFrame) -> DataFrame:
    """``fault, key``, one row a fault, of what :func:`normalised` returns."""
    n_rows = F.count(F.lit(1)).over(Window.partitionBy("image_id"))
    is_again = F.row_number().over(Window.partitionBy("image_id").orderBy("label", "split")) == 2
    fault = F.coalesce(
        F.when(F.col("raw").isNotNull(), F.lit("malformed lines")),
        F.when(not_utf8("image_id", "label"), F.lit("lines that are not UTF-8")),
        F.when(F.col("image_id").isNull(), F.lit("lines without an image_id")),
        F.when(F.col("label").isNull(), F.lit("images without a label")),
        F.when(~F.col("split").isin(*SPLITS), F.lit(f"images whose split is none of {', '.join(SPLITS)}")),
        F.when((n_rows > 1) & is_again, F.lit("repeated images")),
    )
    key = F.coalesce("raw", "image_id", F.concat(F.lit("label "), "label"), F.lit("an empty line"))
    return listed.select(fault.alias("fault"), key.alias("key")).where("fault IS NOT NULL")


def release_rows(listed: DataFrame, release: str) -> DataFrame:
    """Rows of ``release_images``; each image is a near-duplicate group of its own."""
    return listed.select(
        F.lit(release).alias("release"),
        "image_id",
        F.col("label").alias("synset_id"),
        "split",
        "label",
        F.lit("import").alias("label_source"),
        F.lit(None).cast("double").alias("confidence"),
        F.lit(None).cast("long").alias("n_votes"),
        F.col("image_id").alias("group_id"),
        F.lit(None).cast("string").alias("format"),
        F.lit(None).cast("int").alias("width_px"),
        F.lit(None).cast("int").alias("height_px"),
        F.lit(None).cast("long").alias("phash"),
        F.lit(None).cast("string").alias("hash_mode"),
    )


def folder_rows(files: DataFrame, *, default_split: str) -> DataFrame:
    """Add ``label`` and ``split`` to files by ``source_ref`` (``root/[split/]label/…/name``).

    A first folder that is named like a split is one, where another folder is below it; the next is the label.
    """
    parts = F.slice(F.split("source_ref", "/"), 2, 1000)
    first = F.lower(parts[0])
    is_split = first.isin(*SPLITS, *SPLIT_NAMES) & (F.size(parts) > 2)
    label = F.when(is_split, parts[1]).when(F.size(parts) > 1, parts[0])
    split = F.when(is_split, first).otherwise(F.lit(default_split))
    return files.withColumns({"label": label, "split": split, "raw": F.lit(None).cast("string")})
