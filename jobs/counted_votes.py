"""Whose votes aggregate-votes counts: what is known of each worker beforehand, and whom the rules leave out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake.errors import InputError, UsageError
from synlake.jobs.gold_file import read_gold
from synlake.local_rows import local_rows
from synlake.methods import worker_quality
from synlake.methods.aggregation import Rule, aggregated
from synlake.spread import held
from synlake.warehouse import Warehouse


@dataclass(frozen=True)
class Bars:
    """What is asked of a worker; the fields of aggregate-votes' settings with these names."""

    min_gold_accuracy: float
    min_gold: int
    min_seconds: float
    min_spammer_score: float
    min_judged: int


@dataclass(frozen=True)
class Counted:
    """``workers``: all of them, measured, with ``exclusion_reason``; ``votes``: those of the others."""

    workers: DataFrame
    votes: DataFrame
    n_left_out: int


@contextmanager
def counted(votes: DataFrame, gold: DataFrame, bars: Bars, rule: Rule) -> Iterator[Counted]:
    """Measure workers, leave out those below a bar; the result is valid while the block runs."""
    judged = worker_quality.with_exclusion(
        worker_quality.measured(votes, gold),
        min_gold_accuracy=bars.min_gold_accuracy,
        min_gold=bars.min_gold,
        min_seconds=bars.min_seconds,
    )
    with held(judged) as workers:
        remaining, n_left_out = _without_excluded(votes, workers)
        if not bars.min_spammer_score:
            yield Counted(workers, remaining, n_left_out)
            return
        with held(_with_spammers(workers, remaining, gold, bars, rule)) as all_judged:
            yield Counted(all_judged, *_without_excluded(votes, all_judged))


def known_answers(warehouse: Warehouse, tasks: DataFrame, path: str | None) -> DataFrame:
    """``item_id, expected_answer`` of gold tasks, and of the file, which wins.

    :class:`InputError` where the file has two answers for one item.
    """
    known = tasks.where("is_gold").select("item_id", "expected_answer")
    if path is None:
        return known
    given = read_gold(warehouse.spark, path, ["item_id"]).withColumn("place", F.lit(0))
    both = known.withColumn("place", F.lit(1)).unionByName(given)
    one = F.min_by("expected_answer", "place").alias("expected_answer")
    return both.groupBy("item_id").agg(one)


def _without_excluded(votes: DataFrame, workers: DataFrame) -> tuple[DataFrame, int]:
    """The votes of workers who are not excluded, and how many others there are."""
    is_kept = F.col("exclusion_reason").isNull()
    total = workers.agg(
        F.count_if(is_kept).alias("n_kept"),
        F.coalesce(F.sum(F.when(~is_kept, F.col("n_votes"))), F.lit(0)).alias("n_left_out"),
    ).first()
    assert total is not None  # an aggregate without groups has one row
    if not total["n_kept"]:
        raise InputError(
            "no votes are left to aggregate: there are none, or all workers are excluded\n"
            "  next: ./submit.sh import-votes, or lower --min-gold-accuracy, --min-seconds or --min-spammer-score"
        )
    if not total["n_left_out"]:
        return votes, 0
    excluded = workers.where(~is_kept).select("worker_id")
    return votes.join(excluded, on="worker_id", how="left_anti"), int(total["n_left_out"])


def _with_spammers(
    workers: DataFrame, votes: DataFrame, gold: DataFrame, bars: Bars, rule: Rule
) -> DataFrame:
    """Who spams is told by a first fit over all who are left."""
    with aggregated(votes, gold, rule) as found:
        if found.confusion is None:
            raise UsageError(
                f"--min-spammer-score: --method {rule.method} has no confusion matrices here to tell spammers by\n"
                "  next: --method dawid_skene, or --min-gold-accuracy"
            )
        names = worker_quality.spammers(
            found.workers, found.confusion, min_score=bars.min_spammer_score, min_votes=bars.min_judged
        )
    rows = [(name, "spammer") for name in names]
    found_out = local_rows(workers.sparkSession, rows, "worker_id string, found_out string")
    joined = workers.join(found_out, on="worker_id", how="left")
    return joined.withColumn("exclusion_reason", F.coalesce("exclusion_reason", "found_out")).drop(
        "found_out"
    )
