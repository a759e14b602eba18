"""Train, val, test and holdout: by a hash of the near-duplicate group, so that no group is in two of them."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from synlake.local_rows import local_rows

#: A small class gives at most this share of its images to holdout, test and val together.
MAX_HELD_OUT = 0.5
#: Of the splits that the images of a group had, the first one here holds for all of them.
PRECEDENCE = ("holdout", "test", "val", "train")
#: Splits that nothing in train or val may be near to, in any release.
SECRET = ("holdout", "test")
_MAX_LONG = 2**63 - 1


def assign_splits(
    images: DataFrame,
    shared: DataFrame,
    *,
    n_val: int,
    n_test: int,
    seed: int,
    n_holdout: int = 0,
    sizes: Mapping[str, int] | None = None,
) -> DataFrame:
    """Add ``split`` to rows with ``image_id, synset_id, group_id, is_alone, fixed_place``.

    Groups of a class stand in the order of a seeded hash; the first make up ``n_test`` images, the next
    ``n_val``, the next ``n_holdout``, the rest is train. Where these would be more than half of a class, all
    shrink in proportion. A group with images of several classes is placed by the class that comes first in
    id order, and goes whole to where that class puts it.

    ``fixed_place`` says which split earlier releases gave an image (:func:`with_fixed`, :func:`with_near`). A group
    with such an image stays in that split (the first of :data:`PRECEDENCE` where its images had several), and counts
    against the size of that split; only the others are placed by hash.

    An image's group is held against where the splits of its class end, so that images are neither sorted nor
    shuffled. ``images`` is read several times; the caller holds it where it is dear. ``shared`` are the rows of
    :func:`shared_groups`: mostly few, and where the caller holds them Spark knows it. ``sizes``, images by class, may
    be given where every image is new: it saves most of the work.
    """
    wanted = {"test": n_test, "val": n_val, "holdout": n_holdout}
    alone = images.where("is_alone").select(
        "group_id",
        F.col("synset_id").alias("_home"),
        F.lit(1).alias("_n"),
        F.col("fixed_place").alias("_fixed"),
    )
    groups = alone.unionByName(shared)
    if sizes is None:
        ends = _ends(groups, _classes(images, groups), wanted, seed).drop("_found")
    else:
        ends = _ends_of_new(groups, sizes, wanted, seed)
    order = F.array(*map(F.lit, PRECEDENCE))
    split = F.get(order, F.coalesce("_fixed", "fixed_place") - 1)
    for name in wanted:
        split = F.coalesce(split, F.when(_turn(seed) <= F.col(_end(name)), F.lit(name)))
    return (
        images.join(shared.drop("_n"), on="group_id", how="left")
        .withColumn("_home", F.coalesce("_home", "synset_id"))
        .join(F.broadcast(ends), on="_home", how="left")
        .select(*images.columns, F.coalesce(split, F.lit("train")).alias("split"))
    )


def with_fixed(images: DataFrame, earlier: DataFrame | None) -> DataFrame:
    """Add ``fixed_place``: where in :data:`PRECEDENCE`, from 1, the split is that ``earlier`` releases gave an image.

    ``earlier`` has their ``image_id, split``. Null where none gave one; the first where they gave several.
    """
    if earlier is None:
        return images.withColumn("fixed_place", F.lit(None).cast("int"))
    places = _places(earlier, "fixed_place")
    return images.join(places, on="image_id", how="left").select(*images.columns, "fixed_place")


def with_near(images: DataFrame, near: DataFrame | None) -> DataFrame:
    """Give new images that are ``near`` one that was ever in a split of :data:`SECRET` that split as ``fixed_place``.

    ``near`` has their ``image_id, split``: as train, such an image would give the answer away.
    """
    if near is None:
        return images
    place = F.coalesce("fixed_place", "_near_place").alias("fixed_place")
    others = [name for name in images.columns if name != "fixed_place"]
    return images.join(_places(near, "_near_place"), on="image_id", how="left").select(*others, place)


def _places(splits: DataFrame, name: str) -> DataFrame:
    """``image_id`` and, as ``name``, the first place in :data:`PRECEDENCE` of the splits that ``splits`` gives it."""
    order = F.array(*map(F.lit, PRECEDENCE))
    place = F.min(F.array_position(order, F.col("split")).cast("int"))
    return splits.groupBy("image_id").agg(place.alias(name))


def shared_groups(images: DataFrame) -> DataFrame:
    """One row a group that is not ``is_alone``: ``group_id``, ``_home`` class, ``_n`` images of that class.

    ``_fixed`` is the least ``fixed_place`` of its images; null where it is new.
    """
    by_class = (
        images.where("NOT is_alone")
        .groupBy("group_id", "synset_id")
        .agg(F.count(F.lit(1)).cast("int").alias("_n"), F.min("fixed_place").alias("_place"))
    )
    first = F.min(F.struct("synset_id", "_n"))
    found = by_class.groupBy("group_id").agg(first.alias("_first"), F.min("_place").alias("_fixed"))
    return found.select(
        "group_id", F.col("_first.synset_id").alias("_home"), F.col("_first._n").alias("_n"), "_fixed"
    )


def _turn(seed: int) -> Column:
    """What puts the groups of a class in order."""
    return F.struct(F.xxhash64("group_id", F.lit(seed)).alias("hash"), "group_id")


def _end(split: str) -> str:
    return f"_end_{split}"


def _ends(groups: DataFrame, classes: DataFrame, wanted: Mapping[str, int], seed: int) -> DataFrame:
    """One row a class with new groups: ``_home``, and the turn of the last group of each split; null: of none.

    A split ends with the first group that fills it, and each later one begins there. As every group has an image,
    of a class no more groups are looked at than the splits have images: ``_found`` counts the images of these.
    """
    order = Window.partitionBy("_home").orderBy("_turn")
    heads = (
        groups.where("_fixed IS NULL")
        .select("_home", "_n", _turn(seed).alias("_turn"))
        .withColumn("_rank", F.row_number().over(order))
        .where(F.col("_rank") <= sum(wanted.values()))
    )
    before = F.sum("_n").over(order.rowsBetween(Window.unboundedPreceding, Window.currentRow)) - F.col("_n")
    end, ends = F.lit(0), []
    for name, n in wanted.items():
        end = end + _left(n, name, sum(wanted.values()))
        ends.append(F.max(F.when(F.col("_before") < end, F.col("_turn"))).alias(_end(name)))
    with_sizes = heads.withColumn("_before", before).join(F.broadcast(classes), on="_home")
    return with_sizes.groupBy("_home").agg(*ends, F.sum("_n").alias("_found"))


def _ends_of_new(
    groups: DataFrame, sizes: Mapping[str, int], wanted: Mapping[str, int], seed: int
) -> DataFrame:
    """The same where all groups are new and the ``sizes`` of classes are known: without sorting all of them.

    A class's first groups have small hashes. Those below a bound are looked at, and all of a class only where that was
    too low: where many of its images are in few groups. One row a class comes to the driver.
    """
    spark, n_held_out = groups.sparkSession, sum(wanted.values())
    bounds = {home: _bound(_held_out(n, n_held_out), n) for home, n in sizes.items()}
    nothing = [0] * len(PRECEDENCE)
    columns = ", ".join(f"{_there(split)} int" for split in PRECEDENCE)
    rows = [(home, n, bounds[home], *nothing) for home, n in sizes.items()]
    classes = local_rows(spark, rows, f"_home string, _n_class long, _bound long, {columns}")
    bounded = groups.join(F.broadcast(classes.select("_home", "_bound")), on="_home")
    ends = _ends(bounded.where(_turn(seed)["hash"] <= F.col("_bound")), classes, wanted, seed)
    found = {row["_home"]: row.asDict(recursive=True) for row in ends.collect()}
    short = [
        home
        for home, n in sizes.items()
        if bounds[home] < _MAX_LONG and found.get(home, {"_found": 0})["_found"] < _held_out(n, n_held_out)
    ]
    if short:
        mine = local_rows(spark, [(home,) for home in short], "_home string")
        rest = _ends(groups.join(F.broadcast(mine), on="_home"), classes, wanted, seed)
        found.update({row["_home"]: row.asDict(recursive=True) for row in rest.collect()})
    wanted_columns = [name for name in ends.columns if name != "_found"]
    known = [[row[name] for name in wanted_columns] for row in found.values()]
    return local_rows(spark, known, StructType([ends.schema[name] for name in wanted_columns]))


def _held_out(n_class: int, n_wanted: int) -> int:
    """At most so many images of a class are held out."""
    return min(n_wanted, int(n_class * MAX_HELD_OUT))


def _bound(n: int, n_class: int) -> int:
    """A hash below which ``n`` of ``n_class`` images are, but for deviations that are six times the usual."""
    return min(_MAX_LONG, int((n + 6 * n**0.5 + 10) / n_class * 2.0**64) - 2**63)


def _classes(images: DataFrame, groups: DataFrame) -> DataFrame:
    """One row a class: ``_home``, its size ``_n_class``, and how many of it earlier releases put in each split."""
    sizes = images.groupBy(F.col("synset_id").alias("_home")).agg(F.count(F.lit(1)).alias("_n_class"))
    places = enumerate(PRECEDENCE, start=1)
    there = (
        groups.where("_fixed IS NOT NULL")
        .groupBy("_home")
        .agg(*(F.sum(F.when(F.col("_fixed") == n, F.col("_n"))).alias(_there(split)) for n, split in places))
    )
    return sizes.join(there, on="_home", how="left").fillna(0)


def _there(split: str) -> str:
    return f"_there_{split}"


def _left(n: int, split: str, n_held_out: int) -> Column:
    """How many of ``n`` images are to be found yet, beside those that earlier releases put there."""
    share = F.floor(F.col("_n_class") * (MAX_HELD_OUT * n / max(1, n_held_out)))
    return F.greatest(F.least(F.lit(n), share) - F.col(_there(split)), F.lit(0))
