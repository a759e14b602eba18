"""What changed between two taxonomies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple


class Entry(NamedTuple):
    """What a taxonomy says of a synset."""

    lemmas: tuple[str, ...]
    gloss: str
    parent_ids: tuple[str, ...]


def difference(
    before: Mapping[str, Entry], after: Mapping[str, Entry]
) -> Iterator[tuple[str, str, str, str]]:
    """(change, synset_id, before, after), in the order of ids; a synset that changed in two ways has two rows.

    >>> old, new = Entry(("cat",), "feline", ("a",)), Entry(("cat", "puss"), "feline", ("b",))
    >>> list(difference({"x": old}, {"x": new, "y": old}))
    [('renamed', 'x', 'cat', 'cat|puss'), ('moved', 'x', 'a', 'b'), ('added', 'y', '', 'cat')]
    """
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if old is None or new is None:
            change = "added" if old is None else "retired"
            yield change, key, "|".join(old.lemmas) if old else "", "|".join(new.lemmas) if new else ""
            continue
        if old.lemmas != new.lemmas:
            yield "renamed", key, "|".join(old.lemmas), "|".join(new.lemmas)
        if set(old.parent_ids) != set(new.parent_ids):
            yield "moved", key, "|".join(old.parent_ids), "|".join(new.parent_ids)
        if old.gloss != new.gloss:
            yield "redefined", key, old.gloss, new.gloss
