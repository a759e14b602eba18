"""Train, val, test and holdout: by a hash of the near-duplicate group, so that no group is in two of them."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

#: A small class gives at most this share of its images to holdout, test and val together.
MAX_HELD_OUT = 0.5
#: Of the splits that the images of a group had, the first one here holds for all of them.
PRECEDENCE = ("holdout", "test", "val", "train")
#: Splits that nothing in train or val may be near to, in any release.
SECRET = ("holdout", "test")


def assign_splits(
    images: DataFrame,
    *,
    n_val: int,
    n_test: int,
    seed: int,
    n_holdout: int = 0,
    fixed: DataFrame | None = None,
) -> DataFrame:
    """Add ``split`` to rows with ``image_id, synset_id, group_id``.

    Groups of a class stand in the order of a seeded hash; the first make up ``n_test`` images, the next
    ``n_val``, the next ``n_holdout``, the rest is train. Where these would be more than half of a class, all
    shrink in proportion. A group with images of several classes is placed by the class that comes first in
    id order, and goes whole to where that class puts it.

    ``fixed`` has the ``image_id, split`` that earlier releases gave. A group with a fixed image stays in its
    split (the first of :data:`PRECEDENCE` where its images had several), and counts against the size of that
    split; only the others are placed by hash.

    Only groups are put in order, not their images, so what is sorted is narrow. ``images`` is read three times;
    the caller holds it where it is dear.
    """
    wanted = {"test": n_test, "val": n_val, "holdout": n_holdout}
    groups = _groups(images, fixed)
    order = Window.partitionBy("_home").orderBy(
        F.col("_fixed").isNotNull(), F.xxhash64("group_id", F.lit(seed)), "group_id"
    )
    before = F.sum("_n").over(order.rowsBetween(Window.unboundedPreceding, Window.currentRow)) - F.col("_n")
    placed = (
        groups.withColumn("_before", before)
        .join(F.broadcast(_classes(images, None if fixed is None else groups)), on="_home")
        .select("group_id", _placed(wanted).alias("split"))
    )
    return images.join(placed, on="group_id").select(*images.columns, "split")


def _groups(images: DataFrame, fixed: DataFrame | None) -> DataFrame:
    """One row a group: ``group_id``, ``_home`` class, ``_n`` images of that class.

    ``_fixed`` is where in :data:`PRECEDENCE` the split is that an earlier release gave; null where it is new.
    """
    keys = images.select("group_id", "synset_id", "image_id")
    rows = keys.withColumn("_place", F.lit(None).cast("int"))
    if fixed is not None:
        order = F.array(*(F.lit(split) for split in PRECEDENCE))
        places = fixed.groupBy("image_id").agg(
            F.min(F.array_position(order, F.col("split")).cast("int")).alias("_place")
        )
        rows = keys.join(places, on="image_id", how="left")
    # Rows of a group are together then for both aggregations: one shuffle, not two.
    by_class = (
        rows.repartition("group_id")
        .groupBy("group_id", "synset_id")
        .agg(F.count(F.lit(1)).alias("_n"), F.min("_place").alias("_place"))
    )
    first = F.min(F.struct("synset_id", "_n"))
    found = by_class.groupBy("group_id").agg(first.alias("_first"), F.min("_place").alias("_fixed"))
    return found.select(
        "group_id", F.col("_first.synset_id").alias("_home"), F.col("_first._n").alias("_n"), "_fixed"
    )


def _classes(images: DataFrame, groups: DataFrame | None) -> DataFrame:
    """One row a class: ``_home``, its size ``_n_class``, and how many of it earlier releases put in each split."""
    sizes = images.groupBy(F.col("synset_id").alias("_home")).agg(F.count(F.lit(1)).alias("_n_class"))
    if groups is None:
        return sizes.withColumns({_there(split): F.lit(0) for split in PRECEDENCE})
    places = enumerate(PRECEDENCE, start=1)
    there = (
        groups.where("_fixed IS NOT NULL")
        .groupBy("_home")
        .agg(*(F.sum(F.when(F.col("_fixed") == n, F.col("_n"))).alias(_there(split)) for n, split in places))
    )
    return sizes.join(there, on="_home", how="left").fillna(0)


def _there(split: str) -> str:
    return f"_there_{split}"


def _placed(wanted: Mapping[str, int]) -> Column:
    """The split that earlier releases gave, or the one whose share of the class ``_before`` images end in."""
    order = F.array(*(F.lit(split) for split in PRECEDENCE))
    split, end = F.get(order, F.col("_fixed") - 1), F.lit(0)
    for name, n in wanted.items():
        end = end + _left(n, name, sum(wanted.values()))
        split = F.coalesce(split, F.when(F.col("_before") < end, F.lit(name)))
    return F.coalesce(split, F.lit("train"))


def _left(n: int, split: str, n_held_out: int) -> Column:
    """How many of ``n`` images are to be found yet, beside those that earlier releases put there."""
    share = F.floor(F.col("_n_class") * (MAX_HELD_OUT * n / max(1, n_held_out)))
    return F.greatest(F.least(F.lit(n), share) - F.col(_there(split)), F.lit(0))


def fixed_splits(earlier: DataFrame, near: DataFrame | None = None) -> DataFrame:
    """``image_id, split`` for :func:`assign_splits`: what ``earlier`` releases gave, and what is ``near``.

    ``near`` has ``image_id, split`` of images near one that was ever in a split of :data:`SECRET`. A new one
    is of that split too: as train it would give the answer away.
    """
    known = earlier.select("image_id", "split").distinct()
    if near is None:
        return known
    new = near.join(known.select("image_id"), on="image_id", how="left_anti")
    return known.unionByName(new.select("image_id", "split").distinct())
