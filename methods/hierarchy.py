"""Where a synset stands in the hypernym hierarchy. Pure Python over ids: WordNet has 82 thousand nouns."""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping


def children_of(parents: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """The hyponyms of each synset, from its hypernyms."""
    children: dict[str, list[str]] = defaultdict(list)
    for node, above in parents.items():
        for parent in above:
            children[parent].append(node)
    return dict(children)


def depths(children: Mapping[str, Iterable[str]], roots: Iterable[str]) -> dict[str, int]:
    """Steps from the nearest root down to each synset below it, roots at 0 (breadth-first search).

    A synset that no path from a root reaches is absent.

    >>> depths({"entity": ["thing", "idea"], "thing": ["dog"], "idea": []}, ["entity"])
    {'entity': 0, 'thing': 1, 'idea': 1, 'dog': 2}
    """
    found = dict.fromkeys(roots, 0)
    queue = deque(found)
    while queue:
        node = queue.popleft()
        for child in children.get(node, ()):
            if child not in found:
                found[child] = found[node] + 1
                queue.append(child)
    return found


def reachable(edges: Mapping[str, Iterable[str]], start: str) -> set[str]:
    """What ``edges`` lead to from ``start``, itself left out: ancestors with parents, descendants with children.

    >>> sorted(reachable({"dog": ["canine", "pet"], "canine": ["animal"], "pet": ["animal"]}, "dog"))
    ['animal', 'canine', 'pet']
    """
    found: set[str] = set()
    stack = list(edges.get(start, ()))
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack.extend(edges.get(node, ()))
    return found - {start}


def nearest_root(children: Mapping[str, Iterable[str]], roots: Iterable[str]) -> dict[str, str]:
    """For each synset at or below one of ``roots``, the root with the fewest steps to it.

    Where two are as near, the one given first has it.
    """
    owner = {root: root for root in roots}
    queue = deque(owner)
    while queue:
        node = queue.popleft()
        for child in children.get(node, ()):
            if child not in owner:
                owner[child] = owner[node]
                queue.append(child)
    return owner


def sibling_similarity(depth_l: int, depth_r: int, parent_depth: int) -> float:
    """Wu–Palmer similarity of two synsets that share a parent, from steps below the top (the top at 0).

    sim = 2·d(lcs) / (d(l) + d(r)), d counted in nodes (Wu and Palmer, ACL 1994). Siblings become the more
    alike the deeper they are, since what tells them apart is an ever smaller part of the way.

    >>> round(sibling_similarity(13, 13, 12), 4)
    0.9286
    """
    return 2 * (parent_depth + 1) / (depth_l + depth_r + 2)


def steps_up(parents: Mapping[str, Iterable[str]], start: str) -> dict[str, int]:
    """Hypernym steps from ``start`` up to each synset above it, itself at 0: the fewest there are.

    >>> steps_up({"dog": ["canine", "pet"], "canine": ["animal"], "pet": ["animal"]}, "dog")
    {'dog': 0, 'canine': 1, 'pet': 1, 'animal': 2}
    """
    return depths(parents, [start])


def hypernym_distance(up_l: Mapping[str, int], up_r: Mapping[str, int]) -> int | None:
    """Steps from one synset up to a common hypernym and down to the other, the fewest; None where there is none.

    The edge count of Rada et al. (1989). Arguments are what :func:`steps_up` returns.

    >>> up = {"dog": ["animal"], "cat": ["animal"], "idea": []}
    >>> hypernym_distance(steps_up(up, "dog"), steps_up(up, "cat"))
    2
    >>> hypernym_distance(steps_up(up, "dog"), steps_up(up, "idea")) is None
    True
    """
    shared = up_l.keys() & up_r.keys()
    return min(up_l[node] + up_r[node] for node in shared) if shared else None


def nearest(ups: Mapping[str, Mapping[str, int]], n: int) -> dict[str, list[str]]:
    """For each synset the ``n`` others with the smallest hypernym distance, nearest first, ties by id.

    ``ups`` has for each synset what :func:`steps_up` returns. Every hypernym keeps the ``n + 1`` synsets that
    are nearest below it, so that the work is synsets × hypernyms × n, not synsets².

    >>> up = {"dog": ["canine"], "fox": ["canine"], "cat": ["feline"], "canine": ["animal"], "feline": ["animal"]}
    >>> nearest({node: steps_up(up, node) for node in ("dog", "fox", "cat")}, 1)
    {'dog': ['fox'], 'fox': ['dog'], 'cat': ['dog']}
    """
    below: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for node, up in ups.items():
        for above, steps in up.items():
            below[above].append((steps, node))
    closest = {above: heapq.nsmallest(n + 1, found) for above, found in below.items()}
    result = {}
    for node, up in ups.items():
        distance: dict[str, int] = {}
        for above, steps in up.items():
            for down, other in closest[above]:
                distance[other] = min(steps + down, distance.get(other, steps + down))
        distance.pop(node)
        result[node] = [
            other for _, other in heapq.nsmallest(n, ((d, other) for other, d in distance.items()))
        ]
    return result
