"""Dawid and Skene: a confusion matrix a worker; and its one-parameter form, one coin a worker.

A. P. Dawid and A. M. Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm",
Applied Statistics 28 (1979). Here with a Dirichlet prior: ``smoothing`` pseudo-votes in each cell, without
which a worker who answered once would be certain for ever. What EM then climbs is log-likelihood + log-prior.
"""

from __future__ import annotations

import numpy as np

from synlake.methods.em_steps import Statistics, Tables
from synlake.methods.vote_blocks import Floats


def class_prior(by_label: Floats, *, fixed: Floats | None, smoothing: float) -> tuple[Floats, float]:
    """Log p_t (eq. 2.4) and its log-prior, from expected items by truth; ``fixed`` shares are taken as given."""
    if fixed is not None:
        return np.log(fixed), 0.0
    log_prior = np.log(by_label + smoothing) - np.log((by_label + smoothing).sum())
    return log_prior, smoothing * float(log_prior.sum())


def maximise_confusion(
    given: Statistics, before: Tables | None, *, prior: Floats | None, smoothing: float
) -> tuple[Tables, float]:
    """M-step, eq. 2.3: π_tl of worker w = votes l of w on items of truth t / votes of w on items of truth t."""
    assert given.confusion is not None
    n_labels = len(given.by_label)
    counts = given.confusion.reshape(n_labels, -1, n_labels) + smoothing
    log_pi = np.log(counts) - np.log(counts.sum(axis=2, keepdims=True))
    log_prior, penalty = class_prior(given.by_label, fixed=prior, smoothing=smoothing)
    tables = Tables(log_prior, given_truth=log_pi.reshape(n_labels, -1))
    return tables, penalty + smoothing * float(log_pi.sum())


def maximise_coin(
    given: Statistics, before: Tables | None, *, prior: Floats | None, smoothing: float
) -> tuple[Tables, float]:
    """M-step of one coin: worker w is right with probability p_w; wrong answers are spread evenly."""
    assert given.right is not None
    assert given.seen is not None
    n_labels = len(given.by_label)
    right = given.right.reshape(-1, n_labels).sum(axis=1) + smoothing
    seen = given.seen.reshape(-1, n_labels).sum(axis=1) + 2 * smoothing
    log_right, log_wrong = np.log(right / seen), np.log(np.maximum(seen - right, smoothing) / seen)
    log_prior, penalty = class_prior(given.by_label, fixed=prior, smoothing=smoothing)
    miss = log_wrong - np.log(max(1, n_labels - 1))
    tables = Tables(
        log_prior,
        match=np.repeat(log_right, n_labels)[None, :],
        miss=np.repeat(miss, n_labels)[None, :],
        nodes=np.zeros(1),
    )
    return tables, penalty + smoothing * float(log_right.sum() + log_wrong.sum())
