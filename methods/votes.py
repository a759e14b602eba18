"""Which answers count: each is kept as given, and flagged where it does not."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F


def flag_votes(given: DataFrame, counted: DataFrame, tasks: DataFrame | None) -> DataFrame:
    """Add ``vote_id`` and ``reject_reason`` to answers, one row an answer as given.

    ``given`` is what ``intake.read_rows`` returns with ``item_id, worker_id, answer, answered_at``.
    ``counted`` are the votes that count already; ``tasks`` are those asked, None where any item may be
    voted on. Of several answers by one worker to one item, the one that counts already or stands first
    in the file counts. The same file again gives the same ``vote_id``s.
    """
    blank_to_null = {c: F.when(F.col(c) != "", F.col(c)) for c in ("item_id", "worker_id", "answer")}
    votes = given.withColumns(blank_to_null)
    is_malformed = F.col("raw").isNotNull() | F.col("item_id").isNull() | F.col("worker_id").isNull()
    what = F.to_json(F.struct("item_id", "worker_id", "answer", "raw"))
    votes = votes.withColumns({"what": what, "is_malformed": is_malformed})
    nth = F.row_number().over(Window.partitionBy("what").orderBy("line_order"))
    votes = votes.withColumn(
        "vote_id", F.sha2(F.concat_ws("#", "what", nth.cast("string")).cast("binary"), 256)
    )
    earlier = counted.select("item_id", "worker_id", F.col("answer").alias("counted_answer"))
    votes = votes.join(earlier, on=["item_id", "worker_id"], how="left")
    votes = _with_is_known(votes, tasks)
    # Malformed and empty answers never stand first: only what could count takes part.
    could_count = ~F.col("is_malformed") & F.col("answer").isNotNull()
    mine = Window.partitionBy("item_id", "worker_id").orderBy(F.desc(could_count), "line_order")
    first_answer = F.coalesce("counted_answer", F.first("answer").over(mine))
    votes = votes.withColumns({"turn": F.row_number().over(mine), "first_answer": first_answer})
    reason = F.coalesce(
        F.when(F.col("is_malformed"), F.lit("malformed")),
        F.when(F.col("answer").isNull(), F.lit("empty_answer")),
        F.when(~F.col("is_known"), F.lit("unknown_item")),
        F.when(F.col("answer") != F.col("first_answer"), F.lit("conflicting_vote")),
        F.when(F.col("turn") > 1, F.lit("duplicate_vote")),
    )
    return votes.select(
        "vote_id",
        "item_id",
        "worker_id",
        "answer",
        F.try_to_timestamp("answered_at").alias("answered_at"),
        "source_file",
        reason.alias("reject_reason"),
        "raw",
    )


def _with_is_known(votes: DataFrame, tasks: DataFrame | None) -> DataFrame:
    if tasks is None:
        return votes.withColumn("is_known", F.lit(True))
    asked = tasks.select(F.col("task_id").alias("item_id"), F.lit(True).alias("asked"))
    return votes.join(asked, on="item_id", how="left").withColumn(
        "is_known", F.coalesce("asked", F.lit(False))
    )
