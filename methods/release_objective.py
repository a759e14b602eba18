"""The objective U(D) of a release, from what was counted rather than expected. See methods/objective.py."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from synlake.methods.hierarchy import children_of
from synlake.methods.objective import MAX_QUERIES, Weights, coverage, utility


class CountedClass(NamedTuple):
    """A class of a release. ``confidence`` is the mean over its labels, ``n_queries`` the searches made for it."""

    synset_id: str
    n_images: int
    depth: int | None
    confidence: float | None
    n_queries: int | None


@dataclass(frozen=True)
class ReleaseScores:
    """Every term in [0, 1], or None where there is nothing to count it from; then ``utility`` is None too."""

    c_cov: float | None
    c_hier: float | None
    q_label: float | None
    c_cost: float | None
    utility: float | None
    n_inner: int


def score_release(
    classes: Sequence[CountedClass],
    parents: Mapping[str, Collection[str]],
    *,
    n_min: int,
    min_depth: int,
    max_depth: int,
    weights: Weights,
) -> ReleaseScores:
    """U(D) = α·C_cov + β·C_hier + γ·Q_label − λ·C_cost of the classes that have images.

    ``parents`` is the taxonomy that could have been chosen from: C_cov is the share of its synsets with some
    below them that are a class or have one below. C_hier: share of classes with ``n_min`` images and a depth in
    range. Q_label: mean over classes of the mean confidence in their labels. C_cost: mean share of MAX_QUERIES
    searches that were made for a class.

    >>> classes = [CountedClass("pug", 5, 2, 0.9, 4), CountedClass("cat", 1, 1, 0.7, 0)]
    >>> tree = {"animal": [], "dog": ["animal"], "pug": ["dog"], "cat": ["animal"], "thing": [], "car": ["thing"]}
    >>> got = score_release(classes, tree, n_min=2, min_depth=1, max_depth=9, weights=Weights())
    >>> [round(x, 4) for x in (got.c_cov, got.c_hier, got.q_label, got.c_cost, got.utility)]
    [0.6667, 0.5, 0.8, 0.1, 1.8667]
    """
    filled = [one for one in classes if one.n_images]
    inner = children_of(parents).keys() & parents.keys()
    is_known = any(one.synset_id in parents for one in filled)
    c_cov = coverage([one.synset_id for one in filled], parents, inner) if is_known else None
    c_hier = None
    if is_known:
        good = (
            one.n_images >= n_min and one.depth is not None and min_depth <= one.depth <= max_depth
            for one in filled
        )
        c_hier = fmean(map(float, good))
    q_label = _mean([one.confidence for one in filled])
    c_cost = _mean(
        [None if one.n_queries is None else min(1.0, one.n_queries / MAX_QUERIES) for one in filled]
    )
    whole = None
    if c_cov is not None and c_hier is not None and q_label is not None and c_cost is not None:
        whole = utility(c_cov, c_hier, q_label, c_cost, weights)
    return ReleaseScores(c_cov, c_hier, q_label, c_cost, whole, len(inner))


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
