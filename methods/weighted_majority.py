"""Majority vote weighted by how often a worker agrees with the plain majority ("Wawa", worker agreement with
aggregate, Appen's rule): not a likelihood, so it takes one round and has no objective.
"""

from __future__ import annotations

import numpy as np

from synlake.methods.em_steps import vote_shares
from synlake.methods.vote_blocks import Block, Floats


def agreement_counts(block: Block, *, n_cells: int) -> tuple[Floats, Floats]:
    """Votes of each cell (worker, label) that agree with the majority, and all. Ties count by halves, thirds …"""
    shares = vote_shares(block)
    is_top = shares >= shares.max(axis=1, keepdims=True)
    top = (is_top / is_top.sum(axis=1, keepdims=True)).ravel()
    agree = np.bincount(block.cells, top[block.pairs], minlength=n_cells)
    return agree.astype(np.float64), np.bincount(block.cells, minlength=n_cells).astype(np.float64)


def weighted_shares(block: Block, weights: Floats) -> Floats:
    """Items × labels: share of the voting weight; ``weights`` has one entry a worker. Gold items are certain.

    Items whose voters weigh nothing have the plain shares.
    """
    n, k = block.n_items, block.n_labels
    sums = np.bincount(block.pairs, weights[block.cells // k], minlength=n * k).reshape(n, k)
    total = sums.sum(axis=1, keepdims=True)
    plain = vote_shares(block)
    shares = np.divide(sums, total, out=plain.copy(), where=total > 0)
    return np.where((block.gold >= 0)[:, None], plain, shares)
