"""Which answers count: each is kept as given, and flagged where it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

#: What a decoder puts where the bytes are not in the file's encoding.
_UNDECODABLE = "\ufffd"
_NAMES = ("item_id", "worker_id", "answer")
#: Faults of the plan, not of the answer: tasks that were planned again do not undo a vote that counts.
_FAULTS_OF_THE_PLAN = ("unknown_item", "before_task")


def flag_votes(
    given: DataFrame,
    counted: DataFrame,
    tasks: DataFrame | None,
    *,
    answers: Sequence[str] = (),
    answer_map: Mapping[str, str] | None = None,
) -> DataFrame:
    """Add ``vote_id`` and ``reject_reason`` to answers, one row an answer as given.

    ``given`` has ``item_id, worker_id, answer, answered_at, is_refused, source_ref, source_file, raw, line_order``.
    ``counted`` are the votes that count already; ``tasks`` are those asked, None where any item may be voted
    on. Of several answers by one worker to one item, the one that counts already or stands first in the file
    counts. ``answer_map`` says what answers stand for; ``answers`` are those that may be given, where tasks do
    not say (none: any). The same file again gives the same rows; an answer that counts already, and is now at
    fault (refused, say), counts no longer.
    """
    blank_to_null = {name: F.when(F.col(name) != "", F.col(name)) for name in _NAMES}
    votes = understood(given.withColumns(blank_to_null), tasks, answers=answers, answer_map=answer_map or {})
    votes = votes.withColumn("said", F.col("answer"))
    votes = votes.withColumns({"fault": _fault(), "is_old": F.lit(False)})
    votes = votes.withColumn("answer", F.coalesce("meant", "answer"))
    # Votes that count already stand before all others: a union, since a join would shuffle once more.
    old_names = ("vote_id", "item_id", "worker_id", "answer")
    votes = votes.unionByName(
        counted.select(*old_names, F.lit(True).alias("is_old")), allowMissingColumns=True
    )
    votes = _named(votes.repartition("item_id", "worker_id"))
    is_forgiven = F.coalesce(
        F.col("counted_as").isNotNull() & F.col("fault").isin(*_FAULTS_OF_THE_PLAN), F.lit(False)
    )
    votes = votes.withColumns(
        {
            "fault": F.when(~is_forgiven, F.col("fault")),
            "answer": F.when(is_forgiven, F.col("counted_as")).otherwise(F.col("answer")),
        }
    )
    # What is at fault by itself never stands first: only what could count takes part.
    mine = Window.partitionBy("item_id", "worker_id").orderBy(
        F.isnull("fault").desc(), F.isnull("counted_as"), "line_order"
    )
    votes = votes.withColumns(
        {"turn": F.row_number().over(mine), "first_answer": F.first("answer").over(mine)}
    )
    reason = F.coalesce(
        "fault",
        F.when(F.col("answer") != F.col("first_answer"), F.lit("conflicting_vote")),
        F.when(F.col("turn") > 1, F.lit("duplicate_vote")),
    )
    return votes.where(~F.col("is_old")).select(
        "vote_id", *_NAMES, "answered_at", "source_file", reason.alias("reject_reason"), "raw"
    )


def _named(votes: DataFrame) -> DataFrame:
    """Add ``vote_id`` to what was given, and ``counted_as``, the answer as which it counts already, or null; of a vote
    that is given again the old row goes.

    All windows are within an item and a worker, so that rows which are together by these are moved no more.
    """
    mine = ("item_id", "worker_id")
    what = F.to_json(F.struct(*mine, F.col("said").alias("answer"), "raw", "source_ref"))
    alike = Window.partitionBy(*mine, "said", "raw", "source_ref", "is_old")
    nth = F.row_number().over(alike.orderBy("line_order"))
    name = F.sha2(F.concat_ws("#", what, nth.cast("string")).cast("binary"), 256)
    votes = votes.withColumn("vote_id", F.coalesce("vote_id", name))
    same = Window.partitionBy(*mine, "vote_id")
    counted_as = F.max(F.when(F.col("is_old"), F.col("answer"))).over(same)
    votes = votes.withColumns({"counted_as": counted_as, "is_not_given": F.min("is_old").over(same)})
    return votes.where(~F.col("is_old") | F.col("is_not_given"))


def understood(
    votes: DataFrame, tasks: DataFrame | None, *, answers: Sequence[str], answer_map: Mapping[str, str]
) -> DataFrame:
    """Add ``meant`` (what is stored for an ``answer``, by the options of its item's task), and what :func:`_with_task`
    adds.
    """
    return _with_task(votes, tasks).withColumn("meant", meant(answers, answer_map))


def _with_task(votes: DataFrame, tasks: DataFrame | None) -> DataFrame:
    """Add ``is_known``, the task's ``options`` and ``planned_at``; nothing is unknown where there are no tasks."""
    if tasks is None:
        none = {"options": "array<struct<answer:string,text:string>>", "planned_at": "timestamp"}
        nulls = {name: F.lit(None).cast(kind) for name, kind in none.items()}
        return votes.withColumns({"is_known": F.lit(True), **nulls})
    asked = tasks.select(
        F.col("task_id").alias("item_id"), F.lit(True).alias("is_known"), "options", "planned_at"
    )
    return votes.join(asked, on="item_id", how="left").fillna(False, subset=["is_known"])


def meant(answers: Sequence[str], answer_map: Mapping[str, str]) -> Column:
    """The answer that is stored, of rows with ``answer`` and their task's ``options`` (null: any answer will do).

    It is what the map makes of it, and of the options the one of that name or text, whatever its case; null where it
    is none of those that may be given.
    """
    given = F.col("answer")
    for written, stands_for in answer_map.items():
        given = F.when(F.col("answer") == written, stands_for).otherwise(given)
    if answers:
        given = F.when(given.isin(*answers), given)
    lower = F.lower(given)
    chosen = F.filter(
        "options", lambda one: (F.lower(one["answer"]) == lower) | (F.lower(one["text"]) == lower)
    )
    has_options = F.coalesce(F.size("options"), F.lit(0)) > 0
    return F.when(has_options, F.get(chosen, F.lit(0))["answer"]).otherwise(given)


def _fault() -> Column:
    """Why an answer cannot count, whatever else its worker said."""
    is_undecodable = F.lit(False)
    for name in _NAMES:
        is_undecodable = is_undecodable | F.coalesce(
            F.contains(F.col(name), F.lit(_UNDECODABLE)), F.lit(False)
        )
    lacks_something = F.col("item_id").isNull() | F.col("worker_id").isNull()
    return F.coalesce(
        F.when(F.col("raw").isNotNull(), F.lit("malformed")),
        F.when(is_undecodable, F.lit("bad_encoding")),
        F.when(lacks_something, F.lit("malformed")),
        F.when(F.col("is_refused"), F.lit("not_accepted")),
        F.when(F.col("answer").isNull(), F.lit("empty_answer")),
        F.when(~F.col("is_known"), F.lit("unknown_item")),
        F.when(F.col("meant").isNull(), F.lit("unknown_answer")),
        F.when(F.col("answered_at") < F.col("planned_at"), F.lit("before_task")),
    )
