"""From files that were found to candidates of the dataset: which image, for which synset, taken or not."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

#: What a later selection, or another map of labels, may decide otherwise.
_REVISABLE = ("no_synset", "synset_not_selected")


def unseen(files: DataFrame, candidates: DataFrame, *, source: str) -> DataFrame:
    """The files that are not candidates yet: another path, size or time means another file.

    One that was only turned down for its synset counts as not seen. Where a size is not known beforehand
    (null), it does not count.
    """
    seen = candidates.where(
        (F.col("source") == source)
        & (F.col("reject_reason").isNull() | ~F.col("reject_reason").isin(*_REVISABLE))
    ).select(
        F.col("source_ref").alias("ref"),
        F.col("size_bytes").alias("size"),
        F.unix_micros("modified_at").alias("at_us"),
    )
    is_same = (
        (F.col("source_ref") == F.col("ref"))
        & (F.col("modified_us") == F.col("at_us"))
        & F.coalesce(F.col("size_bytes") == F.col("size"), F.lit(True))
    )
    return files.join(seen, on=is_same, how="left_anti")


def label_meanings(synsets: DataFrame, given: DataFrame) -> DataFrame:
    """``label, means``: which synset a label stands for, labels folded by :func:`folded`.

    What a user's own list says (``given``: ``label, synset_id``), else an id, else all words of a selected
    synset as ImageNet's class names have them, else one of its words. Words that mean several say nothing.
    """
    chosen = synsets.where("is_selected")
    kinds = (
        (given.select("label", "synset_id"), 0),
        (synsets.select(F.col("synset_id").alias("label"), "synset_id"), 1),
        (chosen.select(F.array_join("lemmas", ", ").alias("label"), "synset_id"), 2),
        (chosen.select(F.explode("lemmas").alias("label"), "synset_id"), 3),
    )
    meant: DataFrame | None = None
    for words, rank in kinds:
        ranked = words.select(folded("label").alias("label"), "synset_id", F.lit(rank).alias("rank"))
        meant = ranked if meant is None else meant.unionByName(ranked)
    assert meant is not None  # there are four kinds
    clear = (
        meant.groupBy("label", "rank")
        .agg(F.min("synset_id").alias("means"), F.countDistinct("synset_id").alias("n"))
        .where("n = 1")
    )
    return clear.groupBy("label").agg(F.min_by("means", "rank").alias("means"))


def folded(label: str) -> Column:
    """A label so that it can be compared: lower case, spaces for underscores and none around it."""
    return F.lower(F.trim(F.translate(label, "_", " ")))


def with_meanings(files: DataFrame, meanings: DataFrame) -> DataFrame:
    """``synset_id`` of files by their label where it stands for one, else by their path as before."""
    known = meanings.withColumnRenamed("label", "folded")
    joined = files.withColumn("folded", folded("label")).join(F.broadcast(known), on="folded", how="left")
    return joined.withColumn("synset_id", F.coalesce("means", "synset_id")).select(*files.columns)


def flag_files(files: DataFrame, synsets: DataFrame, *, max_bytes: int) -> DataFrame:
    """Add ``reject_reason`` to listed files, one row a file; ``synsets`` has the selected ``synset_id``s."""
    selected = synsets.select("synset_id", F.lit(True).alias("is_selected"))
    reason = F.coalesce(
        F.col("fault"),
        F.when(F.col("synset_id") == "unknown", F.lit("no_synset")),
        F.when(F.col("is_selected").isNull(), F.lit("synset_not_selected")),
        F.when(F.col("size_bytes") > max_bytes, F.lit("too_many_bytes")),
    )
    joined = files.join(F.broadcast(selected), on="synset_id", how="left")
    return joined.withColumn("reject_reason", reason).drop("is_selected")


def identified(hashed: DataFrame, *, max_bytes: int) -> DataFrame:
    """Add ``image_id``, and the ``reject_reason`` of files whose bytes were not to be had.

    These, and files that were not read because they are rejected, have the sha256 of their ``source_ref``
    for an ``image_id``, so that each is a row like any other.
    """
    reason = F.coalesce(
        F.col("reject_reason"),
        F.when(F.col("size_bytes") > max_bytes, F.lit("too_many_bytes")),
        F.when(F.col("sha256").isNull(), F.lit("unreadable")),
    )
    return hashed.withColumns(
        {
            "reject_reason": reason,
            "image_id": F.coalesce("sha256", F.sha2(F.col("source_ref").cast("binary"), 256)),
            "size_bytes": F.coalesce("size_bytes", F.lit(0)),
        }
    )


def files_to_store(flagged: DataFrame, stored: DataFrame) -> DataFrame:
    """One file for each image whose bytes are not stored yet: the first by ``source_ref``."""
    taken = flagged.where(F.col("reject_reason").isNull())
    place = ("path", "offset", "part", "size_bytes", "weight_bytes")
    first = taken.groupBy("image_id").agg(F.min_by(F.struct(*place), "source_ref").alias("at"))
    chosen = first.select("image_id", *(F.col("at")[name].alias(name) for name in place))
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
