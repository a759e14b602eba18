"""Import answers from MTurk, Label Studio, Toloka or any CSV; each is a row, flagged where it does not count."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import plain_files, tables
from synlake.config import option
from synlake.errors import InputError
from synlake.intake import ENCODINGS, Shape, read_lines, read_rows
from synlake.methods.vote_sources import COLUMNS, SOURCES, TASK, from_label_studio, from_mturk, from_rows
from synlake.methods.votes import flag_votes, understood
from synlake.stage import Control, Outcome, flagged_outcome
from synlake.udfs.json_elements import read_elements
from synlake.warehouse import Warehouse

EXAMPLE = (
    "import-votes --input answers.csv --item-column question --worker-column worker --answer-column answer"
)
#: Tools whose files have line breaks within quotes.
_QUOTE_NEWLINES = ("mturk", "toloka")
#: What may be otherwise when an answer is imported again: what it stands for, its time, and whether it counts.
_JUDGED = ("answer", "answered_at", "reject_reason")


def _bad_map(pairs: tuple[str, ...]) -> str | None:
    wrong = [pair for pair in pairs if not all(pair.partition("="))]
    return f"wanted pairs such as 1=yes, got {wrong[0]!r}" if wrong else None


def _bad_separator(value: str) -> str | None:
    return None if value == "tab" or len(value) == 1 else f"wanted one character, or tab, got {value!r}"


@dataclass(frozen=True)
class Config:
    """Settings of import-votes."""

    input: str = option(
        None, "file of answers: CSV with a header, JSON lines …", is_file=True, is_needed=True
    )
    source: str = option("csv", "the tool that wrote it; csv: any, by its columns", choices=SOURCES)
    item_column: str | None = option(
        None,
        "column with what was asked: a task_id, or any name; default: the tool's; of csv item_id or task_id",
    )
    worker_column: str | None = option(
        None, "column with who answered; default: the tool's; of csv worker_id"
    )
    answer_column: str | None = option(None, "column with the answer; default: the tool's; of csv answer")
    time_column: str | None = option(None, "column with when, ISO 8601; UTC where it does not say")
    status_column: str | None = option(None, "column that says Rejected, or Skipped, of what does not count")
    answer_map: tuple[str, ...] = option((), "what answers stand for, such as 1=yes,0=no", check=_bad_map)
    answers: tuple[str, ...] = option((), "answers that may be given; default: those of the tasks, or any")
    separator: str = option(",", "between the columns of a CSV file; tab", check=_bad_separator)
    encoding: str = option("UTF-8", "of a CSV file", choices=ENCODINGS)
    quoted_newlines: bool = option(False, "a CSV file has line breaks within quotes")


def main(warehouse: Warehouse, settings: Config) -> Outcome:
    """Read the file, flag its lines, add them to ``votes``, or judge anew those that are there."""
    now = replace(warehouse, pins={})
    counted = tables.read_or_empty(now, "votes").where(F.col("reject_reason").isNull())
    tasks = tables.read(warehouse, "tasks") if tables.exists(warehouse, "tasks") else None
    flagged = flag_votes(
        _given(warehouse, settings, settings.input),
        counted,
        tasks,
        answers=settings.answers,
        answer_map=_answer_map(settings),
    )
    n_new, n_judged_anew = tables.upsert(warehouse, "votes", flagged, compared=_JUDGED)
    notes = (*_hints(now, settings), *_known_answers(warehouse, settings, tasks))
    controls = (Control("n_new", n_new), Control("n_judged_anew", n_judged_anew))
    return flagged_outcome(tables.read(now, "votes"), controls=controls, notes=notes)


def _given(warehouse: Warehouse, settings: Config, path: str) -> DataFrame:
    """The file's answers, as ``methods.vote_sources`` has them."""
    item, worker, answer = _columns(settings)
    spark, shape = warehouse.spark, _shape(settings)
    if settings.source == "label-studio":
        records = read_elements(spark, path)
        if records.isEmpty():
            raise InputError(
                f"{path}: no JSON object is in it; wanted what Label Studio exports as JSON\n"
                "  next: --source csv, if it was exported as CSV"
            )
        time = settings.time_column or "created_at"
        return from_label_studio(records, item=item, worker=worker, answer=answer, time=time)
    if settings.source == "mturk":
        lines, names = read_lines(spark, path, shape)
        time = settings.time_column or "SubmitTime"
        return from_mturk(lines, names, path=path, item=item, worker=worker, answer=answer, time=time)
    optional = {"answered_at": settings.time_column, "status": settings.status_column}
    if_there = {}
    if settings.source == "toloka":
        usual = {
            "answered_at": "ASSIGNMENT:submitted",
            "status": "ASSIGNMENT:status",
            "source_ref": "ASSIGNMENT:assignment_id",
        }
        if_there = {field: name for field, name in usual.items() if not optional.get(field)}
        optional = {field: name for field, name in optional.items() if name}
    if settings.source == "csv" and settings.item_column is None:
        _, names = read_lines(spark, path, shape)
        item = TASK if TASK in names and item not in names else item
    columns = {"item_id": item, "worker_id": worker, "answer": answer}
    return from_rows(read_rows(spark, path, columns, optional, if_there, shape))


