"""Running a stage: is it up to date, run it, account for its rows, record what it measured."""

from __future__ import annotations

import datetime as dt
import importlib
import json
import time
import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import __version__, config, output, progress, tables
from synlake.errors import ContractError
from synlake.local_rows import local_rows
from synlake.schemas import TABLES
from synlake.suiting import suited_to_tables
from synlake.warehouse import Warehouse


@dataclass(frozen=True)
class Stage:
    """A stage of the pipeline: its command, the tables it reads and those it writes, last one last.

    ``optional_reads`` are used where they exist. ``looks_outside`` marks a stage whose input is not a
    table or a single file (a folder of images): only running it can tell whether there is something new.
    ``refuses_repeat`` marks one that is called for something new each time: asked for by itself, it never
    answers "up to date". ``tables_only`` marks one that works on nothing else than these tables, and the images
    of a release at the most.
    """

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    optional_reads: tuple[str, ...] = ()
    looks_outside: bool = False
    refuses_repeat: bool = False
    tables_only: bool = False

    @property
    def module(self) -> ModuleType:
        """The job module; imported only when it is needed."""
        return importlib.import_module(f"synlake.jobs.{self.name.replace('-', '_')}")


@dataclass(frozen=True)
class Control:
    """A measured value, and what it is held against."""

    metric: str
    value: float
    threshold: float | None = None
    is_ok: bool = True


