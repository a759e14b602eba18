"""From records of URLs to candidates of the dataset: what to ask for, what came, and what that makes of each."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def urls_to_fetch(
    records: DataFrame, synsets: DataFrame, downloads: DataFrame, *, retry_failed: bool
) -> DataFrame:
    """The distinct ``url``s of selected synsets that have not been asked for (or failed, with ``retry_failed``)."""
    done = downloads.where("status = 'ok'") if retry_failed else downloads
    wanted = records.join(F.broadcast(synsets.select("synset_id")), on="synset_id", how="left_semi")
    return wanted.select("url").distinct().join(done.select("url"), on="url", how="left_anti")


def share_of(urls: DataFrame, share: int, n_shares: int) -> DataFrame:
    """One of ``n_shares`` parts of the URLs, by hash: the same ones each time."""
    return urls.where(F.pmod(F.xxhash64("url"), F.lit(n_shares)) == share)


def to_downloads(fetched: DataFrame) -> DataFrame:
    """Rows of ``downloads`` from what :func:`synlake.udfs.fetch.fetch` gives."""
    return fetched.select(
        "url",
        F.timestamp_micros("asked_us").alias("asked_at"),
        "status",
        "http_status",
        "n_attempts",
        "detail",
        "final_url",
        "content_type",
        "image_format",
        "etag",
        "last_modified",
        F.col("sha256").alias("image_id"),
        "size_bytes",
        "seconds",
    )


def bytes_to_store(fetched: DataFrame, stored: DataFrame) -> DataFrame:
    """Rows of ``image_bytes``: each image that is not stored yet, once. Bytes stay where they are: only ids move."""
    came = fetched.where("status = 'ok'")
    first = came.groupBy("sha256").agg(F.min("url").alias("url"))
    new = first.join(stored.select(F.col("image_id").alias("sha256")), on="sha256", how="left_anti")
    chosen = came.join(F.broadcast(new.select("url")), on="url", how="left_semi")
    return chosen.select(F.col("sha256").alias("image_id"), "size_bytes", "bytes")


def url_candidates(
    records: DataFrame, synsets: DataFrame, downloads: DataFrame, *, source: str, retrieved_at: object
) -> DataFrame:
    """Rows of ``candidates``, one a (URL, synset) that was asked for or will never be.

    A URL that has no image has the sha256 of itself for an ``image_id``. The best of several downloads
    counts: one that ended well, then the latest.
    """
    best = downloads.groupBy("url").agg(
        F.max_by(
            F.struct("status", "image_id", "size_bytes", "asked_at"),
            F.struct(F.col("status") == "ok", "asked_at"),
        ).alias("got")
    )
    selected = synsets.select("synset_id", F.lit(True).alias("is_selected"))
    reason = F.coalesce(
        F.when(F.col("synset_id") == "unknown", F.lit("no_synset")),
        F.when(F.col("is_selected").isNull(), F.lit("synset_not_selected")),
        F.when(F.col("got.status") != "ok", F.lit("not_downloaded")),
    )
    joined = (
        records.select("url", "synset_id")
        .distinct()
        .join(F.broadcast(selected), on="synset_id", how="left")
        .join(best, on="url", how="left")
    )
    retrieved = F.lit(retrieved_at).cast("timestamp")
    rows = joined.withColumn("reject_reason", reason).where("got IS NOT NULL OR reject_reason IS NOT NULL")
    return rows.select(
        F.coalesce("got.image_id", F.sha2(F.col("url").cast("binary"), 256)).alias("image_id"),
        "synset_id",
        F.lit(source).alias("source"),
        F.col("url").alias("source_ref"),
        F.coalesce("got.size_bytes", F.lit(0)).alias("size_bytes"),
        F.coalesce("got.asked_at", retrieved).alias("modified_at"),
        retrieved.alias("retrieved_at"),
        "reject_reason",
    )
