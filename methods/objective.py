"""How good a choice of synsets is: coverage, consistency, breadth, fine-grained power, and one sum of them.

Every term is in [0, 1]. The same sum is computed for a choice before retrieval, from estimates, and for a
release, from what was counted.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from synlake.methods.hierarchy import reachable
from synlake.methods.selection import Synset


@dataclass(frozen=True)
class Weights:
    """α, β, γ and λ of the objective."""

    coverage: float = 1.0
    hierarchy: float = 1.0
    label: float = 1.0
    cost: float = 1.0


@dataclass(frozen=True)
class Scores:
    """What :func:`score` measures of one choice."""

    n_selected: int
    c_cov: float
    c_hier: float
    q_label: float
    c_cost: float
    utility: float
    n_branches: int
    n_sibling_pairs: int
    mean_leaf_depth: float


def utility(c_cov: float, c_hier: float, q_label: float, c_cost: float, weights: Weights) -> float:
    """U(D) = α·C_cov + β·C_hier + γ·Q_label − λ·C_cost.

    >>> utility(0.5, 1.0, 0.9, 0.4, Weights())
    2.0
    """
    return (
        weights.coverage * c_cov
        + weights.hierarchy * c_hier
        + weights.label * q_label
        - weights.cost * c_cost
    )


def hierarchy_consistency(
    synsets: Collection[Synset], *, n_min: int, min_depth: int, max_depth: int
) -> float:
    """C_hier = (1/|V|) Σ 1[n(v) ≥ n_min ∧ d(v) ∈ [d_low, d_high]]; 0 for no synsets."""
    if not synsets:
        return 0.0
    good = sum(
        s.n_expected >= n_min and s.depth is not None and min_depth <= s.depth <= max_depth for s in synsets
    )
    return good / len(synsets)


def coverage(
    chosen: Collection[str], parents: Mapping[str, Collection[str]], inner: Collection[str]
) -> float:
    """C_cov: the share of ``inner`` (synsets that have some below them) that are or have a chosen one below."""
    if not inner:
        return 0.0
    reached = set(chosen)
    for key in chosen:
        reached |= reachable(parents, key)
    return len(reached & set(inner)) / len(inner)


def score(
    synsets: Mapping[str, Synset],
    chosen: Collection[str],
    *,
    inner: Collection[str],
    branch_of: Mapping[str, str],
    n_min: int,
    min_depth: int,
    max_depth: int,
    images_per_query: int,
    weights: Weights,
) -> Scores:
    """Measure one choice before any image is retrieved.

    ``inner`` is what :func:`coverage` counts; ``branch_of`` names the top-level branch of each synset.
    Q_label is the mean, over synsets, of 1/s for its least ambiguous lemma of s noun senses: the chance
    that a worker who reads it means the same. C_cost is the mean share of :data:`MAX_QUERIES` searches
    that reaching ``n_min`` images takes.
    """
    taken = [synsets[key] for key in chosen]
    parents = {key: synset.parent_ids for key, synset in synsets.items()}
    c_cov = coverage(chosen, parents, inner)
    c_hier = hierarchy_consistency(taken, n_min=n_min, min_depth=min_depth, max_depth=max_depth)
    q_label = fmean(1 / min(s.n_senses) if s.n_senses else 1.0 for s in taken) if taken else 0.0
    c_cost = (
        fmean(query_cost(s, n_min=n_min, images_per_query=images_per_query) for s in taken) if taken else 0.0
    )
    depths = [s.depth for s in taken if s.is_leaf and s.depth is not None]
    return Scores(
        n_selected=len(taken),
        c_cov=c_cov,
        c_hier=c_hier,
        q_label=q_label,
        c_cost=c_cost,
        utility=utility(c_cov, c_hier, q_label, c_cost, weights),
        n_branches=len({branch_of[key] for key in chosen if key in branch_of}),
        n_sibling_pairs=sibling_pairs(taken),
        mean_leaf_depth=fmean(depths) if depths else 0.0,
    )


@dataclass(frozen=True)
class ReleaseFacts:
    """What was counted of a release. ``classes`` have their images as ``n_expected``; ``visible`` maps each
    synset that pictures can show to its parents.
    """

    classes: Collection[Synset]
    visible: Mapping[str, Collection[str]]
    mean_confidence: float
    share_left_out: float


def score_release(
    facts: ReleaseFacts, *, n_min: int, min_depth: int, max_depth: int, weights: Weights
) -> dict[str, float]:
    """C_cov, C_hier, Q_label, C_cost and U(D) of a release.

    Q_label is the mean confidence of its labels. C_cost is the share of candidates that were retrieved, and
    mostly labelled, and are not in it.
    """
    inner = {parent for parents in facts.visible.values() for parent in parents if parent in facts.visible}
    chosen = [synset.synset_id for synset in facts.classes]
    parents = {**facts.visible, **{synset.synset_id: synset.parent_ids for synset in facts.classes}}
    c_cov = coverage(chosen, parents, inner)
    c_hier = hierarchy_consistency(facts.classes, n_min=n_min, min_depth=min_depth, max_depth=max_depth)
    q_label, c_cost = facts.mean_confidence, facts.share_left_out
    total = utility(c_cov, c_hier, q_label, c_cost, weights)
    return {"c_cov": c_cov, "c_hier": c_hier, "q_label": q_label, "c_cost": c_cost, "utility": total}


#: Searches a synset can be given; more than WordNet's words make for nearly all of them.
MAX_QUERIES = 20


def query_cost(synset: Synset, *, n_min: int, images_per_query: int) -> float:
    """Searches that bring ``n_min`` images, as a share of :data:`MAX_QUERIES`, at most 1.

    A search brings ``images_per_query`` images, of which those meant by the synset's lemmas are kept.
    """
    if n_min <= 0:
        return 0.0
    precision = fmean(1 / senses for senses in synset.n_senses) if synset.n_senses else 1.0
    return min(1.0, math.ceil(n_min / (images_per_query * precision)) / MAX_QUERIES)


def sibling_pairs(taken: Collection[Synset]) -> int:
    """Pairs of chosen synsets with a parent in common; each pair once: what a fine-grained model must tell apart."""
    by_parent: dict[str, list[str]] = {}
    for synset in taken:
        for parent in set(synset.parent_ids):
            by_parent.setdefault(parent, []).append(synset.synset_id)
    n_shared = Counter(pair for group in by_parent.values() for pair in combinations(sorted(group), 2))
    return len(n_shared)


def stability(choices: Sequence[Collection[str]]) -> float:
    """The mean Jaccard index |A ∩ B| / |A ∪ B| over all pairs of choices; 1.0 for a single one.

    >>> round(stability([{"a", "b"}, {"b", "c"}]), 4)
    0.3333
    """
    pairs = [(set(one), set(other)) for one, other in combinations(choices, 2)]
    if not pairs:
        return 1.0
    return fmean(len(one & other) / len(one | other) if one | other else 1.0 for one, other in pairs)