def _columns(settings: Config) -> tuple[str, str, str]:
    item, worker, answer = COLUMNS[settings.source]
    return (
        settings.item_column or item,
        settings.worker_column or worker,
        settings.answer_column or answer,
    )


def _shape(settings: Config) -> Shape:
    separator = "\t" if settings.separator == "tab" or settings.source == "toloka" else settings.separator
    newlines = settings.quoted_newlines or settings.source in _QUOTE_NEWLINES
    return Shape(separator, settings.encoding, newlines)


def _hints(now: Warehouse, settings: Config) -> tuple[str, ...]:
    """What to try where no item was found, times could not be read, or lines were broken in the middle of quotes."""
    here = tables.read(now, "votes").where(F.col("source_file") == Path(str(settings.input)).name)
    return (*_nameless(here, settings), *_timeless(here, settings), *_halved(here, settings))


def _nameless(here: DataFrame, settings: Config) -> tuple[str, ...]:
    """Of a CSV, that the column is missing is known from its header."""
    if settings.source != "label-studio":
        return ()
    seen = here.where("raw IS NULL").agg(F.count(F.lit(1)).alias("n"), F.count("item_id").alias("n_named"))
    row = seen.first()
    if row is None or not row["n"] or row["n_named"]:
        return ()
    item, *_ = _columns(settings)
    return (f"no answer says what was asked: the tasks' data have no {item!r}; next: --item-column NAME",)


def _timeless(here: DataFrame, settings: Config) -> tuple[str, ...]:
    column = settings.time_column
    n = here.where("reject_reason IS NULL AND answered_at IS NULL").count() if column else 0
    return (f"{n} votes have no time in column {column}, or none as in 2026-01-31 14:05:00",) if n else ()


def _halved(here: DataFrame, settings: Config) -> tuple[str, ...]:
    if settings.source != "csv" or settings.quoted_newlines:
        return ()
    halves = here.where(F.length(F.regexp_replace("raw", '[^"]', "")) % 2 == 1)
    n_halves = halves.count()
    if not n_halves:
        return ()
    return (
        f"{n_halves} malformed lines open a quote without closing it; --quoted-newlines if it goes on below",
    )


def _answer_map(settings: Config) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in settings.answer_map)
    return {given: meant for given, _, meant in pairs}


def _known_answers(warehouse: Warehouse, settings: Config, tasks: DataFrame | None) -> tuple[str, ...]:
    """What Toloka's file says of control tasks goes into a file that aggregate-votes takes."""
    if settings.source != "toloka":
        return ()
    item, _, answer = _columns(settings)
    golden = f"GOLDEN:{answer.removeprefix('OUTPUT:')}"
    lines, names = read_lines(warehouse.spark, str(settings.input), _shape(settings))
    if golden not in names:
        return ()
    given = lines.select(
        F.trim(F.col(f"`{item}`")).alias("item_id"), F.trim(F.col(f"`{golden}`")).alias("answer")
    )
    answers, answer_map = settings.answers, _answer_map(settings)
    known = understood(given.where("answer <> ''"), tasks, answers=answers, answer_map=answer_map)
    pairs = known.where("meant IS NOT NULL").select("item_id", F.col("meant").alias("expected_answer"))
    target = f"{warehouse.root}/exports/gold.csv"
    plain_files.export_csv(pairs.distinct().orderBy("item_id"), target)
    return (f"answers known beforehand are in {target}; next: aggregate-votes --gold-file {target}",)
