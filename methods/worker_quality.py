"""How good a worker seems: against gold, against the labels, by the clock, and by the model."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from synlake.methods.vote_blocks import Floats

#: A worker's confusion matrix is stored where it has at most this many labels.
MAX_STORED_LABELS = 50
#: Expected votes on a truth from which on they tell what the worker says of it.
LEAST_MET = 0.5
MODEL_SCHEMA = (
    "worker_id string, accuracy double, spammer_score double, confusion map<string,map<string,double>>"
)


def measured(votes: DataFrame, gold: DataFrame) -> DataFrame:
    """One row a worker from ``item_id, worker_id, answer, answered_at`` and ``item_id, expected_answer``:
    ``n_votes, n_gold, gold_accuracy, median_seconds``; null where there is nothing to tell it from.

    Answers of one time are a page that was sent as a whole, as MTurk's and Toloka's are: they share the seconds
    since the page before.
    """
    judged = votes.join(gold.select("item_id", "expected_answer"), on="item_id", how="left")
    pages = judged.groupBy("worker_id", "answered_at").agg(
        F.count(F.lit(1)).alias("n_votes"),
        F.count("expected_answer").alias("n_gold"),
        F.count_if(F.col("answer") == F.col("expected_answer")).alias("n_right"),
    )
    before = F.lag("answered_at").over(Window.partitionBy("worker_id").orderBy("answered_at"))
    seconds = (F.col("answered_at").cast("double") - before.cast("double")) / F.col("n_votes")
    return (
        pages.withColumn("seconds", seconds)
        .groupBy("worker_id")
        .agg(
            F.sum("n_votes").alias("n_votes"),
            F.sum("n_gold").alias("n_gold"),
            F.try_divide(F.sum("n_right"), F.sum("n_gold")).alias("gold_accuracy"),
            F.percentile_approx("seconds", 0.5).alias("median_seconds"),
        )
    )


def with_exclusion(
    workers: DataFrame, *, min_gold_accuracy: float, min_gold: int, min_seconds: float
) -> DataFrame:
    """Add ``exclusion_reason`` to rows of :func:`measured`; null where the worker's votes count.

    Gold speaks only of workers who met ``min_gold`` gold tasks or more.
    """
    is_known = F.col("n_gold") >= min_gold
    return workers.withColumn(
        "exclusion_reason",
        F.coalesce(
            F.when(is_known & (F.col("gold_accuracy") < min_gold_accuracy), F.lit("low_gold_accuracy")),
            F.when(F.col("median_seconds") < min_seconds, F.lit("too_fast")),
        ),
    )


def with_agreement(workers: DataFrame, votes: DataFrame, labels: DataFrame) -> DataFrame:
    """Add ``agreement``: the share of a worker's votes that equal the aggregated label."""
    same = (F.col("answer") == F.col("label")).cast("double")
    shares = votes.join(labels.select("item_id", "label"), on="item_id").groupBy("worker_id")
    return workers.join(shares.agg(F.avg(same).alias("agreement")), on="worker_id", how="left")


def model_rows(
    workers: Sequence[str], labels: Sequence[str], confusion: Floats | None
) -> list[tuple[Any, ...]]:
    """Rows of :data:`MODEL_SCHEMA` from workers × truth × label expected votes; no rows without them."""
    if confusion is None:
        return []
    right = np.trace(confusion, axis1=1, axis2=2) / confusion.sum(axis=(1, 2))
    scores = spammer_scores(confusion)
    is_stored = len(labels) <= MAX_STORED_LABELS
    matrices = [_as_map(matrix, labels) if is_stored else None for matrix in confusion]
    return list(zip(workers, right.tolist(), scores.tolist(), matrices, strict=True))


def spammer_scores(confusion: Floats) -> Floats:
    """V. C. Raykar and S. Yu, "Eliminating spammers and ranking annotators", JMLR 13 (2012), section 3.2.

    Mean squared distance between rows of the row-normalised confusion matrix, over pairs of labels, halved:
    0 where all rows are alike, whatever is right, and 1 where every row is a corner of its own. A truth that
    the worker hardly met (half an expected vote) says nothing, and is taken as uniform.

    >>> spammer_scores(np.array([[[8.0, 0], [0, 2]], [[5, 5], [5, 5]], [[9, 0], [9, 0]], [[30, 0], [2e-4, 0]]]))
    array([1.  , 0.  , 0.  , 0.25])
    """
    k = confusion.shape[1]
    if k < 2:
        return np.zeros(len(confusion))
    votes = confusion.sum(axis=2, keepdims=True)
    rows = np.divide(confusion, votes, out=np.full_like(confusion, 1 / k), where=votes >= LEAST_MET)
    total = np.zeros(len(confusion))
    for one, other in combinations(range(k), 2):
        total += ((rows[:, one] - rows[:, other]) ** 2).sum(axis=1)
    return np.asarray(total / (k * (k - 1)))


def spammers(workers: Sequence[str], confusion: Floats, *, min_score: float, min_votes: int) -> list[str]:
    """Workers whose :func:`spammer_scores` is below ``min_score``, of those with ``min_votes`` votes or more."""
    is_below = (spammer_scores(confusion) < min_score) & (confusion.sum(axis=(1, 2)) >= min_votes - 0.5)
    return [workers[place] for place in np.flatnonzero(is_below)]


def _as_map(matrix: Floats, labels: Sequence[str]) -> dict[str, dict[str, float]]:
    return {
        truth: dict(zip(labels, row, strict=True)) for truth, row in zip(labels, matrix.tolist(), strict=True)
    }
