"""GLAD: workers have an ability, items a difficulty.

J. Whitehill et al., "Whose vote should count more", NIPS 2009, eq. 1: P(right) = σ(α_w β_j), with log β_j and
α_w normal with mean 1 and variance 1. The paper climbs to one β for each item. Here β is integrated out by
Gauss–Hermite quadrature: each node is a level of difficulty that an item has with some probability. So an
item with three votes gets no β fitted to them, an iteration keeps no state an item, and the M-step is exact.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_expit

from synlake.methods.dawid_skene import class_prior
from synlake.methods.em_steps import Statistics, Tables
from synlake.methods.vote_blocks import Floats

#: Levels of difficulty; a normal density times a smooth function needs no more.
N_NODES = 9
_X, _WEIGHT = np.polynomial.hermite_e.hermegauss(N_NODES)
#: β at each node (ease of an item: the larger, the easier), and the log-probability of the node.
EASE = np.exp(1.0 + _X)
LOG_WEIGHT = np.log(_WEIGHT / _WEIGHT.sum())
_MEAN_ABILITY = 1.0
_BISECTIONS = 60


def maximise_ability(
    given: Statistics, before: Tables | None, *, prior: Floats | None, smoothing: float
) -> tuple[Tables, float]:
    """M-step: the α_w that maximises the expected log-likelihood plus its normal log-prior.

    The gradient Σ_q β_q (right_q − seen_q σ(α β_q)) − (α − 1) falls in α, so bisection finds its root.
    """
    assert given.right is not None
    assert given.seen is not None
    n_labels = len(given.by_label)
    right = given.right.reshape(N_NODES, -1, n_labels).sum(axis=2).T
    seen = given.seen.reshape(N_NODES, -1, n_labels).sum(axis=2).T
    reach = seen @ EASE
    low, high = _MEAN_ABILITY - reach, _MEAN_ABILITY + reach
    for _ in range(_BISECTIONS):
        ability = (low + high) / 2
        gradient = (right - seen * expit(ability[:, None] * EASE)) @ EASE - (ability - _MEAN_ABILITY)
        low, high = np.where(gradient > 0, ability, low), np.where(gradient > 0, high, ability)
    log_prior, penalty = class_prior(given.by_label, fixed=prior, smoothing=smoothing)
    return ability_tables(ability, log_prior), penalty - float(((ability - _MEAN_ABILITY) ** 2).sum()) / 2


def ability_tables(ability: Floats, log_prior: Floats) -> Tables:
    """What a vote of each worker is worth at each level of difficulty."""
    n_labels = len(log_prior)
    strength = EASE[:, None] * ability[None, :]
    return Tables(
        log_prior,
        match=np.repeat(log_expit(strength), n_labels, axis=1),
        miss=np.repeat(log_expit(-strength) - np.log(max(1, n_labels - 1)), n_labels, axis=1),
        nodes=LOG_WEIGHT,
    )


def difficulty(truth: Floats) -> Floats:
    """Expected 1/β of each item, from posteriors of items × labels × nodes."""
    return np.asarray(truth.sum(axis=1) @ (1 / EASE), dtype=np.float64)
