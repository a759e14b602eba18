"""Aggregate the votes on each item into a label, by majority or a model of workers; doubtful items are escalated."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import tables
from synlake.config import option
from synlake.errors import InputError
from synlake.intake import read_rows
from synlake.methods import worker_quality
from synlake.methods.aggregation import METHODS, Aggregate, Rule, aggregated
from synlake.methods.decision import escalation_reason
from synlake.schemas import TABLES
from synlake.spread import held
from synlake.stage import Control, Outcome, flagged_outcome
from synlake.tables import Warehouse

EXAMPLE = "aggregate-votes --method dawid_skene --min-confidence 0.9"


def _bad_prior(value: str) -> str | None:
    if value in ("method", "estimated", "uniform"):
        return None
    try:
        _shares(value)
    except ValueError:
        return f"wanted method, estimated, uniform, or shares such as yes=0.7,no=0.3, got {value!r}"
    return None


@dataclass(frozen=True)
class Config:
    """Settings of aggregate-votes."""

    method: str = option("majority", "how votes become a label", choices=METHODS)
    min_confidence: float = option(0.67, "items below it are escalated", minimum=0.0, maximum=1.0)
    min_votes: int = option(1, "items with fewer votes are escalated", minimum=1)
    escalate_contested: bool = option(False, "escalate where the label is not one with the most votes")
    class_prior: str = option(
        "method", "method (its own), estimated, uniform, or shares: yes=0.7,no=0.3", check=_bad_prior
    )
    smoothing: float = option(0.01, "pseudo-votes in each cell of a model", minimum=1e-9)
    max_rounds: int = option(100, "rounds of EM at the most", minimum=1)
    tolerance: float = option(1e-6, "EM ends when a round adds less to the objective, an item", minimum=0.0)
    gold_file: str | None = option(
        None, "CSV of item_id,expected_answer: known for certain, beside gold tasks", is_file=True
    )
    min_gold_accuracy: float = option(
        0.0, "leave out votes of workers below it on gold", minimum=0.0, maximum=1.0
    )
    min_gold: int = option(5, "gold tasks that a worker must have met for that", minimum=1)
    min_seconds: float = option(0.0, "leave out votes of workers whose median answer is faster", minimum=0.0)


def main(warehouse: Warehouse, settings: Config) -> Outcome:
    """Read ``votes`` that count and ``tasks``, write ``workers`` and ``labels``."""
    votes = tables.read(warehouse, "votes").where(F.col("reject_reason").isNull())
    tasks = tables.read_or_empty(warehouse, "tasks").withColumnRenamed("task_id", "item_id")
    gold = _gold(warehouse, tasks, settings.gold_file)
    with held(_judged_workers(votes, gold, settings)) as workers:
        counted, n_left_out = _counted(votes, workers)
        with aggregated(counted, gold, _rule(settings)) as found:
            tables.overwrite(warehouse, "labels", _labels(found.items, tasks, gold, settings))
        written = tables.read(replace(warehouse, pins={}), "labels")
        tables.overwrite(warehouse, "workers", _workers(workers, votes, written, found))
    left_out = Control("n_votes_of_excluded_workers", n_left_out)
    return flagged_outcome(written, "escalation_reason", controls=(left_out, *_controls(found)))


def _gold(warehouse: Warehouse, tasks: DataFrame, path: str | None) -> DataFrame:
    """``item_id, expected_answer`` of gold tasks, and of the file, which wins."""
    known = tasks.where("is_gold").select("item_id", "expected_answer", F.lit(1).alias("place"))
    if path:
        names = {name: name for name in ("item_id", "expected_answer")}
        given = read_rows(warehouse.spark, path, names, {})
        given = given.where("raw IS NULL AND item_id <> '' AND expected_answer <> ''")
        known = known.unionByName(given.select(*names, F.lit(0).alias("place")))
    one = F.min_by("expected_answer", F.struct("place", "expected_answer")).alias("expected_answer")
    return known.groupBy("item_id").agg(one)


def _judged_workers(votes: DataFrame, gold: DataFrame, settings: Config) -> DataFrame:
    return worker_quality.with_exclusion(
        worker_quality.measured(votes, gold),
        min_gold_accuracy=settings.min_gold_accuracy,
        min_gold=settings.min_gold,
        min_seconds=settings.min_seconds,
    )


def _counted(votes: DataFrame, workers: DataFrame) -> tuple[DataFrame, int]:
    """The votes of workers who are not excluded, and how many others there are."""
    excluded = workers.where("exclusion_reason IS NOT NULL")
    total = workers.agg(F.count_if(F.col("exclusion_reason").isNull()).alias("n_kept")).first()
    n_left_out = excluded.agg(F.coalesce(F.sum("n_votes"), F.lit(0)).alias("n")).first()
    assert total is not None  # an aggregate without groups has one row
    assert n_left_out is not None
    if not total["n_kept"]:
        raise InputError(
            "no votes are left to aggregate: there are none, or all workers are excluded\n"
            "  next: ./submit.sh import-votes, or a lower --min-gold-accuracy or --min-seconds"
        )
    if not n_left_out["n"]:
        return votes, 0
    return votes.join(excluded.select("worker_id"), on="worker_id", how="left_anti"), int(n_left_out["n"])


def _rule(settings: Config) -> Rule:
    is_named = settings.class_prior in ("method", "estimated", "uniform")
    return Rule(
        settings.method,
        settings.class_prior if is_named else _shares(settings.class_prior),
        settings.smoothing,
        settings.max_rounds,
        settings.tolerance,
    )


def _shares(text: str) -> dict[str, float]:
    pairs = [part.rpartition("=") for part in text.split(",")]
    return {label.strip(): float(share) for label, _, share in pairs}


def _labels(items: DataFrame, tasks: DataFrame, gold: DataFrame, settings: Config) -> DataFrame:
    asked = tasks.select("item_id", "synset_id", "image_id")
    is_known = gold.select("item_id", F.lit(True).alias("is_gold"))
    reason = escalation_reason(
        min_confidence=settings.min_confidence,
        min_votes=settings.min_votes,
        contested=settings.escalate_contested,
    )
    full = items.join(asked, on="item_id", how="left").join(is_known, on="item_id", how="left")
    full = full.fillna(False, subset=["is_gold"]).withColumn("escalation_reason", reason)
    full = full.withColumn("is_escalated", F.col("escalation_reason").isNotNull())
    return full.select(*TABLES["labels"].schema.names)


def _workers(workers: DataFrame, votes: DataFrame, labels: DataFrame, found: Aggregate) -> DataFrame:
    rows = worker_quality.model_rows(found.workers, found.labels, found.confusion)
    modelled = labels.sparkSession.createDataFrame(rows, worker_quality.MODEL_SCHEMA)
    full = worker_quality.with_agreement(workers, votes, labels).join(modelled, on="worker_id", how="left")
    return full.select(*TABLES["workers"].schema.names)


def _controls(found: Aggregate) -> tuple[Control, ...]:
    """The objective after each round, and whether EM came to rest."""
    if not found.objective:
        return ()
    trace = [Control(f"objective:{i:04d}", value) for i, value in enumerate(found.objective, start=1)]
    rounds = Control("em_rounds", len(found.objective), is_ok=found.is_converged)
    return (rounds, *trace)
