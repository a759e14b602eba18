"""Aggregate the votes on each item into a label, by majority or a model of workers; doubtful items are escalated."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import tables
from synlake.config import option
from synlake.jobs.counted_votes import Bars, counted, known_answers
from synlake.local_rows import local_rows
from synlake.methods import worker_quality
from synlake.methods.aggregation import METHODS, Aggregate, Rule, aggregated
from synlake.methods.escalation import escalation_reason, second_opinion, with_difficult_synsets
from synlake.schemas import TABLES
from synlake.spread import held
from synlake.stage import Control, Outcome, flagged_outcome
from synlake.warehouse import Warehouse

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
    second_method: str | None = option(
        None, "escalate where this method finds another label likelier", choices=METHODS
    )
    max_doubtful: float = option(
        1.0, "escalate all of a synset where surely a larger share is escalated", minimum=0.0, maximum=1.0
    )
    class_prior: str = option(
        "method", "method (its own), estimated, uniform, or shares: yes=0.7,no=0.3", check=_bad_prior
    )
    smoothing: float = option(0.01, "pseudo-votes in each cell of a model", minimum=1e-9)
    max_rounds: int = option(100, "rounds of EM at the most", minimum=1)
    tolerance: float = option(1e-5, "EM ends when a round adds less to the objective, a vote", minimum=0.0)
    gold_file: str | None = option(
        None, "CSV of item_id,expected_answer: known for certain, beside gold tasks", is_file=True
    )
    min_gold_accuracy: float = option(
        0.0, "leave out votes of workers below it on gold", minimum=0.0, maximum=1.0
    )
    min_gold: int = option(5, "gold tasks that a worker must have met for that", minimum=1)
    min_seconds: float = option(0.0, "leave out votes of workers whose median answer is faster", minimum=0.0)
    min_spammer_score: float = option(
        0.0, "leave out votes of workers below it: 0 tell nothing, 1 settle it", minimum=0.0, maximum=1.0
    )
    min_judged: int = option(20, "votes that a worker must have given for that", minimum=1)


def main(warehouse: Warehouse, settings: Config) -> Outcome:
    """Read ``votes`` that count and ``tasks``, write ``workers`` and ``labels``."""
    votes = tables.read(warehouse, "votes").where(F.col("reject_reason").isNull())
    tasks = tables.read_or_empty(warehouse, "tasks").withColumnRenamed("task_id", "item_id")
    gold = known_answers(warehouse, tasks, settings.gold_file)
    rule = _rule(settings)
    bars = Bars(**{field.name: getattr(settings, field.name) for field in fields(Bars)})
    with counted(votes, gold, bars, rule) as taken:
        with aggregated(taken.votes, gold, rule) as found, _second(taken.votes, gold, settings) as other:
            items = second_opinion(found.items, other)
            _write_labels(warehouse, _labels(items, tasks, gold, settings), settings)
        written = tables.read(replace(warehouse, pins={}), "labels")
        tables.overwrite(warehouse, "workers", _workers(taken.workers, votes, written, found))
    n_bare = _without_label(votes, written) if taken.n_left_out else 0
    left_out = (
        Control("n_votes_of_excluded_workers", taken.n_left_out),
        Control("n_items_without_votes", n_bare),
    )
    notes = (f"{n_bare} items have votes of excluded workers only, and no label",) if n_bare else ()
    return flagged_outcome(written, "escalation_reason", controls=(*left_out, *_controls(found)), notes=notes)


def _without_label(votes: DataFrame, labels: DataFrame) -> int:
    return votes.select("item_id").join(labels, on="item_id", how="left_anti").distinct().count()


@contextmanager
def _second(votes: DataFrame, gold: DataFrame, settings: Config) -> Iterator[DataFrame | None]:
    """The items of the second method; None where there is none."""
    if settings.second_method is None:
        yield None
        return
    with aggregated(votes, gold, replace(_rule(settings), method=settings.second_method)) as found:
        yield found.items


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
    shares = {label.strip(): float(share) for label, _, share in pairs}
    if not all(map(math.isfinite, shares.values())):
        raise ValueError(text)
    return shares


def _labels(items: DataFrame, tasks: DataFrame, gold: DataFrame, settings: Config) -> DataFrame:
    """Items with what they are about. What is known (a control, or of --gold-file) needs no expert."""
    asked = tasks.select("item_id", "synset_id", "image_id", "is_gold")
    known = gold.select("item_id", F.lit(True).alias("is_known"))
    reason = escalation_reason(min_confidence=settings.min_confidence, min_votes=settings.min_votes)
    full = items.join(asked, on="item_id", how="left").join(known, on="item_id", how="left")
    return full.fillna(False, subset=["is_gold"]).withColumn(
        "escalation_reason", F.when(F.col("is_known").isNull(), reason)
    )


def _write_labels(warehouse: Warehouse, labels: DataFrame, settings: Config) -> None:
    names = TABLES["labels"].schema.names
    is_escalated = F.col("escalation_reason").isNotNull()
    if settings.max_doubtful == 1:
        tables.overwrite(warehouse, "labels", labels.withColumn("is_escalated", is_escalated).select(*names))
        return
    with held(labels) as once:
        is_known = F.col("is_known").isNotNull()
        full = with_difficult_synsets(once, max_doubtful=settings.max_doubtful, is_known=is_known)
        tables.overwrite(warehouse, "labels", full.withColumn("is_escalated", is_escalated).select(*names))


def _workers(workers: DataFrame, votes: DataFrame, labels: DataFrame, found: Aggregate) -> DataFrame:
    rows = worker_quality.model_rows(found.workers, found.labels, found.confusion)
    modelled = local_rows(labels.sparkSession, rows, worker_quality.MODEL_SCHEMA)
    full = worker_quality.with_agreement(workers, votes, labels).join(modelled, on="worker_id", how="left")
    return full.select(*TABLES["workers"].schema.names)


def _controls(found: Aggregate) -> tuple[Control, ...]:
    """The objective after each round, and whether EM came to rest."""
    if not found.objective:
        return ()
    trace = [Control(f"objective:{i:04d}", value) for i, value in enumerate(found.objective, start=1)]
    rounds = Control("em_rounds", len(found.objective), is_ok=found.is_converged)
    return (rounds, *trace)
