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


def share_of(rows: DataFrame, share: int, n_shares: int, column: str = "url") -> DataFrame:
    """One of ``n_shares`` parts of the rows, by a hash of a column: the same ones each time."""
    return rows.where(F.pmod(F.xxhash64(column), F.lit(n_shares)) == share)


def queries_to_ask(queries: DataFrame, asked: DataFrame, *, retry_failed: bool) -> DataFrame:
    """The distinct ``query, language`` that an engine was not asked (or failed to answer, with ``retry_failed``).

    One that the engine was too busy for counts as not asked.
    """
    done = asked.where("status = 'ok'" if retry_failed else "status <> 'rate_limited'")
    wanted = queries.select("query", "language").distinct()
    return wanted.join(done.select("query", "language"), on=["query", "language"], how="left_anti")


def found_by_search(answers: DataFrame, queries: DataFrame, *, source: str, listed_at: object) -> DataFrame:
    """Rows of ``search_results``: what each query found, for every synset that it was planned for."""
    found = answers.select("query", "language", "asked_us", F.inline("records"))
    planned = queries.select("synset_id", "query", "language").distinct()
    rows = found.join(planned, on=["query", "language"]).select(
        "url",
        "synset_id",
        "query",
        F.lit(source).alias("source"),
        F.lit(source).alias("search_engine"),
        "engine_id",
        "licence",
        "licence_url",
        "author",
        F.lit(None).cast("string").alias("country"),  # neither engine says
        "landing_url",
        F.col("width_px").try_cast("bigint").alias("width_px"),
        F.col("height_px").try_cast("bigint").alias("height_px"),
        F.try_to_timestamp("taken_at").alias("taken_at"),
        F.try_to_timestamp("published_at").alias("published_at"),
        F.timestamp_micros("asked_us").alias("found_at"),
        F.lit(source).alias("source_file"),
        F.lit(listed_at).cast("timestamp").alias("listed_at"),
    )
    return rows.dropDuplicates(["url", "synset_id", "query", "source"])


def to_searches(answers: DataFrame, *, source: str) -> DataFrame:
    """Rows of ``searches`` from what :func:`synlake.udfs.search.search` gives."""
    return answers.select(
        F.lit(source).alias("source"),
        "query",
        "language",
        F.timestamp_micros("asked_us").alias("asked_at"),
        "status",
        "http_status",
        "n_pages",
        F.size("records").cast("bigint").alias("n_results"),
        "detail",
    )


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


def images_to_store(fetched: DataFrame, stored: DataFrame) -> DataFrame:
    """``image_id, size_bytes, body_file, body_at, bytes`` of each image that is not in ``stored`` yet, once.

    Bytes, where rows have them, stay where they are: only ids move.
    """
    came = fetched.where("status = 'ok'")
    first = came.groupBy("sha256").agg(F.min("url").alias("url"))
    new = first.join(stored.select(F.col("image_id").alias("sha256")), on="sha256", how="left_anti")
    chosen = came.join(F.broadcast(new.select("url")), on="url", how="left_semi")
    return chosen.select(F.col("sha256").alias("image_id"), "size_bytes", "body_file", "body_at", "bytes")


def best_downloads(downloads: DataFrame) -> DataFrame:
    """``url, got`` (``status, image_id, size_bytes, asked_at``): how each URL ended in all.

    Of several downloads one that ended well counts, then the latest.
    """
    return downloads.groupBy("url").agg(
        F.max_by(
            F.struct("status", "image_id", "size_bytes", "asked_at"),
            F.struct(F.col("status") == "ok", "asked_at"),
        ).alias("got")
    )


def url_candidates(
    records: DataFrame, synsets: DataFrame, ended: DataFrame, *, source: str, retrieved_at: object
) -> DataFrame:
    """Rows of ``candidates``, one a (URL, synset) that was asked for or will never be.

    ``ended`` is what :func:`best_downloads` gives. A row that is rejected has the sha256 of its URL for an
    ``image_id``, even where the URL was downloaded for another synset: so the row that a later selection accepts
    has a key of its own.
    """
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
        .join(ended, on="url", how="left")
    )
    retrieved = F.lit(retrieved_at).cast("timestamp")
    rows = joined.withColumn("reject_reason", reason).where("got IS NOT NULL OR reject_reason IS NOT NULL")
    return rows.select(
        F.when(F.col("reject_reason").isNull(), F.col("got.image_id"))
        .otherwise(F.sha2(F.col("url").cast("binary"), 256))
        .alias("image_id"),
        "synset_id",
        F.lit(source).alias("source"),
        F.col("url").alias("source_ref"),
        F.coalesce("got.size_bytes", F.lit(0)).alias("size_bytes"),
        F.coalesce("got.asked_at", retrieved).alias("modified_at"),
        retrieved.alias("retrieved_at"),
        "reject_reason",
    )
