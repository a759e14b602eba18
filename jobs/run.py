"""Run every stage in order in one Spark session, skipping what is up to date.

Where people have to act first (votes, decisions), it stops and says what it waits for; run it again then.
Any setting of a stage is --STAGE.SETTING, such as --deduplicate-images.tau 6.
"""

from __future__ import annotations

import argparse
import shlex
from dataclasses import dataclass
from typing import Any

from synlake import cli, config, output, stage, tables
from synlake.config import bad_name, option
from synlake.jobs import PIPELINE
from synlake.stage import Outcome, Report, Stage
from synlake.udfs.engines import ENGINES
from synlake.warehouse import Warehouse

EXAMPLE = "run --images ~/pictures --votes answers.csv --release v1.0.0"

#: Short names: a setting of ``run`` and the stage's setting that it stands for.
SHORT = {
    "images": ("ingest-images", "input"),
    "votes": ("import-votes", "input"),
    "decisions": ("review-labels", "decisions_file"),
    "release": ("freeze-release", "release"),
}


@dataclass(frozen=True)
class Config:
    """Settings of run."""

    images: str | None = option(None, "folder of images to ingest", placeholder="DIR")
    votes: str | None = option(None, "file of answers to import", is_file=True)
    decisions: str | None = option(None, "file of experts' decisions to import", is_file=True)
    release: str | None = option(None, "name to freeze under; without one nothing is frozen", check=bad_name)
    seed: int | None = option(None, "the seed of every stage")


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """A flag for every setting of every stage."""
    for one in PIPELINE:
        same = {field: f"--{short}" for short, (stage_name, field) in SHORT.items() if stage_name == one.name}
        cli.add_fields(sub, one.module.Config, prefix=f"{one.name}.", same=same)


def run_without_spark(settings: Config, arguments: argparse.Namespace) -> int | None:
    """Have a mistake in the last stage's settings told before anything starts; None: the rest is for Spark."""
    _configs(settings, arguments)
    return None


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Run the stages; print the summary table."""
    chosen = _configs(settings, arguments)
    has_name = settings.release is not None or "freeze-release.release" in arguments
    reports = []
    for one in PIPELINE:
        lacking = _lacking(one, chosen[one.name], has_name=has_name)
        if lacking:
            what, flag = lacking
            output.say(f"{one.name}: {what}")
            output.say(f"  next: {shlex.join(['./submit.sh', *arguments.argv])} {flag}")
            if not all(tables.exists(warehouse, table) for table in one.writes):
                reports.append(Report(one.name, "waiting", Outcome(0, 0), 0.0))
                break
            continue
        reports.append(stage.run_stage(warehouse, one, chosen[one.name], force=arguments.force))
    output.emit(stage.SUMMARY_COLUMNS, stage.summary_rows(reports), arguments.format)
    return 0


def _configs(settings: Config, arguments: argparse.Namespace) -> dict[str, Any]:
    """The configuration of every stage, by its name."""
    values = config.read_yaml(arguments.config)
    if settings.seed is not None:
        values = {**values, "seed": settings.seed}
    flags = {one.name: cli.flags_of(arguments, one.module.Config, prefix=f"{one.name}.") for one in PIPELINE}
    for short, (name, field) in SHORT.items():
        value = getattr(settings, short)
        if value is not None:
            flags[name].setdefault(field, value)
    chosen = {
        one.name: config.build(
            one.module.Config, one.name, values, flags[one.name], path=arguments.config, prefix=f"{one.name}."
        )
        for one in PIPELINE
    }
    ingest = chosen["ingest-images"]
    if ingest.source == "folder" and ingest.input is not None:
        config.check_folder("--images", ingest.input)
    return chosen


def _lacking(one: Stage, settings: Any, *, has_name: bool) -> tuple[str, str] | None:
    """What a stage waits for that only a person can give, and the flag to give it with; None where it can run."""
    if one.name == "ingest-images" and settings.input is None and settings.source not in ENGINES:
        return "no folder given", "--images DIR"
    if one.name == "import-votes" and settings.input is None:
        return "no answers given; have the tasks in the warehouse's exports/ answered", "--votes FILE"
    if one.name == "freeze-release" and not has_name:
        return "no name given", "--release NAME"
    return None
