"""The two halves of a round of EM on one block of votes: posteriors, and the statistics they add up to.

Models come in two shapes. *Confusion*: P(answer l | truth t) is any number, one for each (t, l) of a worker.
*Matching*: it depends on l, and on whether l = t; perhaps also on a hidden level of the item (a node).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from synlake.methods.vote_blocks import Block, Floats, Ints


@dataclass(frozen=True)
class Tables:
    """What the model says a vote is worth, as logarithms. Cells are (worker, label) pairs.

    ``prior`` has one entry a label. Confusion: ``given_truth[t, cell]``. Matching: ``match[q, cell]`` and
    ``miss[q, cell]``, and ``nodes[q]`` the log-weight of node q.
    """

    prior: Floats
    given_truth: Floats | None = None
    match: Floats | None = None
    miss: Floats | None = None
    nodes: Floats | None = None


@dataclass(frozen=True)
class Statistics:
    """Expected counts over all votes, and the log-likelihood of the tables they were made with.

    ``by_label[t]`` items of truth t. Confusion: ``confusion[t, cell]``. Matching: ``right[q, cell]`` votes
    that are right, ``seen[q, cell]`` votes in all.
    """

    by_label: Floats
    log_likelihood: float
    confusion: Floats | None = None
    right: Floats | None = None
    seen: Floats | None = None

    @property
    def n_votes(self) -> float:
        """Votes counted."""
        counted = self.seen if self.confusion is None else self.confusion
        assert counted is not None
        return float(counted.sum())

    def flat(self) -> Floats:
        """All numbers in one vector: statistics of blocks are added as vectors."""
        parts = [self.by_label, np.array([self.log_likelihood])]
        parts += [a.ravel() for a in (self.confusion, self.right, self.seen) if a is not None]
        return np.concatenate(parts)

    @classmethod
    def from_flat(cls, flat: Floats, *, n_labels: int, n_nodes: int) -> Statistics:
        """The inverse of :meth:`flat`; ``n_nodes`` = 0 for a confusion model."""
        by_label, likelihood, rest = flat[:n_labels], float(flat[n_labels]), flat[n_labels + 1 :]
        if n_nodes == 0:
            return cls(by_label, likelihood, confusion=rest.reshape(n_labels, -1))
        right, seen = np.split(rest, 2)
        return cls(by_label, likelihood, right=right.reshape(n_nodes, -1), seen=seen.reshape(n_nodes, -1))


def vote_shares(block: Block) -> Floats:
    """Items × labels: the share of an item's votes that a label has (Dawid and Skene 1979, eq. 3.1).

    Gold items are certain of their answer.
    """
    shape = (block.n_items, block.n_labels)
    counts = np.bincount(block.pairs, minlength=shape[0] * shape[1]).reshape(shape)
    shares = counts / counts.sum(axis=1, keepdims=True)
    return np.where(_is_ruled_out(block), 0.0, np.where((block.gold >= 0)[:, None], 1.0, shares))


def posterior(block: Block, tables: Tables) -> tuple[Floats, float]:
    """The E-step: items × labels × nodes, and the block's log-likelihood. Bayes' rule, in log space."""
    joint = (
        _confusion_joint(block, tables) if tables.given_truth is not None else _matching_joint(block, tables)
    )
    joint[np.broadcast_to(_is_ruled_out(block)[:, :, None], joint.shape)] = -np.inf
    evidence = logsumexp(joint, axis=(1, 2), keepdims=True)
    joint -= evidence
    return np.exp(joint, out=joint), float(evidence.sum())


def statistics(
    block: Block, truth: Floats, log_likelihood: float, *, n_cells: int, nodes: bool
) -> Statistics:
    """The sums that an M-step needs, from posteriors of items × labels × nodes."""
    by_label = truth.sum(axis=(0, 2))
    if not nodes:
        weights = np.ascontiguousarray(truth[:, :, 0].T)
        confusion = np.stack([_sums(block.cells, w[block.items], n_cells) for w in weights])
        return Statistics(by_label, log_likelihood, confusion=confusion)
    right, seen, pairs = [], [], block.pairs
    for q in range(truth.shape[2]):
        given = np.ascontiguousarray(truth[:, :, q])
        right.append(_sums(block.cells, given.ravel()[pairs], n_cells))
        seen.append(_sums(block.cells, given.sum(axis=1)[block.items], n_cells))
    return Statistics(by_label, log_likelihood, right=np.stack(right), seen=np.stack(seen))


def start(block: Block, node_shares: Floats) -> Floats:
    """Posteriors before the first round, when nothing is known of workers: the vote shares, at every node."""
    return vote_shares(block)[:, :, None] * node_shares


def _sums(places: Ints, weights: Floats, n: int) -> Floats:
    return np.asarray(np.bincount(places, weights, minlength=n), dtype=np.float64)


def _is_ruled_out(block: Block) -> npt.NDArray[np.bool_]:
    """Items × labels: what the known answer of a gold item excludes."""
    others = np.arange(block.n_labels)[None, :] != block.gold[:, None]
    return np.asarray((block.gold >= 0)[:, None] & others)


def _confusion_joint(block: Block, tables: Tables) -> Floats:
    assert tables.given_truth is not None
    joint = np.empty((block.n_items, block.n_labels, 1))
    for t, log_p in enumerate(tables.given_truth):
        votes = np.bincount(block.items, log_p[block.cells], minlength=block.n_items)
        joint[:, t, 0] = votes + tables.prior[t]
    return joint


def _matching_joint(block: Block, tables: Tables) -> Floats:
    assert tables.match is not None
    assert tables.miss is not None
    assert tables.nodes is not None
    n, k, pairs = block.n_items, block.n_labels, block.pairs
    joint = np.empty((n, k, len(tables.nodes)))
    for q, log_weight in enumerate(tables.nodes):
        if_none_right = np.bincount(block.items, tables.miss[q][block.cells], minlength=n)
        gain = np.bincount(pairs, (tables.match[q] - tables.miss[q])[block.cells], minlength=n * k)
        joint[:, :, q] = if_none_right[:, None] + gain.reshape(n, k) + tables.prior + log_weight
    return joint
