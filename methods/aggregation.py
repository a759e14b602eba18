"""From votes to labels by any method; all give the same columns, one row an item.

=================  ==============================================================  ===================
method             what it learns of a worker                                      class prior
=================  ==============================================================  ===================
majority           nothing                                                         –
weighted_majority  how often they agree with the majority                          –
dawid_skene        how often they say l where t is right, for all t and l          estimated
one_coin           how often they are right                                        estimated
glad               an ability, against the item's difficulty                       uniform
mace               how often they know, and what they say where they do not        estimated
=================  ==============================================================  ===================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake.errors import UsageError
from synlake.methods import em_steps, glad
from synlake.methods.dawid_skene import maximise_coin, maximise_confusion
from synlake.methods.decision import decide
from synlake.methods.expectation_maximisation import MAX_MODEL, Fit, Model, fit, sum_over_blocks
from synlake.methods.mace import maximise_trust
from synlake.methods.majority import vote_counts
from synlake.methods.vote_blocks import Block, Floats, Packed, n_blocks, names_of, pack
from synlake.methods.weighted_majority import agreement_counts, weighted_shares

METHODS = ("majority", "weighted_majority", "dawid_skene", "one_coin", "glad", "mace")
_UNIFORM_BY_DEFAULT = ("glad",)
#: The M-step of each model, and the shares of its nodes.
_MODELS: Mapping[str, tuple[Callable[..., tuple[em_steps.Tables, float]], Floats | None]] = {
    "dawid_skene": (maximise_confusion, None),
    "one_coin": (maximise_coin, np.ones(1)),
    "glad": (glad.maximise_ability, np.exp(glad.LOG_WEIGHT)),
    "mace": (maximise_trust, np.ones(1)),
}
#: An item's posterior over labels, and its difficulty where the method knows one.
Judge = Callable[[Block], tuple[Floats, Floats | None]]


@dataclass(frozen=True)
class Rule:
    """How votes are aggregated. ``class_prior``: shares by label, or estimated, uniform, or method (its own).

    ``tolerance``: EM ends when a round adds less than it to the objective, a vote. Where votes are few, later
    rounds fit workers' chance errors: on simulated crowds a smaller tolerance made labels worse, not better.
    """

    method: str = "majority"
    class_prior: str | Mapping[str, float] = "method"
    smoothing: float = 0.01
    max_rounds: int = 100
    tolerance: float = 1e-5


@dataclass(frozen=True)
class Aggregate:
    """``items``: one row an item; only valid while the block of :func:`aggregated` runs.

    ``confusion`` is workers × truth × label, expected votes; None for majority or where it would be too big.
    """

    items: DataFrame
    labels: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    confusion: Floats | None = None
    objective: tuple[float, ...] = ()
    is_converged: bool = True


@contextmanager
def aggregated(votes: DataFrame, gold: DataFrame, rule: Rule) -> Iterator[Aggregate]:
    """Aggregate ``item_id, worker_id, answer``; ``gold`` (``item_id, expected_answer``) is known for certain.

    The items have ``item_id, label, confidence, posterior, n_votes, is_tie, difficulty``; ties break by
    label order.
    """
    if rule.method == "majority":
        items = clamped(vote_counts(votes), gold)
        yield Aggregate(items.withColumn("difficulty", F.lit(None).cast("double")))
        return
    labels, workers, n_votes = names_of(votes, gold)
    known = votes.join(gold.select("item_id", "expected_answer"), on="item_id", how="left")
    nodes = glad.N_NODES if rule.method == "glad" else 1
    n_parts = n_blocks(n_votes, n_labels=len(labels), n_nodes=nodes)
    packed = pack(known, labels=labels, workers=workers, n_parts=n_parts)
    packed.blocks.persist(StorageLevel.MEMORY_AND_DISK_DESER)
    try:
        judge, found = _judge(packed, rule)
        trace, is_converged = (found.objective, found.is_converged) if found else ((), True)
        counted = found.confusion if found else None
        confusion = expected_confusion(packed, judge) if counted is None else by_worker(packed, counted)
        yield Aggregate(decide(packed, judge), labels, workers, confusion, trace, is_converged)
    finally:
        packed.blocks.unpersist()


def clamped(items: DataFrame, gold: DataFrame) -> DataFrame:
    """``items`` with the label that is known, where one is: it is certain, whatever the votes say."""
    known = F.col("expected_answer")
    certain = {
        "label": known,
        "confidence": F.lit(1.0),
        "posterior": F.create_map(known, F.lit(1.0)),
        "is_tie": F.lit(False),
    }
    joined = items.join(gold.select("item_id", "expected_answer"), on="item_id", how="left")
    return joined.withColumns(
        {name: F.when(known.isNotNull(), value).otherwise(F.col(name)) for name, value in certain.items()}
    ).select(*items.columns)


def expected_confusion(packed: Packed, judge: Judge) -> Floats | None:
    """Workers × truth × label: votes by what was right, as the posteriors have it; None where that is too big."""
    n_cells, n_labels = packed.n_cells, len(packed.labels)
    if n_cells * n_labels > MAX_MODEL:
        return None

    def summary(block: Block) -> Floats:
        truth = judge(block)[0][:, :, None]
        return em_steps.statistics(block, truth, 0.0, n_cells=n_cells, nodes=False).flat()

    flat = sum_over_blocks(packed, summary)
    by_truth = em_steps.Statistics.from_flat(flat, n_labels=n_labels, n_nodes=0).confusion
    assert by_truth is not None
    return by_worker(packed, by_truth)


def by_worker(packed: Packed, by_truth: Floats) -> Floats:
    """Truth × cells as workers × truth × label."""
    n_labels = len(packed.labels)
    return np.ascontiguousarray(by_truth.reshape(n_labels, -1, n_labels).transpose(1, 0, 2))


def _judge(packed: Packed, rule: Rule) -> tuple[Judge, Fit | None]:
    if rule.method == "weighted_majority":
        n_cells = packed.n_cells
        flat = sum_over_blocks(packed, lambda block: np.concatenate(agreement_counts(block, n_cells=n_cells)))
        agree, seen = flat.reshape(2, len(packed.workers), -1).sum(axis=2)
        weights = agree / np.maximum(seen, 1)
        return (lambda block: (weighted_shares(block, weights), None)), None
    found = fit(packed, model(rule, packed.labels), max_rounds=rule.max_rounds, tolerance=rule.tolerance)
    tables, is_glad = found.tables, rule.method == "glad"

    def judge(block: Block) -> tuple[Floats, Floats | None]:
        truth, _ = em_steps.posterior(block, tables)
        return truth.sum(axis=2), glad.difficulty(truth) if is_glad else None

    return judge, found


def model(rule: Rule, labels: tuple[str, ...]) -> Model:
    """The model that a rule names, with its class prior."""
    shares = class_shares(rule, labels)
    maximise, node_shares = _MODELS[rule.method]
    return Model(partial(maximise, prior=shares, smoothing=rule.smoothing), node_shares)


def class_shares(rule: Rule, labels: tuple[str, ...]) -> Floats | None:
    """The class prior that stays fixed, one share a label; None where EM estimates it."""
    prior = rule.class_prior
    if prior == "method":
        prior = "uniform" if rule.method in _UNIFORM_BY_DEFAULT else "estimated"
    if prior == "estimated":
        return None
    if isinstance(prior, str):
        return np.full(len(labels), 1 / len(labels))
    missing = sorted(set(labels) - set(prior))
    if missing or min(prior.values()) <= 0:
        wanted = f"a share above 0 for each of {', '.join(labels)}"
        raise UsageError(f"--class-prior: wanted {wanted}; missing: {', '.join(missing) or 'none'}")
    shares = np.array([prior[label] for label in labels])
    return np.asarray(shares / shares.sum())
