"""Near-duplicate groups of a release, across classes too, and what is near an image of a frozen test."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake.methods.components import connected_components
from synlake.methods.pair_routing import near_hashes, plan_join


def near_pairs_of(images: DataFrame, secret: DataFrame, *, n_images: int, tau: int) -> DataFrame:
    """Pairs of near hashes (``hash_l, hash_r``): of two of ``images``, or of one and a ``secret`` one (``phash`` each).

    A hash that several of ``images`` have is paired with itself.
    """
    both = images.select("phash", F.lit(False).alias("is_known")).unionByName(
        secret.select("phash", F.lit(True).alias("is_known"))
    )
    hashes = both.where("phash IS NOT NULL").select(
        F.lit("").alias("scope"), F.col("phash").alias("hash"), "is_known"
    )
    near = near_hashes(hashes, plan_join(n_images, tau - 1), is_distinct=False)
    return near.select("hash_l", "hash_r")


def near_secret(images: DataFrame, secret: DataFrame, pairs: DataFrame) -> DataFrame:
    """``image_id, split`` of each of ``images`` whose hash is that of a ``secret`` (``phash, split``), or near it."""
    known = secret.where("phash IS NOT NULL").select("phash", "split").distinct()
    both = pairs.select(F.col("hash_l").alias("a"), F.col("hash_r").alias("b"))
    both = both.unionByName(both.select(F.col("b").alias("a"), F.col("a").alias("b")))
    near = both.join(known.withColumnRenamed("phash", "a"), on="a").select(F.col("b").alias("phash"), "split")
    found = images.select("image_id", "phash").join(known.unionByName(near).distinct(), on="phash")
    return found.select("image_id", "split").distinct()


def hashes_to_group(pairs: DataFrame) -> DataFrame:
    """``phash`` of ``pairs`` (:func:`near_pairs_of`), each once: mostly few."""
    left, right = (pairs.select(F.col(name).alias("phash")) for name in ("hash_l", "hash_r"))
    return left.unionByName(right).distinct()


def rows_to_group(images: DataFrame, hashes: DataFrame) -> DataFrame:
    """``image_id, phash, duplicate_of, is_near`` of the rows of ``images`` that may be in an edge: mostly few.

    Those whose hash is one of ``hashes`` (:func:`hashes_to_group`), that is ``is_near``, restored duplicates, and
    images without a hash.
    """
    rows = images.select("image_id", "phash", "duplicate_of")
    marked = rows.join(hashes.withColumn("is_near", F.lit(True)), on="phash", how="left")
    return marked.where("is_near OR duplicate_of IS NOT NULL OR phash IS NULL")


def edges_of(rows: DataFrame, pairs: DataFrame) -> DataFrame:
    """``id_l, id_r``: images that belong into one group. ``rows`` are those of :func:`rows_to_group`.

    Those with one hash, those with near hashes (``pairs``), a restored duplicate with what it duplicates, and an
    image of several classes with itself. ``rows`` are read several times: the caller holds them.
    """
    hashed = rows.where("is_near")
    firsts = hashed.groupBy("phash").agg(F.min("image_id").alias("first"))
    same = hashed.join(firsts, on="phash").where(F.col("image_id") != F.col("first"))
    left = firsts.select(F.col("phash").alias("hash_l"), F.col("first").alias("id_l"))
    right = firsts.select(F.col("phash").alias("hash_r"), F.col("first").alias("id_r"))
    near = pairs.where("hash_l != hash_r").join(left, on="hash_l").join(right, on="hash_r")
    return (
        duplicate_edges(rows)
        # An image of several rows shares its hash with itself, or has none: all its rows are here.
        .unionByName(repeated_edges(rows))
        .unionByName(same.select(F.col("first").alias("id_l"), F.col("image_id").alias("id_r")))
        .unionByName(near.select("id_l", "id_r"))
        .distinct()
    )


def duplicate_edges(images: DataFrame) -> DataFrame:
    """``id_l, id_r`` of images that were restored to reach a floor, and the kept image that each duplicates."""
    restored = images.where(F.col("duplicate_of").isNotNull())
    return restored.select(F.col("duplicate_of").alias("id_l"), F.col("image_id").alias("id_r")).distinct()


def repeated_edges(images: DataFrame) -> DataFrame:
    """``id_l, id_r``: an edge to itself of each ``image_id`` with several rows, which are of several classes.

    It makes a group of them. Alone, each row would go to the split that its own class puts it in.
    """
    repeated = images.groupBy("image_id").count().where("count > 1")
    return repeated.select(F.col("image_id").alias("id_l"), F.col("image_id").alias("id_r"))


def with_groups(images: DataFrame, edges: DataFrame, *, n_edges: int) -> DataFrame:
    """Add ``group_id`` and ``is_alone``: images joined by ``edges`` are one group, named by its least image_id.

    ``is_alone`` is a row that no edge has: an image of one class, near to no other.
    """
    if not n_edges:
        return images.withColumns({"group_id": F.col("image_id"), "is_alone": F.lit(True)})
    groups = connected_components(edges, n_edges=n_edges).select(F.col("id").alias("image_id"), "component")
    return images.join(groups, on="image_id", how="left").select(
        *images.columns,
        F.coalesce("component", "image_id").alias("group_id"),
        F.col("component").isNull().alias("is_alone"),
    )
