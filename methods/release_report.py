"""What the report of a release counts: sizes of its images, where they come from, examples of duplicates."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

#: What is measured of an image, in SQL, and its unit.
MEASURES = {
    "shorter side": ("least(width_px, height_px)", "px"),
    "longer side": ("greatest(width_px, height_px)", "px"),
    "area": ("width_px * height_px / 1e6", "megapixels"),
    "aspect ratio": ("width_px / height_px", "width / height"),
}
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
#: Where an image comes from, as far as its source says.
ORIGINS = ("source", "host", "country", "language", "licence")


def size_quantiles(images: DataFrame) -> DataFrame:
    """One row: ``n_images``, ``n_known`` (with a size), and a column of :data:`QUANTILES` a measure, by place.

    ``images`` has ``width_px, height_px``; exact percentiles, since a release has a row an image at most.
    """
    quantiles = F.array(*map(F.lit, QUANTILES))
    measured = [
        F.percentile(F.expr(formula), quantiles).alias(name) for name, (formula, _) in MEASURES.items()
    ]
    return images.agg(F.count(F.lit(1)).alias("n_images"), F.count("width_px").alias("n_known"), *measured)


def side_histogram(images: DataFrame) -> DataFrame:
    """``from_px, n_images``: images by shorter side, in half octaves: from 2^(k/2) up to 2^((k+1)/2) pixels."""
    side = F.least("width_px", "height_px")
    step = F.floor(F.log2(side.cast("double")) * 2 + 1e-9)
    known = images.where("width_px IS NOT NULL").groupBy(step.alias("step"))
    counts = known.agg(F.count(F.lit(1)).alias("n_images"))
    return counts.select(
        F.round(F.pow(F.lit(2.0), F.col("step") / 2)).cast("int").alias("from_px"), "n_images"
    )


def object_scales(images: DataFrame, boxes: DataFrame) -> DataFrame:
    """``image_id, label, scale`` of images with a box: the share of the image's area that its largest box covers.

    ILSVRC's object scale (Russakovsky et al., IJCV 2015, section 3.3.1). ``boxes`` has ``image_id`` and
    ``x_min, y_min, x_max, y_max`` in pixels; what reaches out of the image is cut off.
    """

    def inside(name: str, side: str) -> Column:
        return F.greatest(F.lit(0.0), F.least(F.col(name), F.col(side).cast("double")))

    sized = images.where("width_px > 0 AND height_px > 0").join(boxes, on="image_id")
    width = inside("x_max", "width_px") - inside("x_min", "width_px")
    height = inside("y_max", "height_px") - inside("y_min", "height_px")
    share = width * height / (F.col("width_px").cast("double") * F.col("height_px"))
    return sized.groupBy("image_id", "label").agg(
        F.max(F.when((width > 0) & (height > 0), share)).alias("scale")
    )


def origins_of(images: DataFrame, candidates: DataFrame, found: DataFrame, queries: DataFrame) -> DataFrame:
    """``image_id`` and :data:`ORIGINS` of each image; null where nothing says it.

    The first candidate of an image (by source and reference) stands for it, and the first search that found
    it. A language is that of the query; a country is what the list of URLs says.
    """
    sources = candidates.where("reject_reason IS NULL").groupBy("image_id", "synset_id")
    first = sources.agg(F.min(F.struct("source", "source_ref")).alias("c")).select(
        "image_id", "synset_id", "c.*"
    )
    searches = found.groupBy(F.col("url").alias("source_ref"), "synset_id", "source").agg(
        F.min(F.struct("query", "country", "licence")).alias("s")
    )
    languages = queries.groupBy("synset_id", "query").agg(F.min("language").alias("language"))
    joined = (
        images.select("image_id", "synset_id")
        .join(first, on=["image_id", "synset_id"], how="left")
        .join(searches, on=["source_ref", "synset_id", "source"], how="left")
        .select("image_id", "synset_id", "source", "source_ref", "s.*")
        .join(languages, on=["synset_id", "query"], how="left")
    )
    host = F.lower(F.regexp_extract("source_ref", r"^https?://(?:[^/@]*@)?([^/:?#]+)", 1))
    return joined.select(
        "image_id",
        "source",
        F.nullif(host, F.lit("")).alias("host"),
        F.upper("country").alias("country"),
        "language",
        "licence",
    )


def shares_of(origins: DataFrame, column: str, n_most: int) -> DataFrame:
    """``value, n_images`` of a column, the most frequent first: ``n_most`` values, null among them if it is."""
    counts = origins.groupBy(F.col(column).alias("value")).agg(F.count(F.lit(1)).alias("n_images"))
    return counts.orderBy(F.desc("n_images"), F.col("value").asc_nulls_last()).limit(n_most)


def duplicate_examples(pool: DataFrame, *, n: int, seed: int) -> DataFrame:
    """``n`` duplicates ``image_id, duplicate_of, synset_id, reject_reason, distance_bits``, of all distances alike.

    Round after round one of each distance, in an order that the seed decides.
    """
    others = pool.where("duplicate_of IS NOT NULL AND duplicate_of <> image_id AND NOT is_kept")
    order = Window.partitionBy("reject_reason", "distance_bits").orderBy(
        F.xxhash64("image_id", F.lit(seed)), "image_id"
    )
    chosen = others.withColumn("turn", F.row_number().over(order)).where(F.col("turn") <= n)
    return (
        chosen.orderBy("turn", "distance_bits", "image_id")
        .limit(n)
        .select("image_id", "duplicate_of", "synset_id", "reject_reason", "distance_bits")
    )


def sample_of_classes(images: DataFrame, *, n: int, seed: int) -> DataFrame:
    """``label, image_id, turn``: ``n`` images a class at most, the same ones for the same seed."""
    order = Window.partitionBy("label").orderBy(F.xxhash64("image_id", F.lit(seed)), "image_id")
    ranked = images.select("label", "image_id").withColumn("turn", F.row_number().over(order))
    return ranked.where(F.col("turn") <= n)


def histogram(df: DataFrame, column: str, edges: Sequence[float]) -> DataFrame:
    """``bin, n``: rows whose value is in [edges[bin], edges[bin + 1]), the last one closed; nulls are left out."""
    value, top = F.col(column), len(edges) - 2
    place = sum((F.when(value >= edge, 1).otherwise(0) for edge in edges[1:-1]), F.lit(0))
    kept = df.where(value.isNotNull()).select(F.least(place, F.lit(top)).alias("bin"))
    return kept.groupBy("bin").agg(F.count(F.lit(1)).alias("n"))
