"""Import experts' decisions on escalated items, draw a seeded audit sample, export what is left to review.

With --max-votes, escalated items are first listed for a second round of votes, and go to experts after that.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from pyspark.sql import functions as F

from synlake import plain_files, tables
from synlake.config import moment, option
from synlake.intake import read_rows
from synlake.methods.reviews import draw_audit, flag_decisions, review_sheet, second_round
from synlake.spread import held
from synlake.stage import Control, Outcome, flagged_outcome
from synlake.warehouse import Warehouse

EXAMPLE = "review-labels --decisions-file decisions.csv --audit-ratio 0.02"


@dataclass(frozen=True)
class Config:
    """Settings of review-labels."""

    decisions_file: str | None = option(
        None, "CSV or JSON lines of item_id,reviewer_id,label (and reviewed_at)", is_file=True
    )
    time_column: str | None = option(
        None, "column of that file with when, ISO 8601; default: reviewed_at if there, else now"
    )
    audit_ratio: float = option(0.02, "share of settled labels to draw for audit", minimum=0.0, maximum=1.0)
    max_votes: int = option(
        0, "escalated items with fewer votes are asked again first; 0: experts decide at once", minimum=0
    )
    export: str | None = option(
        None, "CSV sheet for reviewers; default: exports/review.csv in the warehouse", placeholder="FILE"
    )
    export_more: str | None = option(
        None,
        "CSV of items to ask again; default: exports/more_votes.csv in the warehouse",
        placeholder="FILE",
    )
    seed: int = option(7, "decides what is drawn")
    as_of: dt.datetime | None = option(None, "when (UTC) decisions without a time were made; default: now")


def main(warehouse: Warehouse, settings: Config) -> Outcome:
    """Read ``labels`` and the file, add to ``reviews``, write the sheet."""
    labels = tables.read(warehouse, "labels")
    tables.insert_new(
        warehouse, "reviews", draw_audit(labels, ratio=settings.audit_ratio, seed=settings.seed)
    )
    if settings.decisions_file:
        _import_decisions(warehouse, settings)
    reviews = tables.read(replace(warehouse, pins={}), "reviews")
    n_open, sheet_note = _export_sheet(warehouse, settings)
    n_again, more_note = _export_second_round(warehouse, settings)
    controls = (
        Control("n_escalated_open", n_open, threshold=0.0, is_ok=n_open == 0),
        Control("n_asked_again", n_again),
    )
    notes = (more_note, sheet_note) if settings.max_votes else (sheet_note,)
    return flagged_outcome(reviews, controls=controls, notes=notes)


def _import_decisions(warehouse: Warehouse, settings: Config) -> None:
    assert settings.decisions_file is not None
    names = {name: name for name in ("item_id", "reviewer_id", "label")}
    when = settings.time_column
    given = read_rows(
        warehouse.spark,
        settings.decisions_file,
        names,
        {"reviewed_at": when} if when else {},
        if_there={} if when else {"reviewed_at": "reviewed_at"},
    )
    reviews = tables.read(replace(warehouse, pins={}), "reviews")
    known = reviews.where("kind = 'decision' AND reject_reason IS NULL")
    as_of = F.lit(moment(settings.as_of))
    labels, tasks = tables.read(warehouse, "labels"), tables.read_or_empty(warehouse, "tasks")
    decisions = flag_decisions(given, labels, tasks, known, as_of=as_of)
    # Turned down for its item or answer, a decision counts once labels and tasks have these.
    tables.upsert(warehouse, "reviews", decisions, compared=("reject_reason",))


def _export_sheet(warehouse: Warehouse, settings: Config) -> tuple[int, str]:
    """How many escalated items are on the sheet, and a line for people."""
    reviews = tables.read(replace(warehouse, pins={}), "reviews")
    tasks = tables.read_or_empty(warehouse, "tasks")
    target = settings.export or f"{warehouse.root}/exports/review.csv"
    sheet = review_sheet(tables.read(warehouse, "labels"), reviews, tasks, max_votes=settings.max_votes)
    with held(sheet.coalesce(1).sortWithinPartitions("synset_id", "item_id")) as rows:
        plain_files.export_csv(rows, target)
        n_open = rows.where(F.col("why") != "audit").count()
    return n_open, f"{n_open} escalated items wait for a decision; the sheet is {target}"


def _export_second_round(warehouse: Warehouse, settings: Config) -> tuple[int, str]:
    """How many items are asked again, and a line for people."""
    if not settings.max_votes:
        return 0, ""
    reviews = tables.read(replace(warehouse, pins={}), "reviews")
    target = settings.export_more or f"{warehouse.root}/exports/more_votes.csv"
    more = second_round(tables.read(warehouse, "labels"), reviews, max_votes=settings.max_votes)
    with held(more.coalesce(1).sortWithinPartitions("synset_id", "item_id")) as rows:
        plain_files.export_csv(rows, target)
        n_again = rows.count()
    return (
        n_again,
        f"{n_again} escalated items have fewer than {settings.max_votes} votes, listed in {target};"
        f" export-tasks --escalated --n-votes {settings.max_votes} asks about them again",
    )
