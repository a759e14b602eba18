"""Show the whole pipeline at work: on a synthetic pool, or on your images with a simulated crowd.

Without --images, pictures are drawn by program, with planted copies, wrong labels and broken files, so that
what the pipeline finds can be held against what was planted. The crowd and its expert are always simulated.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import functions as F

from synlake import config, output, stage, tables
from synlake.config import bad_name, option
from synlake.demo import crowd, score
from synlake.demo.planted import Planted
from synlake.demo.pool import SYNSETS, write_pool
from synlake.errors import UsageError
from synlake.jobs import PIPELINE
from synlake.jobs import sql as sql_job
from synlake.stage import Report
from synlake.udfs.files import UNKNOWN_SYNSET, find_files
from synlake.warehouse import Warehouse

EXAMPLE = "demo --warehouse W --images ~/pictures"
#: Ready-made queries that the demo ends with, and what each answers.
QUERIES = {
    "class_counts": "How many images has each class?",
    "duplicates_by_class": "What did deduplication do to each class?",
    "worker_agreement": "Which workers are worth their pay?",
}
#: Rows that the demo shows of a query; the query itself has no limit.
SHOWN_ROWS = 12


@dataclass(frozen=True)
class Config:
    """Settings of demo."""

    images: str | None = option(
        None, "folder of real images instead of the synthetic pool", placeholder="DIR"
    )
    n_images: int = option(1000, "images in the synthetic pool, copies included", minimum=100)
    n_workers: int = option(20, "simulated workers, one in seven a spammer; at least n_votes", minimum=3)
    n_votes: int = option(5, "answers by different workers to each task", minimum=1)
    release: str = option("demo", "name of the release", check=bad_name)
    seed: int = option(7, "decides pictures, answers, samples and splits")


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Prepare images, run every stage with a simulated crowd, show what came of it."""
    if warehouse.is_remote:
        raise UsageError(f"--warehouse {warehouse.root}: demo wants a local folder")
    if settings.images:
        config.check_folder("--images", settings.images)
    started = time.monotonic()
    planted = None if settings.images else _draw_pool(warehouse, settings)
    prepared = time.monotonic()
    reports = _run_stages(warehouse, settings, planted)
    ended = time.monotonic()
    _show(warehouse, settings, planted, reports, arguments.format)
    output.heading(
        f"{ended - started:.0f} s: {prepared - started:.0f} s for the images,"
        f" {ended - prepared:.0f} s for the stages and the simulated people\n"
        f'next: ./submit.sh sql --warehouse {arguments.warehouse} "SELECT * FROM {settings.release}.images LIMIT 5"',
        arguments.format,
    )
    return 0


def _draw_pool(warehouse: Warehouse, settings: Config) -> Planted:
    folder = Path(warehouse.root) / "demo" / "pool"
    output.say(f"drawing {settings.n_images} synthetic images in {folder} …")
    return write_pool(folder, n_images=settings.n_images, seed=settings.seed)


