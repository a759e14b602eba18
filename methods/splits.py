"""Train, val, test and holdout: by a hash of the near-duplicate group, so that no group is in two of them."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.window import WindowSpec

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

    Rows of a group stand side by side in both windows, and a running sum over a range counts a group when
    any of its rows is met. So each row knows its group's place, and nothing has to be joined.
    """
    wanted = {"test": n_test, "val": n_val, "holdout": n_holdout}
    sizes = images.groupBy("synset_id").agg(F.count(F.lit(1)).alias("_n_class"))
    of_group = Window.partitionBy("group_id")
    is_home = F.col("synset_id") == F.col("_home")
    is_first = F.row_number().over(of_group.orderBy("synset_id", "image_id")) == 1
    grouped = (
        _with_fixed(images, fixed)
        .withColumn("_home", F.min("synset_id").over(of_group))
        .withColumns(
            {
                "_fixed": F.min("_place").over(of_group),
                "_n": F.sum(is_home.cast("int")).over(of_group),
                "_is_first": is_first,
            }
        )
        .join(F.broadcast(sizes.withColumnRenamed("synset_id", "_home")), on="_home")
    )
    of_class = Window.partitionBy("_home")
    order = of_class.orderBy(F.col("_fixed").isNotNull(), F.xxhash64("group_id", F.lit(seed)), "group_id")
    so_far = order.rangeBetween(Window.unboundedPreceding, Window.currentRow)
    before = F.sum(_counted(F.lit(True))).over(so_far) - F.col("_n")
    placed = grouped.withColumn("split", _placed(before, wanted, of_class))
    return placed.select(*images.columns, "split")


def _counted(condition: Column) -> Column:
    """The size of a group, once a group, where ``condition`` holds."""
    return F.when(F.col("_is_first") & condition, F.col("_n")).otherwise(0)


def _with_fixed(images: DataFrame, fixed: DataFrame | None) -> DataFrame:
    """Add ``_place``: where in :data:`PRECEDENCE` the split that an image had is; null where it is new."""
    if fixed is None:
        return images.withColumn("_place", F.lit(None).cast("int"))
    order = F.array(*(F.lit(split) for split in PRECEDENCE))
    places = fixed.groupBy("image_id").agg(
        F.min(F.array_position(order, F.col("split")).cast("int")).alias("_place")
    )
    return images.join(places, on="image_id", how="left")


def _placed(before: Column, wanted: Mapping[str, int], of_class: WindowSpec) -> Column:
    """The split that earlier releases gave, or the one whose share of the class ``before`` images end in."""
    order = F.array(*(F.lit(split) for split in PRECEDENCE))
    split, end = F.get(order, F.col("_fixed") - 1), F.lit(0)
    for name, n in wanted.items():
        end = end + _left(n, name, sum(wanted.values()), of_class)
        split = F.coalesce(split, F.when(before < end, F.lit(name)))
    return F.coalesce(split, F.lit("train"))


def _left(n: int, split: str, n_held_out: int, of_class: WindowSpec) -> Column:
    """How many of ``n`` images are to be found yet, beside those that earlier releases put there."""
    share = F.floor(F.col("_n_class") * (MAX_HELD_OUT * n / max(1, n_held_out)))
    is_there = F.col("_fixed") == PRECEDENCE.index(split) + 1
    there = F.sum(_counted(is_there)).over(of_class)
    return F.greatest(F.least(F.lit(n), share) - there, F.lit(0))


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
