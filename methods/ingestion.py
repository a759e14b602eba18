"""From files that were found to candidates of the dataset: which image, for which synset, taken or not."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def unseen(files: DataFrame, candidates: DataFrame, *, source: str) -> DataFrame:
    """The files that are not candidates yet: another path, size or time means another file."""
    seen = candidates.where(F.col("source") == source).select(
        "source_ref", "size_bytes", F.unix_micros("modified_at").alias("modified_us")
    )
    return files.join(seen, on=["source_ref", "size_bytes", "modified_us"], how="left_anti")


def flag_files(hashed: DataFrame, synsets: DataFrame, *, max_bytes: int) -> DataFrame:
    """Add ``image_id`` and ``reject_reason`` to files, one row a file.

    ``synsets`` has the selected ``synset_id``s. A file without readable bytes has the sha256 of its
    ``source_ref`` for an ``image_id``, so that it is a row like any other.
    """
    selected = synsets.select("synset_id", F.lit(True).alias("is_selected"))
    reason = F.coalesce(
        F.when(F.col("synset_id") == "unknown", F.lit("no_synset")),
        F.when(F.col("is_selected").isNull(), F.lit("synset_not_selected")),
        F.when(F.col("size_bytes") > max_bytes, F.lit("too_many_bytes")),
        F.when(F.col("sha256").isNull(), F.lit("unreadable")),
    )
    return (
        hashed.join(F.broadcast(selected), on="synset_id", how="left")
        .withColumn("image_id", F.coalesce("sha256", F.sha2(F.col("source_ref").cast("binary"), 256)))
        .withColumn("reject_reason", reason)
        .drop("is_selected")
    )


def files_to_store(flagged: DataFrame, stored: DataFrame) -> DataFrame:
    """One file for each image whose bytes are not stored yet: the first by ``source_ref``."""
    taken = flagged.where(F.col("reject_reason").isNull())
    chosen = taken.groupBy("image_id").agg(
        F.min_by("path", "source_ref").alias("path"), F.min("size_bytes").alias("size_bytes")
    )
    return chosen.join(stored.select("image_id"), on="image_id", how="left_anti")


def to_candidates(flagged: DataFrame, stored: DataFrame, *, source: str, retrieved_at: object) -> DataFrame:
    """Rows of ``candidates``; a file that vanished or changed before its bytes were stored is unreadable."""
    has_bytes = stored.select("image_id", F.lit(True).alias("has_bytes"))
    reason = F.coalesce("reject_reason", F.when(F.col("has_bytes").isNull(), F.lit("unreadable")))
    return flagged.join(has_bytes, on="image_id", how="left").select(
        "image_id",
        "synset_id",
        F.lit(source).alias("source"),
        "source_ref",
        "size_bytes",
        F.timestamp_micros("modified_us").alias("modified_at"),
        F.lit(retrieved_at).cast("timestamp").alias("retrieved_at"),
        reason.alias("reject_reason"),
    )