def _run_stages(warehouse: Warehouse, settings: Config, planted: Planted | None) -> list[Report]:
    """Every stage in order; the simulated people act where real ones would."""
    folder = Path(warehouse.root) / "demo"
    images = settings.images or str(folder / "pool")
    wnids = list(SYNSETS) if planted else _wnids_of(warehouse, images)
    flags: dict[str, dict[str, str]] = {one.name: {} for one in PIPELINE}
    flags["select-synsets"] = {"wnids": ",".join(wnids), "n_synsets": str(len(wnids))}
    flags["ingest-images"] = {"input": images}
    flags["deduplicate-images"] = {"quota": str(max(20, settings.n_images // 5))} if planted else {}
    flags["plan-annotation"] = {"n_votes": str(settings.n_votes), "as_of": crowd.STARTS_AT.isoformat()}
    flags["import-votes"] = {"input": str(folder / "votes.csv"), "time_column": "answered_at"}
    flags["review-labels"] = {"decisions_file": str(folder / "decisions.csv"), "time_column": "reviewed_at"}
    flags["freeze-release"] = {"release": settings.release}
    reports = []
    for one in PIPELINE:
        if one.name in ("import-votes", "review-labels"):
            truth = _right_answers(warehouse, planted)
            people = _answer if one.name == "import-votes" else _decide
            people(warehouse, settings, truth)
        chosen = config.build(one.module.Config, one.name, {"seed": settings.seed}, flags[one.name])
        reports.append(stage.run_stage(warehouse, one, chosen))
    return reports


def _wnids_of(warehouse: Warehouse, images: str) -> list[str]:
    """The synsets that the folder names: as many as WordNet has at the most."""
    found = (
        find_files(warehouse.spark, images).where(F.col("is_image")).select("synset_id").distinct().collect()
    )
    return sorted(row["synset_id"] for row in found if row["synset_id"] != UNKNOWN_SYNSET)


def _right_answers(warehouse: Warehouse, planted: Planted | None) -> dict[str, str]:
    """task_id → what a worker who makes no mistake would answer. The demo's tasks fit the driver."""
    tasks = tables.read(warehouse, "tasks").select("task_id", "image_id", "synset_id")
    candidates = tables.read(warehouse, "candidates").select("image_id", "synset_id").distinct()
    shown: Mapping[str, Collection[str]] = (
        planted.shown() if planted else crowd.shown_by_folder(row.asDict() for row in candidates.collect())
    )
    return crowd.right_answers((row.asDict() for row in tasks.orderBy("task_id").collect()), shown)


def _answer(warehouse: Warehouse, settings: Config, truth: Mapping[str, str]) -> None:
    workers = crowd.crowd(settings.n_workers, seed=settings.seed)
    votes = crowd.simulate_votes(truth, workers=workers, n_votes=settings.n_votes, seed=settings.seed)
    output.say(f"{len(workers)} simulated workers give {len(votes)} answers …")
    crowd.write_csv(Path(warehouse.root) / "demo" / "votes.csv", votes, crowd.Vote)


def _decide(warehouse: Warehouse, settings: Config, truth: Mapping[str, str]) -> None:
    labels = tables.read(warehouse, "labels").where("is_escalated AND NOT is_gold").select("item_id")
    escalated = {row["item_id"]: truth[row["item_id"]] for row in labels.orderBy("item_id").collect()}
    decisions = crowd.simulate_experts(escalated, seed=settings.seed)
    output.say(f"a simulated expert decides on {len(decisions)} escalated items …")
    crowd.write_csv(Path(warehouse.root) / "demo" / "decisions.csv", decisions, crowd.Decision)


def _show(
    warehouse: Warehouse, settings: Config, planted: Planted | None, reports: list[Report], output_format: str
) -> None:
    kind = "a SYNTHETIC pool" if planted else "your images"
    output.heading(f"What each stage did to {kind}, with a SIMULATED crowd", output_format)
    output.emit(stage.SUMMARY_COLUMNS, stage.summary_rows(reports), output_format)
    if planted:
        _show_scores(warehouse, planted, output_format)
    for name, title in QUERIES.items():
        output.heading(f"{title}   sql -f {name}", output_format)
        variables = {"release": settings.release}
        sql_job.show_ready_made(warehouse, name, variables, output_format, n_rows=SHOWN_ROWS)


def _show_scores(warehouse: Warehouse, planted: Planted, output_format: str) -> None:
    pool = _rows(warehouse, "pool")
    output.heading("Planted copies that deduplication found (synthetic)", output_format)
    output.emit_records(score.duplicate_recall(pool, planted), output_format)
    output.heading("Found duplicates that were planted (synthetic)", output_format)
    output.emit_records([score.duplicate_precision(pool, planted)], output_format)
    output.heading("Broken files, and what became of them (synthetic)", output_format)
    output.emit_records(score.broken_files(pool, planted), output_format)
    output.heading("How right the labels are (synthetic truth, simulated crowd)", output_format)
    decisions = [row for row in _rows(warehouse, "reviews") if row["reject_reason"] is None]
    output.emit_records(score.label_accuracy(_rows(warehouse, "labels"), planted, decisions), output_format)


def _rows(warehouse: Warehouse, table: str) -> list[dict[str, Any]]:
    """A table of the demo, which fits the driver."""
    return [row.asDict() for row in tables.read(warehouse, table).collect()]
