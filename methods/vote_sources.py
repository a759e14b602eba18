"""What annotation tools hand back, as answers: ``item_id, worker_id, answer, answered_at, is_refused, source_ref`` and
``source_file, raw, line_order``, one row an answer. A line that cannot be read is one row, with its text in ``raw``.

``source_ref``: the tool's own name of the assignment or annotation, by which equal answers are told apart; or null.
``is_refused``: the platform says that the work was rejected, skipped or withdrawn.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from synlake.errors import InputError

SOURCES = ("csv", "mturk", "label-studio", "toloka")
#: Where each tool puts what is needed, unless the user says otherwise: item, worker, answer.
COLUMNS = {
    "csv": ("item_id", "worker_id", "answer"),
    "mturk": ("Input.task_id", "WorkerId", "Answer.answer"),
    "label-studio": ("task_id", "completed_by", "answer"),
    "toloka": ("INPUT:task_id", "ASSIGNMENT:worker_id", "OUTPUT:answer"),
}
#: Or so in a CSV, as in the one that ``plan-annotation`` writes.
TASK = "task_id"
_REFUSED = ("rejected", "skipped", "expired", "active")
#: ``Wed Jan 08 08:00:00 PST 2020``, of MTurk's batch results, without the day of the week.
_MTURK_TIME = "MMM dd HH:mm:ss z yyyy"


def from_rows(rows: DataFrame) -> DataFrame:
    """Answers that stand one in a line; ``status``, where the tool has one, says what was refused."""
    is_refused = F.coalesce(F.lower("status").isin(*_REFUSED), F.lit(False))
    time = F.try_to_timestamp("answered_at")
    if "source_ref" not in rows.columns:
        rows = rows.withColumn("source_ref", F.lit(None).cast("string"))
    return rows.withColumns({"is_refused": is_refused, "answered_at": time}).drop("status")


def from_mturk(
    lines: DataFrame, names: Sequence[str], *, path: str, item: str, worker: str, answer: str, time: str
) -> DataFrame:
    """The answers of MTurk's batch results, where a line is a worker's whole HIT.

    The item is in column ``item`` or in ``item_1`` …, its answer in column ``answer`` or ``answer_1`` …, in
    columns such as ``answer_1.yes`` that say true, or in the JSON of ``Answer.taskAnswers``: the three ways in
    which MTurk writes what a form sent. Times of an unknown zone are taken for none.
    """
    places = _places(names, item)
    has_json = "Answer.taskAnswers" in names
    is_there = {
        worker: worker in names,
        f"{item} (or {item}_1 …)": bool(places),
        f"{answer} (or {answer}_1 …)": has_json or _has_answers(names, answer),
    }
    missing = [name for name, is_so in is_there.items() if not is_so]
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(missing)}; wanted batch results of MTurk\n"
            "  next: name the columns, such as --item-column Input.image_url --answer-column Answer.category"
        )
    sent = "array<map<string,string>>"
    fields = F.get(F.from_json(_cell("Answer.taskAnswers"), sent), F.lit(0)) if has_json else None
    lines = lines.withColumn(
        "fields", fields if fields is not None else F.lit(None).cast("map<string,string>")
    )
    slots = F.array(
        *(
            F.struct(
                F.lit(k).alias("place"), _cell(item + place).alias("item_id"), _sent(names, answer + place)
            )
            for k, place in enumerate(places)
        )
    )
    asked = F.filter(slots, lambda one: one["item_id"] != "")
    status = _cell("AssignmentStatus") if "AssignmentStatus" in names else F.lit(None).cast("string")
    refused = F.coalesce(F.lower(status) == "rejected", F.lit(False))
    if "Reject" in names:  # a reason there rejects the work when the file is uploaded
        refused = refused | F.coalesce(F.trim(_cell("Reject")) != "", F.lit(False))
    return lines.select(
        F.explode_outer(F.when(F.col("raw").isNull(), asked)).alias("one"),
        F.when(F.col("raw").isNull(), F.trim(_cell(worker))).alias("worker_id"),
        (_mturk_time(time) if time in names else F.lit(None).cast("timestamp")).alias("answered_at"),
        refused.alias("is_refused"),
        (_cell("AssignmentId") if "AssignmentId" in names else F.lit(None).cast("string")).alias(
            "source_ref"
        ),
        "source_file",
        "raw",
        "line_order",
    ).select(
        F.trim("one.item_id").alias("item_id"),
        "worker_id",
        F.trim("one.answer").alias("answer"),
        "answered_at",
        "is_refused",
        "source_ref",
        "source_file",
        "raw",
        F.struct("line_order", F.col("one.place").alias("place")).alias("line_order"),
    )


def from_label_studio(elements: DataFrame, *, item: str, worker: str, answer: str, time: str) -> DataFrame:
    """The answers of a JSON export of Label Studio, with all of each task's annotations, or of JSON-MIN.

    ``elements`` has ``text`` and ``source_file, line_order`` of each element of the list. ``item`` is a key of
    the task's data, ``answer`` the name of the ``Choices``, ``worker`` and ``time`` are fields of an annotation;
    JSON-MIN calls ``completed_by`` ``annotator``. A task that nobody annotated is no answer.
    """
    read = elements.withColumns(
        {
            "task": F.from_json("text", _task_schema(worker, time), {"columnNameOfCorruptRecord": "_none"}),
            "flat": F.from_json("text", "map<string,string>"),
        }
    )
    is_broken = F.coalesce(F.map_keys("flat"), F.array()) == F.array()
    is_flat = F.col("task.annotations").isNull()
    flat = F.col("flat")
    detailed = F.transform(
        "task.annotations",
        lambda found: _annotation(
            found["id"],
            F.coalesce(F.get_json_object(found[worker], "$.id"), found[worker]),
            found["was_cancelled"],
            found[time],
            _choice(found["result"], answer),
        ),
    )
    who = flat["annotator"] if worker == COLUMNS["label-studio"][1] else flat[worker]
    alone = F.array(_annotation(flat["annotation_id"], who, F.lit(False), flat[time], flat[answer]))
    nothing = F.array(_annotation(*(F.lit(None) for _ in range(5))))
    return read.select(
        F.explode(F.when(is_broken, nothing).when(is_flat, alone).otherwise(detailed)).alias("one"),
        F.coalesce(F.col("task.data")[item], F.col("flat")[item]).alias("item_id"),
        F.when(is_broken, F.col("text")).alias("raw"),
        "source_file",
        "line_order",
    ).select(
        F.trim("item_id").alias("item_id"),
        F.col("one.worker").alias("worker_id"),
        F.trim("one.answer").alias("answer"),
        F.try_to_timestamp("one.time").alias("answered_at"),
        F.coalesce("one.was_cancelled", F.lit(False)).alias("is_refused"),
        F.col("one.id").alias("source_ref"),
        "source_file",
        "raw",
        F.struct("line_order", F.col("one.time")).alias("line_order"),
    )


def _task_schema(worker: str, time: str) -> str:
    """A task with its annotations, of which ``worker`` and ``time`` are wanted; other fields are passed over."""
    texts = ", ".join(f"{_quoted(name)}: string" for name in dict.fromkeys(("id", worker, time)))
    result = "array<struct<from_name: string, value: struct<choices: array<string>>>>"
    annotation = f"struct<{texts}, was_cancelled: boolean, result: {result}>"
    return f"data map<string,string>, annotations array<{annotation}>"


def _annotation(ref: Column, worker: Column, was_cancelled: Column, time: Column, answer: Column) -> Column:
    return F.struct(
        ref.cast("string").alias("id"),
        worker.cast("string").alias("worker"),
        was_cancelled.cast("boolean").alias("was_cancelled"),
        time.cast("string").alias("time"),
        answer.cast("string").alias("answer"),
    )


def _choice(result: Column, answer: str) -> Column:
    """What was chosen in the field ``answer``; several choices are one answer, with commas between."""
    chosen = F.filter(result, lambda one: one["from_name"] == answer)
    return F.array_join(F.get(chosen, F.lit(0))["value"]["choices"], ",")


def _places(names: Sequence[str], item: str) -> list[str]:
    """The endings of the columns that hold items: ``""``, or ``_1``, ``_2`` … in order."""
    found = [name[len(item) :] for name in names if re.fullmatch(re.escape(item) + r"(_\d+)?", name)]
    return sorted(found, key=lambda ending: int(ending[1:] or 0))


def _has_answers(names: Sequence[str], answer: str) -> bool:
    """Whether there is a column of answers, or of what was ticked, for the one item of a HIT or any of several."""
    wanted = re.compile(re.escape(answer) + r"(_\d+)?(\..*)?")
    return any(wanted.fullmatch(name) for name in names)


def _sent(names: Sequence[str], answer: str) -> Column:
    """What a worker sent in one field, in whichever way MTurk wrote it."""
    field = answer.removeprefix("Answer.")
    plain = F.when(_cell(answer) != "", _cell(answer)) if answer in names else F.lit(None).cast("string")
    ticked = [
        F.when(F.lower(_cell(name)) == "true", name[len(answer) + 1 :])
        for name in names
        if name.startswith(f"{answer}.")
    ]
    in_json = F.col("fields")[field]
    # {"yes":true,"no":false}: a group of radio buttons.
    in_group = F.regexp_extract(in_json, r'"((?:[^"\\]|\\.)*)"\s*:\s*true', 1)
    from_json = F.when(F.startswith(in_json, F.lit("{")), in_group).otherwise(in_json)
    return F.coalesce(plain, *ticked, from_json).alias("answer")


def _mturk_time(name: str) -> Column:
    without_day = F.regexp_replace(_cell(name), r"^\w{3} ", "")
    return F.coalesce(F.try_to_timestamp(_cell(name)), F.try_to_timestamp(without_day, F.lit(_MTURK_TIME)))


def _cell(name: str) -> Column:
    return F.col(_quoted(name))


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
