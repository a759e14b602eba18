"""MACE: a worker either knows the answer, or spams by a strategy of their own.

D. Hovy et al., "Learning whom to trust with MACE", NAACL 2013, trained as the paper advises, by variational
Bayes: Beta(½, ½) on θ_w (knowing) and a symmetric Dirichlet(10) on the strategy ξ_w, as in the authors' program.
What the iteration climbs is the evidence lower bound. The paper takes all labels for equally likely; here
their shares are estimated unless told otherwise: it raises that bound wherever classes are skewed.
"""

from __future__ import annotations

import numpy as np
from scipy.special import betaln, digamma, gammaln

from synlake.methods.dawid_skene import class_prior
from synlake.methods.em_steps import Statistics, Tables
from synlake.methods.vote_blocks import Floats

KNOWING = 0.5
STRATEGY = 10.0


def maximise_trust(
    given: Statistics, before: Tables | None, *, prior: Floats | None, smoothing: float
) -> tuple[Tables, float]:
    """Variational M-step: the Beta and Dirichlet posteriors of each worker, and minus their divergence."""
    assert given.right is not None
    assert given.seen is not None
    n_labels = len(given.by_label)
    right = given.right.reshape(-1, n_labels)
    knew = right * _knew_when_right(before, right.shape)
    spammed = given.seen.reshape(-1, n_labels) - knew
    a, b = KNOWING + knew.sum(axis=1), KNOWING + spammed.sum(axis=1)
    g = STRATEGY + spammed
    log_know, log_spam = digamma(a) - digamma(a + b), digamma(b) - digamma(a + b)
    log_strategy = digamma(g) - digamma(g.sum(axis=1, keepdims=True))
    log_prior, penalty = class_prior(given.by_label, fixed=prior, smoothing=smoothing)
    miss = log_spam[:, None] + log_strategy
    match = np.logaddexp(log_know[:, None], miss)
    tables = Tables(log_prior, match=match.reshape(1, -1), miss=miss.reshape(1, -1), nodes=np.zeros(1))
    return tables, penalty - _beta_divergence(a, b) - _dirichlet_divergence(g, log_strategy)


def _knew_when_right(before: Tables | None, shape: tuple[int, ...]) -> Floats:
    """P(knew | answered l, truth is l) under the tables of the E-step; at first, even odds against a guess."""
    if before is None:
        return np.full(shape, 1 / (1 + 1 / shape[1]))
    assert before.match is not None
    assert before.miss is not None
    return np.asarray(-np.expm1(before.miss - before.match)).reshape(shape)


def _beta_divergence(a: Floats, b: Floats) -> float:
    """Σ KL(Beta(a, b) ‖ Beta(½, ½))."""
    both = digamma(a + b)
    mean = (a - KNOWING) * (digamma(a) - both) + (b - KNOWING) * (digamma(b) - both)
    return float((betaln(KNOWING, KNOWING) - betaln(a, b) + mean).sum())


def _dirichlet_divergence(g: Floats, log_strategy: Floats) -> float:
    """Σ KL(Dirichlet(g) ‖ Dirichlet(10, …, 10))."""
    k = g.shape[1]
    norm = gammaln(g.sum(axis=1)) - gammaln(g).sum(axis=1) - gammaln(STRATEGY * k) + k * gammaln(STRATEGY)
    return float((norm + ((g - STRATEGY) * log_strategy).sum(axis=1)).sum())
