"""The orders in which a selection takes synsets: at random, the popular ones first, or balanced down the tree."""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from synlake.methods.hierarchy import children_of, depths
from synlake.methods.selection import Synset

STRATEGIES = ("hierarchical", "popularity", "random")
_LAST = float("inf")
#: Stands above the roots of a selection, of which there may be several.
_TOP = "*"


def in_order(
    strategy: str,
    synsets: Mapping[str, Synset],
    eligible: Collection[str],
    *,
    roots: Sequence[str],
    seed: int,
) -> Iterable[str]:
    """The eligible synsets in the order of a strategy; the same for the same seed on any machine."""
    if strategy == "random":
        return sorted(eligible, key=lambda key: _lot(key, seed))
    if strategy == "popularity":
        # Popularity is one number a synset: only ties are left to the seed.
        return sorted(
            eligible, key=lambda key: (-synsets[key].n_tagged, -synsets[key].n_expected, _lot(key, seed))
        )
    parents = {key: synset.parent_ids for key, synset in synsets.items() if not synset.is_instance}
    return balanced({**parents, **dict.fromkeys(roots, (_TOP,)), _TOP: ()}, eligible, top=_TOP, seed=seed)


def balanced(
    parents: Mapping[str, Collection[str]], eligible: Collection[str], *, top: str, seed: int
) -> Iterator[str]:
    """The eligible synsets at or below ``top``, so that any beginning of the order is spread over the tree.

    Each one is found by going down from the top. Turns at a node go by the square root of how many eligible
    synsets a child has at or below it (:func:`_turn`): a branch a hundred times as large gets ten times as
    many, not a hundred times, and no branch is passed over for long. A node itself comes after all that is
    below it: the finer class says more. Of several parents, the one nearest to the top counts, so that every
    synset is in one place. Ties are drawn by lot. Takes O(depth · log children) a synset.
    """
    tree, left = _tree(parents, set(eligible), top)
    size = dict(left)
    queues: dict[str, list[tuple[float, int, str]]] = {}
    n_gone: dict[str, int] = dict.fromkeys(size, 0)

    def queue_of(node: str) -> list[tuple[float, int, str]]:
        if node not in queues:
            own: list[tuple[float, int, str]] = [(_LAST, 0, node)] if node in wanted else []
            queues[node] = own + [
                (_turn(0, size[child]), _lot(child, seed), child) for child in tree.get(node, ())
            ]
            heapq.heapify(queues[node])
        return queues[node]

    wanted = set(eligible)
    while left.get(top, 0):
        node, found = top, ""
        path = [top]
        while not found:
            _, lot, child = queue_of(node)[0]
            if child == node:
                heapq.heappop(queues[node])
                found = node
            elif left[child]:
                n_gone[child] += 1
                heapq.heapreplace(queues[node], (_turn(n_gone[child], size[child]), lot, child))
                node = child
                path.append(node)
            else:
                heapq.heappop(queues[node])  # nothing is left there
        for step in path:
            left[step] -= 1
        yield found


def _turn(n_gone: int, size: int) -> float:
    """When a branch that was gone into ``n_gone`` times is next: the divisor method of Webster, on √size."""
    return (n_gone + 0.5) / math.sqrt(size)


def audit_sample(synsets: Mapping[str, Synset], chosen: Collection[str], *, n: int, seed: int) -> list[str]:
    """``n`` of the chosen synsets by lot, as many from each top-level branch as it can give."""
    tops = [key for key, synset in synsets.items() if not synset.parent_ids]
    return list(islice(in_order("hierarchical", synsets, chosen, roots=tops, seed=seed + 1), n))


def _tree(
    parents: Mapping[str, Collection[str]], eligible: set[str], top: str
) -> tuple[dict[str, list[str]], dict[str, int]]:
    """The children of each node with one parent a node, and how many eligible synsets are at or below it."""
    depth = depths(children_of(parents), [top])
    one_parent = {
        node: min(above, key=lambda parent: (depth.get(parent, 1 << 30), parent))
        for node in depth
        if node != top and (above := [parent for parent in parents[node] if parent in depth])
    }
    left: dict[str, int] = dict.fromkeys(depth, 0)
    for node in sorted(depth, key=depth.__getitem__, reverse=True):  # children before their parents
        left[node] += node in eligible
        if node in one_parent:
            left[one_parent[node]] += left[node]
    tree = children_of({node: [parent] for node, parent in one_parent.items() if left[node]})
    return tree, left


def _lot(key: str, seed: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed}:{key}".encode(), digest_size=8).digest(), "big")
