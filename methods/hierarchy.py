"""Where a synset stands in the hypernym hierarchy. Pure Python over ids: WordNet has 82 thousand nouns."""

from __future__ import annotations

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
