"""Where each image of a release came from, who made it, and under which licence: as far as its sources said."""

from __future__ import annotations

from functools import reduce
from operator import add

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake.methods.withholding import WITHHELD

#: What a list of search results may say of an image.
SAID = ("licence", "licence_url", "author", "landing_url")


def attribution(images: DataFrame, candidates: DataFrame, search_results: DataFrame) -> DataFrame:
    """``image_id, source, source_ref, licence, licence_url, author, landing_url``, one row an image.

    An image that several sources had is attributed to the one that says most of it, then to the first in
    order. Of an image whose label is withheld, a ``source_ref`` that is no URL is left out: it may be a path
    that names the class.
    """
    n_said = reduce(add, (F.col(name).isNotNull().cast("int") for name in SAID))
    said = search_results.groupBy(F.col("url").alias("source_ref")).agg(
        F.max_by(F.struct(*SAID), n_said).alias("said")
    )
    every = candidates.select("image_id", "source", "source_ref").join(said, on="source_ref", how="left")
    first = (
        every.select("image_id", "source", "source_ref", "said.*")
        .groupBy("image_id")
        .agg(F.min(F.struct((-n_said).alias("n_unsaid"), "source", "source_ref", *SAID)).alias("first"))
    )
    wanted = images.groupBy("image_id").agg(F.max(F.col("label") == WITHHELD).alias("is_withheld"))
    is_telling = F.col("is_withheld") & ~F.col("first.source_ref").contains("://")
    return wanted.join(first, on="image_id", how="left").select(
        "image_id",
        "first.source",
        F.when(~is_telling, F.col("first.source_ref")).alias("source_ref"),
        *(f"first.{name}" for name in SAID),
    )


def licence_counts(attributed: DataFrame) -> DataFrame:
    """``licence, licence_url, n_images``, the commonest first; one row a licence."""
    licence = F.coalesce("licence", F.lit("not stated by the source"))
    counts = attributed.groupBy(licence.alias("licence"), "licence_url").agg(F.count("*").alias("n_images"))
    return counts.orderBy(F.desc("n_images"), "licence", "licence_url")
