"""Import the crowd's answers from CSV or JSON lines; every line becomes a row, flagged where it does not count."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pyspark.sql import functions as F

from synlake import tables
from synlake.config import option
from synlake.errors import UsageError
from synlake.intake import read_rows
from synlake.methods.votes import flag_votes
from synlake.stage import Control, Outcome, flagged_outcome
from synlake.tables import Warehouse

EXAMPLE = (
    "import-votes --input answers.csv --item-column question --worker-column worker --answer-column answer"
)


@dataclass(frozen=True)
class Config:
    """Settings of import-votes."""

    input: str | None = option(None, "CSV (with a header) or JSON lines of answers; needed", is_file=True)
    item_column: str = option("item_id", "column with what was asked: a task_id, or any name")
    worker_column: str = option("worker_id", "column with who answered")
    answer_column: str = option("answer", "column with the answer")
    time_column: str | None = option(None, "column with when, ISO 8601")


def main(warehouse: Warehouse, settings: Config) -> Outcome:
    """Read the file, flag its lines, add them to ``votes``."""
    if settings.input is None:
        raise UsageError("--input: a file of answers is needed\n  next: import-votes --help")
    columns = {
        "item_id": settings.item_column,
        "worker_id": settings.worker_column,
        "answer": settings.answer_column,
    }
    given = read_rows(warehouse.spark, settings.input, columns, {"answered_at": settings.time_column})
    now = replace(warehouse, pins={})
    counted = tables.read_or_empty(now, "votes").where(F.col("reject_reason").isNull())
    tasks = tables.read(warehouse, "tasks") if tables.exists(warehouse, "tasks") else None
    n_new = tables.insert_new(warehouse, "votes", flag_votes(given, counted, tasks))
    return flagged_outcome(tables.read(now, "votes"), controls=(Control("n_new", n_new),))
