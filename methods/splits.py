"""Train, val and test: by a hash of the near-duplicate group, so that no group is in two of them."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.window import WindowSpec

#: A small class gives at most this share of its images to val and test together.
MAX_HELD_OUT = 0.5
#: Of the splits that the images of a group had, the first one here holds for all of them.
PRECEDENCE = ("test", "val", "train")


def assign_splits(
    images: DataFrame, *, n_val: int, n_test: int, seed: int, fixed: DataFrame | None = None
) -> DataFrame:
    """Add ``split`` to ``image_id, synset_id, group_id``.

    Groups of a class stand in the order of a seeded hash; the first make up ``n_test`` images, the next
    ``n_val``, the rest is train. Where these would be more than half of a class, both shrink in
    proportion. A group with images of several classes is placed by the class that comes first in id order,
    and goes whole to where that class puts it.

    ``fixed`` has the ``image_id, split`` that earlier releases gave. A group with a fixed image stays in its
    split (the first of test, val, train where its images had several), and counts against ``n_test`` and
    ``n_val``; only the others are placed by hash.
    """
    home = images.groupBy("group_id").agg(F.min("synset_id").alias("home_id"))
    sizes = images.groupBy("synset_id").agg(F.count(F.lit(1)).alias("n_class"))
    groups = (
        images.join(home, on="group_id")
        .where(F.col("synset_id") == F.col("home_id"))
        .groupBy("group_id", "home_id")
        .agg(F.count(F.lit(1)).alias("n"))
        .join(sizes.withColumnRenamed("synset_id", "home_id"), on="home_id")
    )
    groups = groups.join(_fixed_groups(images, fixed), on="group_id", how="left")
    of_class = Window.partitionBy("home_id")
    order = of_class.orderBy(
        F.col("fixed_split").isNotNull(), F.xxhash64("group_id", F.lit(seed)), "group_id"
    )
    before = F.sum("n").over(order) - F.col("n")
    n_held_out = max(1, n_val + n_test)
    test = _left(_at_most(n_test, F.col("n_class"), n_test / n_held_out), "test", of_class)
    val = _left(_at_most(n_val, F.col("n_class"), n_val / n_held_out), "val", of_class)
    by_hash = F.when(before < test, "test").when(before < test + val, "val").otherwise("train")
    split = F.coalesce("fixed_split", by_hash)
    return images.join(groups.select("group_id", split.alias("split")), on="group_id")


def _at_most(wanted: int, n_class: Column, share: float) -> Column:
    return F.least(F.lit(wanted), F.floor(n_class * MAX_HELD_OUT * share))


def _fixed_groups(images: DataFrame, fixed: DataFrame | None) -> DataFrame:
    """``group_id, fixed_split`` of the groups with a fixed image."""
    if fixed is None:
        fixed = images.select("image_id", F.lit("train").alias("split")).limit(0)
    order = F.array(*(F.lit(split) for split in PRECEDENCE))
    first = F.min(F.array_position(order, F.col("split")).cast("int"))
    found = images.select("image_id", "group_id").join(fixed, on="image_id")
    return found.groupBy("group_id").agg(F.get(order, first - 1).alias("fixed_split"))


def _left(wanted: Column, split: str, of_class: WindowSpec) -> Column:
    """How many of ``wanted`` images are to be found yet, beside those that earlier releases put there."""
    there = F.sum(F.when(F.col("fixed_split") == split, F.col("n")).otherwise(0)).over(of_class)
    return F.greatest(wanted - there, F.lit(0))


def fixed_splits(images: DataFrame, earlier: DataFrame, *, tau: int) -> DataFrame:
    """``image_id, split`` for :func:`assign_splits`: what earlier releases gave, and test for what is near.

    ``images`` and ``earlier`` (the images of every earlier release, with ``split``) have ``image_id, phash``.
    An image that is new, and nearer than ``tau`` bits to an image that was ever in test, is test too: as
    train it would give the answer away. Two hashes that differ in at most 7 bits agree in one of 8 bytes
    (pigeonhole), so the join over bytes is exact up to ``tau`` = 8.
    """
    known = earlier.select("image_id", "split").distinct()
    new = images.select("image_id", "phash").join(known, on="image_id", how="left_anti")
    tests = earlier.where("split = 'test' AND phash IS NOT NULL").select("phash").distinct()
    pairs = _by_byte(new, "phash").join(
        _by_byte(tests.withColumnRenamed("phash", "phash_r"), "phash_r"), on=["at", "byte"]
    )
    near = pairs.where(F.bit_count(F.col("phash").bitwiseXOR(F.col("phash_r"))) < tau)
    return known.unionByName(near.select("image_id", F.lit("test").alias("split")).distinct())


def _by_byte(hashes: DataFrame, column: str) -> DataFrame:
    """Each hash eight times, with the place and the value of one of its bytes."""
    places = F.array(
        *(
            F.struct(
                F.lit(at).alias("at"),
                F.shiftrightunsigned(column, 8 * at).bitwiseAND(F.lit(255)).alias("byte"),
            )
            for at in range(8)
        )
    )
    return hashes.withColumn("place", F.explode(places)).select("*", "place.at", "place.byte").drop("place")
