"""Run every stage in order in one Spark session, skipping what is up to date.

Where people have to act first (votes, decisions), it stops and says what it waits for; run it again then.
Any setting of a stage is --STAGE.SETTING, such as --deduplicate-images.tau 6.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from synlake import cli, config, output, stage, tables
from synlake.config import bad_name, option
from synlake.jobs import PIPELINE
from synlake.stage import Outcome, Report, Stage
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

    images: str | None = option(None, "folder of images to ingest")
    votes: str | None = option(None, "file of answers to import", is_file=True)
    decisions: str | None = option(None, "file of experts' decisions to import", is_file=True)
    release: str | None = option(None, "name to freeze under; without one nothing is frozen", check=bad_name)
    seed: int | None = option(None, "the seed of every stage")


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """A flag for every setting of every stage."""
    for one in PIPELINE:
        cli.add_fields(sub, one.module.Config, prefix=f"{one.name}.")


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Run the stages; print the summary table."""
    values = config.read_yaml(arguments.config)
    if settings.seed is not None:
        values = {**values, "seed": settings.seed}
    flags = {one.name: cli.flags_of(arguments, one.module.Config, prefix=f"{one.name}.") for one in PIPELINE}
    for short, (name, field) in SHORT.items():
        value = getattr(settings, short)
        if value is not None:
            flags[name].setdefault(field, value)
    reports = run_pipeline(warehouse, values, flags, force=arguments.force)
    output.emit(stage.SUMMARY_COLUMNS, stage.summary_rows(reports), arguments.format)
    return 0


def run_pipeline(
    warehouse: Warehouse,
    values: Mapping[str, Any],
    flags: Mapping[str, Mapping[str, str]],
    *,
    force: bool = False,
) -> list[Report]:
    """The reports of the stages that ran or were up to date, until one has to wait for people.

    Every configuration is built first, so that a mistake in the last stage's does not cost the first's time.
    """
    chosen = {
        one.name: config.build(one.module.Config, one.name, values, flags[one.name]) for one in PIPELINE
    }
    reports = []
    for one in PIPELINE:
        waits_for = _waits_for(warehouse, one, chosen[one.name], has_release="release" in flags[one.name])
        if waits_for:
            output.say(f"{one.name}: {waits_for}")
            if not all(tables.exists(warehouse, table) for table in one.writes):
                reports.append(Report(one.name, "waiting", Outcome(0, 0), 0.0))
                break
            continue
        reports.append(stage.run_stage(warehouse, one, chosen[one.name], force=force))
    return reports


def _waits_for(warehouse: Warehouse, one: Stage, settings: Any, *, has_release: bool) -> str | None:
    """What a stage lacks that only a person can give; None where it can run."""
    again = f"./submit.sh run --warehouse {warehouse.root}"
    if one.name == "ingest-images" and settings.input is None:
        return f"no folder given; next: {again} --images DIR"
    if one.name == "import-votes" and settings.input is None:
        return (
            f"no answers given; have the tasks in {warehouse.root}/exports answered;"
            f" next: {again} --votes FILE"
        )
    if one.name == "freeze-release" and not has_release:
        return f"no name given; next: {again} --release NAME"
    return None
