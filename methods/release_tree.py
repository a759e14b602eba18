"""The hierarchy of a release as a tree to unfold, with images counted at each node. Pure Python: classes are few."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from synlake.methods.taxonomy import closure


@dataclass
class Branch:
    """A node with what is below it. ``path`` are the names from the node above it down to this one.

    ``n_images`` and ``n_classes`` are of the node and all below it, a class with two parents counted once.
    """

    synset_id: str
    path: list[str]
    is_class: bool
    n_images: int
    n_classes: int
    also_under: list[str]
    below: list[Branch] = field(default_factory=list)


def tree_of(
    names: Mapping[str, str], parents: Mapping[str, Iterable[str]], images_by_class: Mapping[str, int]
) -> list[Branch]:
    """The branches at the top, those with most images first.

    A node is shown once, under its first parent that is known; its other parents are named by it. A node
    that is no class and has a single one below it is joined with that one.

    >>> up = {"animal": [], "dog": ["animal"], "pug": ["dog"], "cat": ["animal"]}
    >>> [top] = tree_of({key: key for key in up}, up, {"pug": 3, "cat": 4})
    >>> top.n_images, [(b.path, b.n_images) for b in top.below]
    (7, [(['cat'], 4), (['dog', 'pug'], 3)])
    """
    known = {node: [p for p in parents.get(node, ()) if p in names] for node in names}
    below: dict[str, set[str]] = {node: set() for node in names}
    for node, ancestor in closure(known, [node for node in names if node in images_by_class]):
        below[ancestor].add(node)
    children: dict[str | None, list[str]] = {}
    for node in sorted(names):
        children.setdefault(known[node][0] if known[node] else None, []).append(node)

    def branch(node: str) -> Branch:
        path = [names[node]]
        while node not in images_by_class and len(children.get(node, ())) == 1:
            (node,) = children[node]
            path.append(names[node])
        return Branch(
            node,
            path,
            node in images_by_class,
            sum(images_by_class[one] for one in below[node]),
            len(below[node]),
            [names[p] for p in known[node][1:]],
            _sorted(branch(child) for child in children.get(node, ())),
        )

    return _sorted(branch(node) for node in children.get(None, ()))


def _sorted(branches: Iterable[Branch]) -> list[Branch]:
    return sorted(branches, key=lambda one: (-one.n_images, one.path, one.synset_id))