@dataclass(frozen=True)
class Outcome:
    """What a job did: ``rows_in`` = ``rows_kept`` + the rejected ones, each counted under one reason."""

    rows_in: int
    rows_kept: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    controls: tuple[Control, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """One line of the summary table."""

    stage: str
    status: str
    outcome: Outcome
    seconds: float


SUMMARY_COLUMNS = ("stage", "status", "rows_in", "kept", "rejected", "seconds", "rows_per_s", "reasons")


def run_stage(warehouse: Warehouse, stage: Stage, settings: Any, *, force: bool = False) -> Report:
    """Run one stage unless it is up to date, and record it. Safe to repeat after any interruption.

    The record is written after all the tables: a stage that was killed has none, and runs again.
    """
    versions = {t: tables.version(warehouse, t) for t in (*stage.reads, *stage.optional_reads)}
    digest = config.digest(settings)
    last = None if force else _last_run(warehouse, stage.name)
    is_current = last is not None and _is_current(warehouse, stage, last, digest, versions)
    if last is not None and is_current and not stage.looks_outside:
        output.say(f"{stage.name}: up to date")
        return Report(stage.name, "up to date", _recorded_outcome(warehouse, last["run_id"]), last["seconds"])
    output.say(f"{stage.name} …")
    if changed := _changed(last, settings):
        output.say(f"  with other settings than last time: {', '.join(changed)}")
    started_at, start = dt.datetime.now(dt.timezone.utc), time.monotonic()
    run_id = uuid.uuid4().hex
    pins = {t: v for t, v in versions.items() if t not in stage.writes}
    pinned = replace(warehouse, pins=pins, user_metadata={"run_id": run_id, "stage": stage.name})
    with _suited(warehouse, stage), progress.watch(warehouse.spark, stage.name):
        outcome: Outcome = stage.module.main(pinned, settings)
    _check_accounts(stage, outcome)
    seconds = time.monotonic() - start
    for note in outcome.notes:
        output.say(f"  {note}")
    if is_current and _is_current(warehouse, stage, last, digest, versions):
        return Report(stage.name, "up to date", outcome, seconds)  # it looked, and there was nothing new
    _record(warehouse, stage, run_id, settings, digest, versions, outcome, started_at, seconds)
    return Report(stage.name, "done", outcome, seconds)


def _suited(warehouse: Warehouse, stage: Stage) -> AbstractContextManager[None]:
    """Settings for as much as the stage works on, where tables tell how much that is."""
    if not stage.tables_only:
        return nullcontext()
    names = {*stage.reads, *stage.optional_reads, *stage.writes, "release_images"}
    return suited_to_tables(warehouse, names)


def summary_rows(reports: list[Report]) -> list[tuple[Any, ...]]:
    """The rows of the summary table, one a stage."""
    return [
        (
            report.stage,
            report.status,
            report.outcome.rows_in,
            report.outcome.rows_kept,
            sum(report.outcome.rejected.values()),
            round(report.seconds, 1),
            round(report.outcome.rows_in / report.seconds, 1) if report.seconds else None,
            ", ".join(f"{reason} {n}" for reason, n in sorted(report.outcome.rejected.items())),
        )
        for report in reports
    ]


def count_rejected(df: DataFrame, reason: str = "reject_reason") -> tuple[int, int, dict[str, int]]:
    """(rows, rows without a reason, rows by reason) of a flagged table; one row a reason comes to the driver."""
    by_reason = {
        row[reason]: row["n"] for row in df.groupBy(reason).agg(F.count(F.lit(1)).alias("n")).collect()
    }
    kept = by_reason.pop(None, 0)
    return kept + sum(by_reason.values()), kept, by_reason


def flagged_outcome(df: DataFrame, reason: str = "reject_reason", **extra: Any) -> Outcome:
    """The outcome of a stage that flags what it rejects, counted from the rows it wrote."""
    rows_in, kept, rejected = count_rejected(df, reason)
    return Outcome(rows_in, kept, rejected, **extra)


def last_configs(warehouse: Warehouse) -> dict[str, Any]:
    """The configuration of the newest run of every stage, by stage name."""
    if not tables.exists(warehouse, "stage_runs"):
        return {}
    newest = (
        tables.read(warehouse, "stage_runs")
        .groupBy("stage")
        .agg(F.max_by("config", "started_at").alias("config"))
    )
    return {row["stage"]: json.loads(row["config"]) for row in newest.collect()}


def standing_config(warehouse: Warehouse, stage: str) -> dict[str, Any] | None:
    """The configuration of a stage's newest run, if its output tables are still as that run left them."""
    last = _last_run(replace(warehouse, pins={}), stage)
    if last is None or not _is_untouched(warehouse, last):
        return None
    config: dict[str, Any] = json.loads(last["config"])
    return config


def _last_run(warehouse: Warehouse, stage: str) -> Any:
    if not tables.exists(warehouse, "stage_runs"):
        return None
    runs = tables.read(warehouse, "stage_runs").where(F.col("stage") == stage)
    return runs.orderBy(F.desc("started_at"), "run_id").first()


def _is_current(
    warehouse: Warehouse, stage: Stage, last: Any, digest: str, versions: Mapping[str, int]
) -> bool:
    return (
        last["config_digest"] == digest
        and last["synlake_version"] == __version__
        and last["input_versions"] == dict(versions)
        and _is_untouched(warehouse, last)
    )


def _changed(last: Any, settings: Any) -> list[str]:
    """The settings that differ from those of the last run, as flags: a person may have forgotten to give them again."""
    if last is None:
        return []
    before, now = json.loads(last["config"]), json.loads(config.as_json(settings))
    return [
        f"{config.flag_of(name)} {config.shown(value)} (was {config.shown(before[name])})"
        for name, value in now.items()
        if name in before and before[name] != value
    ]


def _is_untouched(warehouse: Warehouse, run: Any) -> bool:
    """Whether the tables that a run wrote are as it left them."""
    return all(tables.version(warehouse, t) == v for t, v in run["output_versions"].items())


def _check_accounts(stage: Stage, outcome: Outcome) -> None:
    accounted = outcome.rows_kept + sum(outcome.rejected.values())
    if outcome.rows_in != accounted:
        fault = f"{outcome.rows_in} rows in, but {accounted} kept or rejected"
        raise ContractError(stage.writes[-1] if stage.writes else stage.name, [fault])


def _record(
    warehouse: Warehouse,
    stage: Stage,
    run_id: str,
    settings: Any,
    digest: str,
    versions: Mapping[str, int],
    outcome: Outcome,
    started_at: dt.datetime,
    seconds: float,
) -> None:
    controls = [
        Control("rows_in", outcome.rows_in),
        Control("rows_kept", outcome.rows_kept),
        Control("seconds", round(seconds, 3)),
        *(Control(f"rejected:{reason}", n) for reason, n in outcome.rejected.items()),
        *outcome.controls,
    ]
    metrics = [
        (run_id, stage.name, c.metric, float(c.value), _float(c.threshold), c.is_ok, started_at)
        for c in controls
    ]
    written = {t: tables.version(warehouse, t) for t in stage.writes}
    run = (
        run_id,
        stage.name,
        config.as_json(settings),
        digest,
        dict(versions),
        written,
        started_at,
        round(seconds, 3),
        __version__,
    )
    # A fresh run_id makes their keys new: the check would be Spark jobs that cannot fail.
    for name, rows in (("stage_metrics", metrics), ("stage_runs", [run])):
        records = local_rows(warehouse.spark, rows, TABLES[name].schema).coalesce(1)
        tables.append_unstaged(warehouse, name, records)


def _recorded_outcome(warehouse: Warehouse, run_id: str) -> Outcome:
    rows = tables.read(warehouse, "stage_metrics").where(F.col("run_id") == run_id).collect()
    values = {row["metric"]: row["value"] for row in rows}
    rejected = {k.removeprefix("rejected:"): int(v) for k, v in values.items() if k.startswith("rejected:")}
    return Outcome(int(values["rows_in"]), int(values["rows_kept"]), rejected)


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)
