"""Import experts' decisions on escalated items, draw a seeded audit sample, export what is left to review."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pyspark.sql import functions as F

from synlake import tables
from synlake.config import option
from synlake.intake import read_rows
from synlake.methods.reviews import draw_audit, flag_decisions, review_sheet
from synlake.stage import Control, Outcome, flagged_outcome
from synlake.tables import Warehouse

EXAMPLE = "review-labels --decisions-file decisions.csv --audit-ratio 0.02"


@dataclass(frozen=True)
class Config:
    """Settings of review-labels."""

    decisions_file: str | None = option(
        None, "CSV or JSON lines of item_id,reviewer_id,label (and reviewed_at)", is_file=True
    )
    time_column: str | None = option(None, "column of that file with when, ISO 8601")
    audit_ratio: float = option(0.02, "share of settled labels to draw for audit", minimum=0.0, maximum=1.0)
    export: str | None = option(None, "CSV sheet for reviewers; default: exports/review.csv in the warehouse")
    seed: int = option(7, "decides what is drawn")


def main(warehouse: Warehouse, settings: Config) -> Outcome:
    """Read ``labels`` and the file, add to ``reviews``, write the sheet."""
    labels = tables.read(warehouse, "labels")
    now = replace(warehouse, pins={})
    tables.insert_new(
        warehouse, "reviews", draw_audit(labels, ratio=settings.audit_ratio, seed=settings.seed)
    )
    if settings.decisions_file:
        names = {name: name for name in ("item_id", "reviewer_id", "label")}
        given = read_rows(
            warehouse.spark, settings.decisions_file, names, {"reviewed_at": settings.time_column}
        )
        known = tables.read(now, "reviews").where("kind = 'decision' AND reject_reason IS NULL")
        tables.insert_new(warehouse, "reviews", flag_decisions(given, labels, known))
    sheet = review_sheet(labels, tables.read(now, "reviews"))
    target = settings.export or f"{warehouse.root}/exports/review.csv"
    tables.export_csv(sheet.orderBy("synset_id", "item_id"), target)
    n_open = sheet.where(F.col("why") != "audit").count()
    return flagged_outcome(
        tables.read(now, "reviews"),
        controls=(Control("n_escalated_open", n_open, threshold=0.0, is_ok=n_open == 0),),
        notes=(f"{n_open} escalated items wait for a decision; the sheet is {target}",),
    )
