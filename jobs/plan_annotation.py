"""Plan the crowd's tasks: one question a kept image, controls mixed in; exported for MTurk, Label Studio, as CSV.

No export says which tasks are controls, or what is expected.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from synlake import tables
from synlake.config import bad_name, moment, option
from synlake.errors import InputError
from synlake.jobs import task_files
from synlake.jobs.gold_file import read_gold
from synlake.local_rows import local_rows
from synlake.methods import task_export
from synlake.methods.annotation import ask, first_planned, plan_tasks
from synlake.methods.hierarchy import steps_up
from synlake.methods.hits import Page
from synlake.methods.questions import NO, NONE, QUESTION_TYPES, YES, Synset, wordings
from synlake.methods.vote_planning import plan_cost
from synlake.schemas import TABLES
from synlake.spread import held
from synlake.stage import Control, Outcome
from synlake.warehouse import Warehouse

EXAMPLE = (
    "plan-annotation --votes dynamic --export-format mturk --image-url-prefix https://your-host/images/"
    " --gold-file gold.csv"
)


@dataclass(frozen=True)
class Config:
    """Settings of plan-annotation."""

    question: str = option(
        "verify", "verify: is the synset in the image? classify: which of some?", choices=QUESTION_TYPES
    )
    n_options: int = option(4, "synsets to choose from (classify), nearest in the tree", minimum=2)
    votes: str = option(
        "fixed", "fixed: n_votes a task; dynamic: a sample first", choices=("fixed", "dynamic")
    )
    n_votes: int = option(3, "answers to collect for each task, by different workers (fixed)", minimum=1)
    sample_size: int = option(42, "images of each synset in the first round (dynamic)", minimum=1)
    n_sample_votes: int = option(10, "answers to collect for each of them (dynamic)", minimum=3)
    target_confidence: float = option(
        0.95, "an image is asked about until it is as sure (dynamic)", minimum=0.5, maximum=0.9999
    )
    max_votes: int = option(10, "or has so many answers (dynamic)", minimum=1)
    hit_size: int = option(48, "images on one page (HIT)", minimum=1)
    n_positive: int = option(3, "of which known to show the synset", minimum=0)
    n_negative: int = option(3, "of which known not to show it", minimum=0)
    min_control_distance: int = option(
        10, "hypernym steps between a synset and one whose images are its negative controls", minimum=1
    )
    gold_file: str | None = option(
        None, "CSV of image_id,synset_id,expected_answer (yes or no) known beforehand", is_file=True
    )
    gold_release: str | None = option(None, "frozen release whose images are positive controls")
    price: float = option(0.01, "of one vote, in any currency", minimum=0.0)
    fee: float = option(0.2, "share that the platform adds to the price", minimum=0.0)
    budget: float | None = option(None, "refuse a first round that costs more", minimum=0.0)
    export: str | None = option(
        None, "file for the crowd; default: exports/tasks.* in the warehouse", placeholder="FILE"
    )
    export_format: str = option("csv", "for which tool", choices=task_export.FORMATS)
    image_url_prefix: str = option("", "address of an image up to its image_id")
    image_url_suffix: str = option("", "what follows the image_id, such as .jpg")
    images_to: str | None = option(
        None, "folder to write the images to, named so, for a web server", placeholder="DIR"
    )
    seed: int = option(7, "decides which controls are used, the sample, and the order of tasks")
    selection_id: str = option("default", "the selection that tasks are for", check=bad_name)
    as_of: dt.datetime | None = option(None, "when the tasks were planned (UTC); default: now")


def page_of(settings: Config) -> Page:
    """The lay-out of HITs; :class:`InputError` where controls leave no room for questions."""
    page = Page(settings.hit_size, settings.n_positive, settings.n_negative)
    if page.n_questions < 1:
        raise InputError(
            f"--hit-size {page.size}: {page.n_positive} positive and {page.n_negative} negative controls leave no"
            " room for questions\n  next: a larger --hit-size, or fewer controls"
        )
    return page


def main(warehouse: Warehouse, settings: Config) -> Outcome:
    """Read ``pool`` and ``synsets``, plan, write ``tasks`` and the file for the crowd."""
    page = page_of(settings)
    task_files.check(settings.export_format, settings.image_url_prefix)
    kept = tables.read(warehouse, "pool").where("is_kept").select("image_id", "synset_id")
    is_dynamic = settings.votes == "dynamic"
    wording, hierarchy = _synsets(warehouse, kept, settings)
    known, notes = _known(warehouse, settings)
    questions = ask(
        kept,
        wording,
        question_type=settings.question,
        n_votes=settings.n_sample_votes if is_dynamic else settings.n_votes,
        sample_size=settings.sample_size if is_dynamic else None,
        page=page,
        seed=settings.seed,
    )
    with held(questions) as once:
        tasks = plan_tasks(
            once,
            kept,
            wording,
            known,
            hierarchy,
            question_type=settings.question,
            page=page,
            min_distance=settings.min_control_distance,
            seed=settings.seed,
        )
        earlier = tables.read_or_empty(warehouse, "tasks")
        planned = first_planned(tasks, earlier, F.lit(moment(settings.as_of)))
        _check_budget(planned, kept, page, settings)
        n_tasks = tables.overwrite(warehouse, "tasks", planned.select(*TABLES["tasks"].schema.names))
    exported = _exported(warehouse, settings, page, n_tasks)
    return replace(exported, notes=(*notes, *exported.notes))


def _exported(warehouse: Warehouse, settings: Config, page: Page, n_tasks: int) -> Outcome:
    asked = tables.read(warehouse, "tasks").where("n_votes_wanted > 0")
    files = task_files.write(
        warehouse,
        asked,
        export_format=settings.export_format,
        target=settings.export,
        prefix=settings.image_url_prefix,
        suffix=settings.image_url_suffix,
        page_size=page.size,
    )
    if settings.images_to:
        folder, suffix = settings.images_to, settings.image_url_suffix
        later_too = tables.read(warehouse, "tasks")  # what waits for the sample is asked by export-tasks
        files.append(task_files.write_images(warehouse, later_too, folder, suffix))
    bill = task_files.bill(asked, page=page, price=settings.price, fee=settings.fee)
    controls = (
        Control("n_gold", bill.n_controls),
        Control("n_hits_short_of_controls", bill.n_short, threshold=0.0, is_ok=not bill.n_short),
        Control("cost", bill.cost),
    )
    return Outcome(n_tasks, n_tasks, controls=controls, notes=(*files, *bill.lines))


def _check_budget(planned: DataFrame, kept: DataFrame, page: Page, settings: Config) -> None:
    """Before anything is written. What was planned is billed only where all its controls might not fit the budget."""
    if settings.budget is None:
        return
    sizes = [row["n"] for row in kept.groupBy("synset_id").agg(F.count(F.lit(1)).alias("n")).collect()]
    is_dynamic = settings.votes == "dynamic"
    at_the_most = plan_cost(
        [min(size, settings.sample_size) for size in sizes] if is_dynamic else sizes,
        n_votes=settings.n_sample_votes if is_dynamic else settings.n_votes,
        n_questions=page.n_questions,
        n_controls=page.n_positive + page.n_negative,
        price=settings.price * (1 + settings.fee),
    )
    if at_the_most <= settings.budget:
        return
    asked = planned.where("n_votes_wanted > 0")
    cost = task_files.bill(asked, page=page, price=settings.price, fee=settings.fee).cost
    if cost > settings.budget:
        raise InputError(
            f"--budget {settings.budget:g}: the first round costs {cost:.2f}\n"
            "  next: fewer --n-votes, a lower --price, --votes dynamic, or a larger --budget; plan-cost compares"
        )


def _synsets(warehouse: Warehouse, kept: DataFrame, settings: Config) -> tuple[DataFrame, DataFrame]:
    """How each synset of the pool is asked about, and what is above it; one row a synset on the driver."""
    selection = tables.read(warehouse, "synsets").where(F.col("selection_id") == settings.selection_id)
    parents = {row[0]: row[1] for row in selection.select("synset_id", "parent_ids").collect()}
    pooled = kept.select("synset_id").distinct()
    _check_selection(
        warehouse, pooled.join(selection, on="synset_id", how="left_anti"), settings.selection_id
    )
    used = selection.join(pooled, on="synset_id", how="left_semi")
    found = [
        Synset(row["synset_id"], tuple(row["lemmas"]), row["gloss"], steps_up(parents, row["synset_id"]))
        for row in used.orderBy("synset_id").collect()
    ]
    asked = wordings(found, question_type=settings.question, n_options=settings.n_options)
    fields = TABLES["tasks"].schema
    names = ("synset_id", "question", "words", "gloss", "options")
    wording = local_rows(warehouse.spark, asked, StructType([fields[name] for name in names]))
    up = local_rows(
        warehouse.spark,
        [(one.synset_id, dict(one.up)) for one in found],
        "synset_id string, up map<string,int>",
    )
    return wording, up


def _check_selection(warehouse: Warehouse, missing: DataFrame, selection_id: str) -> None:
    """Raise :class:`InputError` where synsets of the pool are not of the selection: they would not be asked about."""
    n_missing, first = missing.agg(F.count(F.lit(1)), F.min("synset_id")).collect()[0]
    if n_missing:
        known = tables.read(warehouse, "synsets").select("selection_id").distinct().orderBy("selection_id")
        there = ", ".join(row[0] for row in known.limit(10).collect())
        raise InputError(
            f"--selection-id {selection_id}: {n_missing} synsets of the pool are not in it, such as {first};"
            f" there are the selections {there}\n"
            "  next: the selection that the images were ingested for"
        )


def _known(warehouse: Warehouse, settings: Config) -> tuple[DataFrame, tuple[str, ...]]:
    """``image_id, synset_id, is_positive`` of the gold file, which wins, and of a release; and notes for people."""
    known = local_rows(warehouse.spark, [], "image_id string, synset_id string, is_positive boolean")
    key = ["image_id", "synset_id"]
    notes: tuple[str, ...] = ()
    if settings.gold_file:
        answer = F.lower("expected_answer")
        is_positive = F.when(answer.isin(YES, F.lower("synset_id")), True).when(answer.isin(NO, NONE), False)
        given = read_gold(warehouse.spark, settings.gold_file, key).withColumn("is_positive", is_positive)
        known = given.where("is_positive IS NOT NULL").drop("expected_answer")
        unclear = (
            given.where("is_positive IS NULL").agg(F.count(F.lit(1)), F.min("expected_answer")).collect()[0]
        )
        if unclear[0]:
            said = f"{unclear[0]} answers of --gold-file are neither {YES} nor {NO}, such as {unclear[1]!r}"
            notes = (f"{said}; they are left out",)
    if settings.gold_release:
        images = tables.read_release(warehouse, settings.gold_release, flag="--gold-release")
        frozen = images.select(*key, F.lit(True).alias("is_positive"))
        known = known.unionByName(frozen.join(known, on=key, how="left_anti"))
    return known, notes
