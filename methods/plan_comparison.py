"""What ways to spend votes would have cost, and how right they would have been, on votes that were given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from synlake.methods.vote_confidence import Counts, Rule, rule_of, with_majority, with_rule

#: The votes on an item, and the place of the right label among them.
Vector = tuple[Counts, int]


@dataclass(frozen=True)
class Judged:
    """A plan on the items of one group: votes spent for each, and the share that is right, both expected."""

    plan: str
    group: str
    n_items: int
    n_votes: float
    accuracy: float


def count_vectors(votes: DataFrame, truth: DataFrame, *, most_votes: int, seed: int) -> DataFrame:
    """One row an item that has votes and a truth: ``by_label`` (label → votes) and ``label``, what is right.

    Of items with more than ``most_votes``, so many are taken by hash.
    """
    turn = Window.partitionBy("item_id").orderBy(
        F.xxhash64("item_id", "worker_id", F.lit(seed)), "worker_id", "answer"
    )
    taken = votes.withColumn("turn", F.row_number().over(turn)).where(F.col("turn") <= most_votes)
    counts = taken.groupBy("item_id", "answer").agg(F.count(F.lit(1)).cast("int").alias("n"))
    by_item = counts.groupBy("item_id").agg(
        F.sort_array(F.collect_list(F.struct("answer", "n"))).alias("by_label")  # as long as there are labels
    )
    return by_item.join(truth.select("item_id", "label"), on="item_id")


def canonical(
    by_label: Mapping[str, int] | Sequence[tuple[str, int]], right: str, labels: Sequence[str]
) -> Vector:
    """Votes and truth of an item as a vector that many items share.

    Of two labels, their counts in the order of ``labels``. Of more, the right one's count and then the others
    from many to few, since only agreement counts.

    >>> canonical({"a": 1, "c": 5}, "c", ["a", "b", "c"]), canonical({"no": 3}, "yes", ["yes", "no"])
    (((5, 1, 0), 0), ((0, 3), 0))
    """
    given = dict(by_label)
    if len(labels) == 2:
        return (given.get(labels[0], 0), given.get(labels[1], 0)), list(labels).index(right)
    others = sorted((n for label, n in given.items() if label != right), reverse=True)
    # At least three counts: two would be taken for yes and no.
    others += [0] * (2 - len(others))
    return (given.get(right, 0), *others), 0


def compare(
    groups: Mapping[str, Mapping[Vector, int]],
    *,
    n_votes: Sequence[int],
    sample_size: int,
    target: float,
    max_votes: int,
    n_samples: int,
    seed: int,
) -> list[Judged]:
    """Each plan on each group (items by their vectors): majorities of ``n_votes``, and the dynamic rule.

    The dynamic rule pays for its sample, ``sample_size`` items drawn ``n_samples`` times, all of whose votes
    (up to ``max_votes``) it asks for.
    """
    random = np.random.default_rng(seed)
    judged = []
    for group, unsorted in groups.items():
        vectors = dict(sorted(unsorted.items()))  # the same draws, in whatever order rows came
        total = sum(vectors.values())
        for k in n_votes:
            results = [(n, with_majority(*vector, k)) for vector, n in vectors.items()]
            votes = sum(n * one.n_votes for n, one in results) / total
            right = sum(n * one.accuracy for n, one in results) / total
            name = "single" if k == 1 else f"majority-{k}"
            judged.append(Judged(name, group, total, votes, right))
        drawn = [
            _dynamic(vectors, random, sample_size=sample_size, target=target, max_votes=max_votes)
            for _ in range(n_samples)
        ]
        votes, right = np.mean(drawn, axis=0).tolist()
        judged.append(Judged("dynamic", group, total, votes, right))
    return judged


def _dynamic(
    vectors: Mapping[Vector, int],
    random: np.random.Generator,
    *,
    sample_size: int,
    target: float,
    max_votes: int,
) -> tuple[float, float]:
    """Votes an item and accuracy, with one draw of the sample."""
    keys, counts = list(vectors), list(vectors.values())
    total = sum(counts)
    taken = random.multivariate_hypergeometric(counts, min(sample_size, total)).tolist()
    samples: dict[Counts, float] = {}
    for (votes, _), n in zip(keys, taken, strict=True):
        if n:
            samples[votes] = samples.get(votes, 0) + n
    rule: Rule = rule_of(samples, target=target, max_votes=max_votes)
    n_votes = accuracy = 0.0
    for vector, n, n_taken in zip(keys, counts, taken, strict=True):
        full, short = with_majority(*vector, max_votes), with_rule(*vector, rule)
        n_votes += n_taken * full.n_votes + (n - n_taken) * short.n_votes
        accuracy += n_taken * full.accuracy + (n - n_taken) * short.accuracy
    return n_votes / total, accuracy / total
