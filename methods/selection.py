"""Choosing the synsets of a dataset: which are eligible, and which of those are taken, in a strategy's order.

Pure Python over the nouns of a taxonomy (82 thousand in WordNet): whether a synset can still be taken
depends on every one taken before it, which no column expression says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from synlake.methods.hierarchy import children_of, reachable, sibling_similarity


class Synset(NamedTuple):
    """What the rules know of a synset. ``n_expected`` is an estimate of images, or a count where one is known."""

    synset_id: str
    lemmas: tuple[str, ...]
    parent_ids: tuple[str, ...]
    depth: int | None
    is_leaf: bool
    is_instance: bool = False
    is_under_root: bool = True
    excluded_by: str | None = None
    is_forced: bool = False
    n_expected: int = 0
    n_tagged: int = 0
    n_senses: tuple[int, ...] = ()
    is_count_known: bool = False
    is_dropped: bool = False


@dataclass(frozen=True)
class Rules:
    """When a synset is selectable. ``max_similarity`` 1.0 allows all siblings: Wu–Palmer stays below it."""

    min_depth: int = 0
    max_depth: int = 99
    n_min: int = 0
    leaf_only: bool = False
    max_similarity: float = 1.0
    shared_lemmas: bool = True


#: A reason of schemas.reasons.SYNSET, and the other synset that it is about, if any.
Rejection = tuple[str, str | None]


def ineligible(synset: Synset, rules: Rules) -> Rejection | None:
    """The first rule that the synset breaks by itself, in the order of ``schemas.reasons.SYNSET``."""
    if synset.is_forced and not synset.is_dropped:
        return None
    depth = -1 if synset.depth is None else synset.depth
    if not synset.is_under_root:
        return "not_under_root", None
    if synset.is_instance:
        return "instance", None
    if synset.excluded_by is not None:
        return "excluded_branch", synset.excluded_by
    if synset.is_dropped:
        return "audit_rejected", None
    if depth < rules.min_depth:
        return "too_shallow", None
    if depth > rules.max_depth:
        return "too_deep", None
    if synset.n_expected < rules.n_min:
        return "too_few_images", None
    return None


def choose(
    synsets: Mapping[str, Synset], order: Iterable[str], rules: Rules, *, n_synsets: int = 0
) -> dict[str, Rejection | None]:
    """For every synset: None where it is selected, else why not and against which other synset.

    Takes synsets greedily in ``order``, forced ones first whatever the rules say, until ``n_synsets`` (0:
    no limit) are taken. What ``order`` leaves out is rejected as ``over_target``.
    """
    verdicts = {key: ineligible(synset, rules) for key, synset in synsets.items()}
    taken = _Taken(synsets, rules)
    eligible = [key for key in order if verdicts[key] is None]
    forced = sorted(key for key, synset in synsets.items() if synset.is_forced and not synset.is_dropped)
    chosen = set(forced)
    for key in forced:
        taken.add(key)
    for key in eligible:
        if key in chosen:
            continue
        if n_synsets and len(chosen) >= n_synsets:
            break
        verdicts[key] = taken.collision(key)
        if verdicts[key] is None:
            taken.add(key)
            chosen.add(key)
    return {
        key: ("over_target", None) if verdict is None and key not in chosen else verdict
        for key, verdict in verdicts.items()
    }


class _Taken:
    """The synsets taken so far, by what another one may collide with."""

    def __init__(self, synsets: Mapping[str, Synset], rules: Rules) -> None:
        self.synsets, self.rules = synsets, rules
        self.parents = {key: synset.parent_ids for key, synset in synsets.items()}
        self.children = children_of(self.parents) if rules.leaf_only or rules.max_similarity < 1 else {}
        self.by_lemma: dict[str, str] = {}
        self.in_line: dict[str, str] = {}  # ancestors and descendants of what is taken
        self.ids: set[str] = set()

    def add(self, key: str) -> None:
        self.ids.add(key)
        for lemma in self.synsets[key].lemmas:
            self.by_lemma.setdefault(_folded(lemma), key)
        if self.rules.leaf_only:
            for relative in reachable(self.parents, key) | reachable(self.children, key):
                self.in_line.setdefault(relative, key)

    def collision(self, key: str) -> Rejection | None:
        """The first collision with a taken synset: in line with it, like it, or called the same."""
        if key in self.in_line:
            return "ancestor_or_descendant", self.in_line[key]
        if self.rules.max_similarity < 1:
            for sibling in self._siblings(key):
                return "similar_sibling", sibling
        if not self.rules.shared_lemmas:
            for lemma in self.synsets[key].lemmas:
                if _folded(lemma) in self.by_lemma:
                    return "same_lemma", self.by_lemma[_folded(lemma)]
        return None

    def _siblings(self, key: str) -> Iterable[str]:
        """Taken siblings that are more alike than ``max_similarity``, most alike first."""
        mine = self.synsets[key]
        alike = []
        for parent in mine.parent_ids:
            above = self.synsets[parent].depth if parent in self.synsets else None
            for other in self.children.get(parent, ()):
                theirs = self.synsets[other]
                if other not in self.ids or None in (mine.depth, theirs.depth, above):
                    continue
                similarity = sibling_similarity(mine.depth or 0, theirs.depth or 0, above or 0)
                if similarity > self.rules.max_similarity:
                    alike.append((-similarity, other))
        return [other for _, other in sorted(alike)]


def _folded(lemma: str) -> str:
    return lemma.replace("_", " ").casefold()


def expected_images(synset_senses: Sequence[int], n_parents: int, *, images_per_query: int) -> int:
    """Images that searches are expected to bring for a synset, before any search was made.

    A lemma is a query, and so is the lemma with a word of each parent; a lemma of s noun senses brings
    pictures of this one a part 1/s of the time. Counts that are known replace this estimate.

    >>> expected_images([1, 2], 1, images_per_query=100)
    300
    """
    return int(images_per_query * (1 + n_parents) * sum(1 / senses for senses in synset_senses if senses))
