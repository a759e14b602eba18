"""From candidates and fingerprints to the pool: one row an image of a synset, flagged where it is a duplicate."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from synlake.methods import hash_graph

STRATEGIES = ("none", "pixel", "phash")
SCOPES = ("synset", "global")
_REASONS = {"pixel": "pixel_duplicate", "phash": "near_duplicate"}
#: Reasons that only an image that was compared can have.
_AFTER_COMPARING = (*_REASONS.values(), "held_out", "over_quota")
#: Precedence in rank: images of the set compared against, of a preferred release, of no release. Between the
#: last two are the images of other releases, from 1 on.
HELD_OUT, PREFERRED, OTHERS = -1, 0, 2**31 - 1


def to_pool(candidates: DataFrame, fingerprints: DataFrame) -> DataFrame:
    """One row a (image, synset): the reason that ingestion or fingerprinting gave, or none, and its rank.

    Exact copies are one image; ``n_sources`` counts the candidates that a row stands for.
    """
    images = candidates.groupBy("image_id", "synset_id").agg(
        F.count(F.lit(1)).cast("int").alias("n_sources"),
        F.min("retrieved_at").alias("first_retrieved_at"),
        # An image taken from one source is taken, whatever became of its copies in others.
        F.when(F.count_if(F.col("reject_reason").isNull()) == 0, F.min("reject_reason")).alias(
            "ingest_reason"
        ),
    )
    prints = fingerprints.select(
        "image_id",
        "phash",
        "pixel_sha256",
        "width_px",
        "height_px",
        F.col("reject_reason").alias("print_reason"),
        F.lit(True).alias("is_printed"),
    )
    unprinted = F.when(F.col("is_printed").isNull(), F.lit("not_fingerprinted"))
    return images.join(prints, on="image_id", how="left").select(
        "image_id",
        "synset_id",
        "n_sources",
        "first_retrieved_at",
        "phash",
        # Null where there is no pixel_sha256.
        F.concat("pixel_sha256", F.lit(":"), "width_px", F.lit(":"), "height_px").alias("pixels"),
        (F.col("width_px").cast("long") * F.col("height_px")).alias("n_pixels"),
        F.coalesce("ingest_reason", "print_reason", unprinted).alias("reject_reason"),
    )


def was_compared(pool: DataFrame) -> DataFrame:
    """The rows of ``pool`` that took part in the comparison; the others had been rejected, or had no hash, before."""
    return pool.where(F.col("reject_reason").isNull() | F.col("reject_reason").isin(*_AFTER_COMPARING))


def release_precedence(
    releases: DataFrame, release_images: DataFrame, *, first: str | None = None
) -> DataFrame:
    """``image_id, precedence``, one row an image in a release: the number of its earliest one, 0 of ``first``."""
    in_time = Window.orderBy(F.col("release") != F.lit(first or ""), "frozen_at", "release")
    number = F.row_number().over(in_time) - F.lit(1 if first else 0)
    numbered = releases.select("release", number.alias("number"))
    images = release_images.select("release", "image_id").join(F.broadcast(numbered), on="release")
    return images.groupBy("image_id").agg(F.min("number").alias("precedence"))


def ranked(images: DataFrame, *, scope: str, released: DataFrame | None = None) -> DataFrame:
    """Add ``scope`` (a wnid, or "" for everything) and ``precedence``, which is ``released``'s or :data:`OTHERS`."""
    scoped = images.withColumn("scope", F.col("synset_id") if scope == "synset" else F.lit(""))
    if released is None:
        return scoped.withColumn("precedence", F.lit(OTHERS))
    return scoped.join(released, on="image_id", how="left").select(
        *scoped.columns, F.coalesce("precedence", F.lit(OTHERS)).alias("precedence")
    )


def with_hashes(images: DataFrame, fingerprints: DataFrame) -> DataFrame:
    """``images`` of a release, with ``phash`` and ``hash_mode`` of ``fingerprints`` where they have none.

    An imported release is frozen before its images are fingerprinted.
    """
    names = ("phash", "hash_mode")
    prints = fingerprints.select("image_id", *(F.col(name).alias(f"now_{name}") for name in names))
    filled = {name: F.coalesce(name, f"now_{name}") for name in names}
    return images.join(prints, on="image_id", how="left").withColumns(filled).select(*images.columns)


def held_out_rows(images: DataFrame, like: DataFrame, *, scope: str) -> DataFrame:
    """``image_id, phash`` (and ``synset_id`` for scope synset) as rows of ``like`` that rank before all others.

    So are the rows of ``like`` that are these very images, whatever their synset, and hash, is here.
    """
    scope_column = F.col("synset_id") if scope == "synset" else F.lit("")
    known = {
        "image_id": F.col("image_id"),
        "phash": F.col("phash"),
        "synset_id": scope_column,
        "scope": scope_column,
        "precedence": F.lit(HELD_OUT),
        "n_pixels": F.lit(0).cast("long"),
        "n_sources": F.lit(0),
    }
    columns = [
        known.get(field.name, F.lit(None)).cast(field.dataType).alias(field.name) for field in like.schema
    ]
    same = like.join(images.select("image_id"), on="image_id", how="left_semi")
    fixed = same.withColumn("precedence", F.lit(HELD_OUT))
    return images.where("phash IS NOT NULL").select(*columns).unionByName(fixed)


def flag_pixel_duplicates(rows: DataFrame) -> DataFrame:
    """``rows`` with ``duplicate_of`` and ``distance_bits``: of images with the same pixels the first in rank stays."""
    same = Window.partitionBy("scope", "pixels").orderBy(hash_graph.rank())
    is_first = F.row_number().over(same) == 1
    bits = F.bit_count(F.col("phash").bitwiseXOR(F.first("phash").over(same)))
    return rows.withColumns(
        {
            "duplicate_of": F.when(~is_first, F.first("image_id").over(same)),
            "distance_bits": F.when(~is_first, bits),
        }
    )


def give_reason(rows: DataFrame, *, strategy: str) -> DataFrame:
    """Put what was found into ``reject_reason``: the strategy's, or ``held_out`` where ``is_held_out``."""
    reason = F.when(F.col("is_held_out"), F.lit("held_out")).otherwise(F.lit(_REASONS.get(strategy)))
    return rows.withColumn(
        "reject_reason", F.coalesce("reject_reason", F.when(F.col("duplicate_of").isNotNull(), reason))
    )
