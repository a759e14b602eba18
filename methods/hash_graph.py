"""Deduplication as a graph of hashes, at any scale: nodes, edges in rank order, decisions, pairs of images.

A node is a distinct hash of a scope (a synset, or everything: ""), and stands for its first image in rank.
The others with that hash need no edges: what drops the first drops them, else they duplicate the first. So a
hash that a hundred thousand blank images share costs as much as any other.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from synlake.methods.kept_set import dropped_hashes


def rank() -> Column:
    """What orders images, least first: precedence, more pixels, earlier retrieval, image_id, synset_id."""
    return F.struct(
        "precedence",
        (-F.col("n_pixels")).alias("less_pixels"),
        "first_retrieved_at",
        "image_id",
        "synset_id",
    )


def nodes_of(rows: DataFrame) -> DataFrame:
    """``scope, hash, first, n_rows, is_known``, one row a distinct hash of a scope, from rows with a rank.

    ``is_known`` says that its first image is fixed (precedence below 0): it is kept, whatever it is near to.
    """
    first = F.min(rank()).alias("first")
    grouped = rows.groupBy("scope", F.col("phash").alias("hash")).agg(
        first, F.count(F.lit(1)).alias("n_rows")
    )
    return grouped.withColumn("is_known", F.col("first.precedence") < 0)


@dataclass(frozen=True)
class Earlier:
    """What was compared before: ``scope, hash``, each once, and all near pairs among them."""

    hashes: DataFrame
    hash_pairs: DataFrame


def earlier_of(rows: DataFrame, compared: DataFrame, image_pairs: DataFrame) -> Earlier:
    """The hashes of ``compared`` images (``image_id, synset_id``), and ``image_pairs`` as pairs of hashes."""
    old = rows.join(compared, on=["image_id", "synset_id"], how="left_semi")
    images = old.select("scope", "image_id", F.col("phash").alias("hash")).distinct()
    left, right = (
        images.select("scope", F.col("image_id").alias(f"image_id_{s}"), F.col("hash").alias(s)) for s in "lr"
    )
    pairs = (
        image_pairs.where("distance_bits > 0")
        .join(left, on="image_id_l")
        .join(right, on=["scope", "image_id_r"])
    )
    hash_pairs = pairs.select(
        "scope", F.least("l", "r").alias("hash_l"), F.greatest("l", "r").alias("hash_r"), "distance_bits"
    ).distinct()
    return Earlier(images.select("scope", "hash").distinct(), hash_pairs)


def mark_known(nodes: DataFrame, earlier: Earlier) -> DataFrame:
    """``nodes``, of which those compared before are ``is_known`` too."""
    seen = earlier.hashes.withColumn("is_old", F.lit(True))
    joined = nodes.join(seen, on=["scope", "hash"], how="left")
    return joined.select(
        "scope", "hash", (F.col("is_known") | F.coalesce("is_old", F.lit(False))).alias("is_known")
    )


def oriented(hash_pairs: DataFrame, nodes: DataFrame) -> DataFrame:
    """``scope, earlier, later, distance_bits, first`` (of the earlier), one row a pair of near hashes."""
    ranks = nodes.select("scope", "hash", "first")
    both = hash_pairs.join(
        ranks.select("scope", F.col("hash").alias("hash_l"), F.col("first").alias("first_l")),
        on=["scope", "hash_l"],
    ).join(
        ranks.select("scope", F.col("hash").alias("hash_r"), F.col("first").alias("first_r")),
        on=["scope", "hash_r"],
    )
    is_left_first = F.col("first_l") < F.col("first_r")
    return both.select(
        "scope",
        F.when(is_left_first, F.col("hash_l")).otherwise(F.col("hash_r")).alias("earlier"),
        F.when(is_left_first, F.col("hash_r")).otherwise(F.col("hash_l")).alias("later"),
        "distance_bits",
        F.least("first_l", "first_r").alias("first"),
    )


def decisions(edges: DataFrame, nodes: DataFrame) -> DataFrame:
    """``scope, phash, duplicate_of, distance_bits, keeper, is_held_out``, one row a hash with something to say.

    ``keeper`` is the first row of the hash where that is kept, null where all its rows are dropped; they
    duplicate the first image of the nearest kept hash before it (of equally near ones, of the first in rank),
    a fixed one before all others.
    ``is_held_out``: that image is a fixed one.
    """
    dropped = dropped_hashes(edges)
    by_kept = edges.join(
        dropped.withColumnRenamed("later", "earlier"), on=["scope", "earlier"], how="left_anti"
    )
    nearest = by_kept.groupBy("scope", F.col("later").alias("hash")).agg(
        # What is near to a fixed image says so, whatever else it is near to.
        F.min(F.struct((F.col("first.precedence") >= 0).alias("is_open"), "distance_bits", "first")).alias(
            "nearest"
        )
    )
    told = nodes.join(nearest, on=["scope", "hash"], how="left").where(
        (F.col("n_rows") > 1) | F.col("nearest").isNotNull() | F.col("is_known")
    )
    is_kept = F.col("nearest").isNull()
    return told.select(
        "scope",
        F.col("hash").alias("phash"),
        F.coalesce("nearest.first.image_id", "first.image_id").alias("duplicate_of"),
        F.coalesce("nearest.distance_bits", F.lit(0)).alias("distance_bits"),
        F.when(is_kept, F.col("first")).alias("keeper"),
        (F.coalesce("nearest.first.precedence", "first.precedence") < 0).alias("is_held_out"),
    )


def flag_by_hash(rows: DataFrame, decided: DataFrame) -> DataFrame:
    """``rows`` with ``duplicate_of``, ``distance_bits`` (null where a row is kept) and ``is_held_out``."""
    joined = rows.withColumn("_rank", rank()).join(decided, on=["scope", "phash"], how="left")
    # The keeper itself, and a row on whose hash there is nothing to say, are kept.
    is_kept = F.col("duplicate_of").isNull() | F.coalesce(F.col("_rank") == F.col("keeper"), F.lit(False))
    return (
        joined.withColumn("duplicate_of", F.when(~is_kept, F.col("duplicate_of")))
        .withColumn("distance_bits", F.when(~is_kept, F.col("distance_bits")))
        .withColumn("is_held_out", ~is_kept & F.col("is_held_out"))
        .drop("_rank", "keeper")
    )


def image_pairs(rows: DataFrame, hash_pairs: DataFrame) -> DataFrame:
    """``image_id_l, image_id_r, distance_bits``: every pair of images whose hashes are a pair, or the same.

    ``rows`` are the images of one or more scopes; ``image_id_l < image_id_r``, each pair once. Pairs of two
    fixed images (precedence below 0) are left out.
    """
    # An image may be in several synsets, and be a candidate as well as fixed.
    images = rows.groupBy("scope", "phash", "image_id").agg(F.max(F.col("precedence") >= 0).alias("is_new"))
    left, right = _side(images, "l"), _side(images, "r")
    near = hash_pairs.join(left, on=["scope", "hash_l"]).join(right, on=["scope", "hash_r"])
    same = left.withColumn("hash_r", F.col("hash_l")).join(right, on=["scope", "hash_r"])
    same = same.where("id_l < id_r").withColumn("distance_bits", F.lit(0))
    columns = ("id_l", "id_r", "distance_bits", "is_new_l", "is_new_r")
    pairs = near.select(*columns).unionByName(same.select(*columns)).where("is_new_l OR is_new_r")
    # Two images may meet in more than one synset.
    return pairs.groupBy(
        F.least("id_l", "id_r").alias("image_id_l"), F.greatest("id_l", "id_r").alias("image_id_r")
    ).agg(F.min("distance_bits").alias("distance_bits"))


def _side(images: DataFrame, side: str) -> DataFrame:
    return images.select(
        "scope",
        F.col("phash").alias(f"hash_{side}"),
        F.col("image_id").alias(f"id_{side}"),
        F.col("is_new").alias(f"is_new_{side}"),
    )


def n_image_pairs(nodes: DataFrame, hash_pairs: DataFrame) -> DataFrame:
    """One row, ``n``: how many rows :func:`image_pairs` has at the most, without making them."""
    size = nodes.select("scope", "hash", F.col("n_rows").cast("double").alias("n"))
    same = size.select((F.col("n") * (F.col("n") - 1) / 2).alias("n"))
    near = hash_pairs.join(
        size.select("scope", F.col("hash").alias("hash_l"), F.col("n").alias("n_l")), on=["scope", "hash_l"]
    ).join(
        size.select("scope", F.col("hash").alias("hash_r"), F.col("n").alias("n_r")), on=["scope", "hash_r"]
    )
    both = same.unionByName(near.select((F.col("n_l") * F.col("n_r")).alias("n")))
    return both.agg(F.coalesce(F.sum("n"), F.lit(0.0)).alias("n"))
