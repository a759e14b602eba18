"""The part of a hypernym hierarchy that stands above a set of classes. Pure Python: WordNet has 82 thousand nouns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from synlake.methods.hierarchy import children_of, depths


@dataclass(frozen=True)
class Node:
    """A class, or a node above one. ``depth`` and ``height`` are in steps, see :func:`above`."""

    synset_id: str
    parent_ids: tuple[str, ...]
    is_class: bool
    depth: int
    height: int


def above(parents: Mapping[str, Iterable[str]], classes: Iterable[str]) -> list[Node]:
    """The classes that ``parents`` knows and every node above them, in id order.

    ``depth`` is the fewest steps from a node without parents. ``height`` is the most steps down to a node
    with nothing below it, within this part of the hierarchy: the height that Deng et al. (ECCV 2010,
    section 5.3) measure an error by.

    >>> tree = {"dog": ["animal"], "pug": ["dog"], "cat": ["animal"], "animal": [], "car": []}
    >>> [(n.synset_id, n.depth, n.height) for n in above(tree, ["pug", "cat"])]
    [('animal', 0, 2), ('cat', 1, 0), ('dog', 1, 1), ('pug', 2, 0)]
    """
    wanted = {label for label in classes if label in parents}
    kept: dict[str, tuple[str, ...]] = {}
    open_nodes = list(wanted)
    while open_nodes:
        node = open_nodes.pop()
        if node not in kept:
            kept[node] = tuple(parent for parent in parents[node] if parent in parents)
            open_nodes.extend(kept[node])
    depth = depths(children_of(kept), [node for node, up in kept.items() if not up])
    height = _heights(kept)
    return [Node(n, kept[n], n in wanted, depth[n], height[n]) for n in sorted(kept)]


def _heights(parents: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """Most steps down to a leaf, of each node: leaves first, a node once all that is below it is known."""
    children = children_of(parents)
    n_unknown = {node: len(children.get(node, ())) for node in parents}
    height = dict.fromkeys(parents, 0)
    ready = [node for node, n in n_unknown.items() if not n]
    while ready:
        node = ready.pop()
        for parent in parents[node]:
            height[parent] = max(height[parent], height[node] + 1)
            n_unknown[parent] -= 1
            if not n_unknown[parent]:
                ready.append(parent)
    return height


def closure(parents: Mapping[str, Iterable[str]], nodes: Iterable[str]) -> list[tuple[str, str]]:
    """(node, ancestor) for each node and each node above it, itself included.

    >>> sorted(closure({"pug": ["dog"], "dog": []}, ["pug"]))
    [('pug', 'dog'), ('pug', 'pug')]
    """
    pairs = []
    for start in nodes:
        seen, open_nodes = {start}, [start]
        while open_nodes:
            for parent in parents.get(open_nodes.pop(), ()):
                if parent not in seen:
                    seen.add(parent)
                    open_nodes.append(parent)
        pairs += [(start, ancestor) for ancestor in seen]
    return pairs
