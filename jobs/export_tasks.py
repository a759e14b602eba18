"""Ask again: export the tasks that still lack votes, in new HITs, for the number of votes that each lacks.

With --votes dynamic in plan-annotation, this is where the sample's votes tell how many the others need: their
confidence tables go into table vote_confidence. Nothing is written where every task has its votes.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import output, stage, tables
from synlake.config import option
from synlake.errors import InputError
from synlake.jobs import plan_annotation, task_files
from synlake.methods import task_export
from synlake.methods.hits import controls, lay_out, position
from synlake.methods.reviews import second_round
from synlake.methods.vote_rounds import (
    confidence_tables,
    control_offers,
    counted,
    lacking_dynamic,
    lacking_fixed,
    pooled_rates,
)
from synlake.spread import held
from synlake.warehouse import Warehouse

EXAMPLE = "export-tasks --export-format mturk --image-url-prefix https://your-host/images/"
NEEDS_WAREHOUSE = True


@dataclass(frozen=True)
class Config:
    """Settings of export-tasks."""

    n_votes: int | None = option(None, "votes a task is to have in all; default: as planned", minimum=1)
    escalated: bool = option(False, "only the tasks whose label is escalated; wants --n-votes")
    budget: float | None = option(None, "refuse a round that costs more", minimum=0.0)
    export: str | None = option(
        None, "file for the crowd; default: exports/tasks.* in the warehouse", placeholder="FILE"
    )
    export_format: str | None = option(
        None, "for which tool; default: as planned", choices=task_export.FORMATS
    )
    image_url_prefix: str | None = option(None, "address of an image up to its image_id; default: as planned")
    image_url_suffix: str | None = option(None, "what follows the image_id; default: as planned")


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Write the file; print what was settled, what is asked, and what it costs."""
    plan = _plan(warehouse)
    tasks = tables.read(warehouse, "tasks")
    page = plan_annotation.page_of(plan)
    with held(_lacking(warehouse, settings, plan, tasks)) as found:
        summary = _summary(found)
        open_tasks = found.where("n_more > 0").withColumn("n_votes_wanted", F.col("n_more"))
        with held(_laid_out(warehouse, plan, tasks, open_tasks.select(*tasks.columns))) as laid:
            bill = task_files.bill(laid, page=page, price=plan.price, fee=plan.fee)
            notes = _written(warehouse, settings, plan, laid, bill.cost) if summary["n_asked"] else []
    for line in (*notes, *bill.lines):
        output.say(f"  {line}")
    output.emit_records([{**summary, "cost": round(bill.cost, 4)}], arguments.format)
    return 0


def _plan(warehouse: Warehouse) -> plan_annotation.Config:
    """The settings that the tasks were planned with."""
    values: Mapping[str, Any] | None = stage.last_configs(warehouse).get("plan-annotation")
    if values is None:
        raise InputError(
            f"no tasks were planned in {warehouse.root}\n"
            f"  next: ./submit.sh plan-annotation --warehouse {warehouse.root}"
        )
    known = {field.name for field in dataclasses.fields(plan_annotation.Config)}
    return plan_annotation.Config(**{name: value for name, value in values.items() if name in known})


def _lacking(
    warehouse: Warehouse, settings: Config, plan: plan_annotation.Config, tasks: DataFrame
) -> DataFrame:
    """The questions, each with the votes it has and ``n_more``, those it lacks."""
    votes = tables.read_or_empty(warehouse, "votes").where(F.col("reject_reason").isNull())
    found = counted(tasks, votes, tables.read_or_empty(warehouse, "workers"))
    if settings.escalated:
        if settings.n_votes is None:
            raise InputError("--escalated: --n-votes says how many votes these are to have in all")
        reviews = tables.read_or_empty(warehouse, "reviews")
        again = second_round(tables.read(warehouse, "labels"), reviews, max_votes=settings.n_votes)
        doubtful = again.select("item_id")
        found = found.join(doubtful.withColumnRenamed("item_id", "task_id"), on="task_id", how="left_semi")
    if settings.n_votes is not None or plan.votes == "fixed":
        return lacking_fixed(found, n_votes=settings.n_votes)
    with held(found) as once:
        sure = confidence_tables(
            once, pooled_rates(once), target=plan.target_confidence, max_votes=plan.max_votes
        )
        tables.overwrite(warehouse, "vote_confidence", sure)
    return lacking_dynamic(found, tables.read(warehouse, "vote_confidence"), max_votes=plan.max_votes)


def _laid_out(
    warehouse: Warehouse, plan: plan_annotation.Config, tasks: DataFrame, asked: DataFrame
) -> DataFrame:
    """Rows like those of ``tasks``, on new HITs with controls that were planned before."""
    page = plan_annotation.page_of(plan)
    # The same votes give the same pages, under the same names; other votes, others.
    round_no = tables.version(warehouse, "votes") + 2
    laid = lay_out(asked.drop("hit_id", "position"), page=page, round_no=round_no, seed=plan.seed)
    again = controls(laid, control_offers(tasks), page=page, seed=plan.seed)
    both = laid.drop("hit_no").unionByName(again.drop("hit_no", "is_positive"))
    return both.withColumn("position", position(plan.seed))


def _written(
    warehouse: Warehouse, settings: Config, plan: plan_annotation.Config, laid: DataFrame, cost: float
) -> list[str]:
    if settings.budget is not None and cost > settings.budget:
        raise InputError(
            f"--budget {settings.budget:g}: this round costs {cost:.2f}\n  next: a larger --budget"
        )
    chosen = {
        name: given if given is not None else getattr(plan, name)
        for name, given in (
            ("export_format", settings.export_format),
            ("image_url_prefix", settings.image_url_prefix),
            ("image_url_suffix", settings.image_url_suffix),
        )
    }
    task_files.check(chosen["export_format"], chosen["image_url_prefix"])
    return task_files.write(
        warehouse,
        laid,
        export_format=chosen["export_format"],
        target=settings.export,
        prefix=chosen["image_url_prefix"],
        suffix=chosen["image_url_suffix"],
        page_size=plan.hit_size,
    )


def _summary(found: DataFrame) -> dict[str, Any]:
    row = found.agg(
        F.count(F.lit(1)).alias("n_tasks"),
        F.coalesce(F.sum("n_votes"), F.lit(0)).alias("n_votes"),
        F.count_if(F.col("n_more") == 0).alias("n_done"),
        F.count_if(F.col("n_more").isNull()).alias("n_waiting_for_sample"),
        F.count_if(F.col("n_more") > 0).alias("n_asked"),
        F.coalesce(F.sum("n_more"), F.lit(0)).alias("n_votes_asked"),
    ).first()
    assert row is not None  # an aggregate without groups has one row
    return row.asDict()
