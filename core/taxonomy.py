"""The synsets to choose from: WordNet's nouns, a taxonomy of the user's own, or the one added to the other.

A taxonomy is a CSV file with the columns ``synset_id, parent_ids, lemmas, gloss`` (lists separated by ``|``),
or a JSON array (or JSON lines) of objects with the same keys. In ``extend`` mode a row with a known id
replaces that synset, and one whose ``lemmas`` is empty retires it: its children go to its parents.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from synlake import wordnet
from synlake.errors import InputError
from synlake.wordnet import Noun

MODES = ("extend", "replace")
_COLUMNS = ("synset_id", "parent_ids", "lemmas", "gloss")
#: Faults of one kind that an error shows.
_SHOWN = 5


def load(path: str | None, mode: str = "extend", *, flag: str = "--taxonomy-file") -> list[Noun]:
    """The nouns of WordNet with those of ``path``, given as ``flag``, added, or in their place.

    Raises :class:`InputError` listing duplicate ids, unknown parents, orphans and cycles, all at once.
    """
    if path is None:
        return list(wordnet.nouns())
    where = f"{flag} {path}"
    rows = list(_read(path, where))
    base = {noun.synset_id: noun for noun in wordnet.nouns()} if mode == "extend" else {}
    faults = _duplicates(rows)
    merged = _retired({**base, **{noun.synset_id: noun for noun in rows}})
    faults += _unknown_parents(merged.values())
    faults += _unreachable(merged)
    if faults:
        listed = "\n".join(f"  - {fault}" for fault in faults)
        raise InputError(f"{where}: {len(faults)} kinds of fault\n{listed}")
    return list(merged.values())


def tops(nouns: Iterable[Noun]) -> list[str]:
    """The synsets without a parent; WordNet has one, entity."""
    return [noun.synset_id for noun in nouns if not noun.parent_ids]


def _read(path: str, where: str) -> Iterator[Noun]:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        records = _json_records(text) if not path.lower().endswith(".csv") else _csv_records(text, where)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InputError(f"{where}: cannot be read: {error}") from None
    for i, record in enumerate(records, start=1):
        fault = _record_fault(record)
        if fault:
            raise InputError(f"{where}: record {i}: {fault}")
        lemmas = _listed(record["lemmas"])
        name = (lemmas or [str(record["synset_id"])])[0].lower().replace(" ", "_")
        yield Noun(
            synset_id=str(record["synset_id"]).strip(),
            name=str(record.get("name") or name),
            lemmas=tuple(lemma.replace(" ", "_") for lemma in lemmas),
            gloss=str(record["gloss"] or ""),
            parent_ids=tuple(_listed(record["parent_ids"])),
            is_instance=False,
            n_senses=tuple(1 for _ in lemmas),
        )


def _csv_records(text: str, where: str) -> list[dict[str, Any]]:
    reader = csv.DictReader(text.splitlines())
    missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise InputError(f"{where}: column {', '.join(missing)} is missing; wanted {', '.join(_COLUMNS)}")
    return list(reader)


def _json_records(text: str) -> list[Any]:
    if text.lstrip().startswith("["):
        return list(json.loads(text))
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _record_fault(record: Any) -> str | None:
    if not isinstance(record, dict):
        return f"wanted an object, got {type(record).__name__}"
    missing = [name for name in _COLUMNS if name not in record]
    if missing:
        return f"{', '.join(missing)} is missing"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", str(record["synset_id"]).strip()):
        return f"synset_id: wanted letters, digits, '_', '-' and '.', got {record['synset_id']!r}"
    return None


def _listed(value: Any) -> list[str]:
    parts = value if isinstance(value, list) else str(value or "").split("|")
    return [str(part).strip() for part in parts if str(part).strip()]


def _retired(nouns: Mapping[str, Noun]) -> dict[str, Noun]:
    """Without the synsets that have no lemmas, whose children go to the nearest parents that stay."""
    gone = {key for key, noun in nouns.items() if not noun.lemmas}
    if not gone:
        return dict(nouns)

    def standing(parents: tuple[str, ...]) -> tuple[str, ...]:
        found: dict[str, None] = {}
        seen: set[str] = set()
        queue = deque(parents)
        while queue:
            parent = queue.popleft()
            if parent in gone and parent not in seen:
                seen.add(parent)
                queue.extend(nouns[parent].parent_ids)
            elif parent not in gone:
                found[parent] = None
        return tuple(found)

    return {
        key: noun._replace(parent_ids=standing(noun.parent_ids)) if gone & set(noun.parent_ids) else noun
        for key, noun in nouns.items()
        if key not in gone
    }


def _duplicates(rows: Iterable[Noun]) -> list[str]:
    repeated = [key for key, n in Counter(noun.synset_id for noun in rows).items() if n > 1]
    return _fault("duplicate ids", repeated)


def _unknown_parents(nouns: Iterable[Noun]) -> list[str]:
    nouns = list(nouns)
    known = {noun.synset_id for noun in nouns}
    unknown = [f"{n.synset_id} → {p}" for n in nouns for p in n.parent_ids if p not in known]
    return _fault("unknown parents", unknown)


def _unreachable(nouns: Mapping[str, Noun]) -> list[str]:
    """Cycles, and orphans: what no path leads to from a synset without parents. Peels off what is settled."""
    known = {key: [p for p in noun.parent_ids if p in nouns] for key, noun in nouns.items()}
    children: dict[str, list[str]] = {}
    for key, parents in known.items():
        for parent in parents:
            children.setdefault(parent, []).append(key)
    waiting = {key: len(set(parents)) for key, parents in known.items()}
    queue = deque(key for key, n in waiting.items() if n == 0)
    while queue:
        for child in set(children.get(queue[0], ())):
            waiting[child] -= 1
            if waiting[child] == 0:
                queue.append(child)
        queue.popleft()
    cyclic = {key for key, n in waiting.items() if n > 0}
    in_cycle = [key for key in cyclic if _leads_to_itself(key, known, cyclic)]
    orphans = [
        key
        for key, noun in nouns.items()
        if noun.parent_ids and not known[key]  # all of its parents are unknown
    ]
    return _fault("cycles through", in_cycle) + _fault("orphans (no parent is known)", orphans)


def _leads_to_itself(key: str, parents: Mapping[str, list[str]], among: set[str]) -> bool:
    seen: set[str] = set()
    stack = [parent for parent in parents[key] if parent in among]
    while stack:
        node = stack.pop()
        if node == key:
            return True
        if node not in seen:
            seen.add(node)
            stack.extend(parent for parent in parents[node] if parent in among)
    return False


def _fault(kind: str, found: Iterable[str]) -> list[str]:
    listed = sorted(set(found))
    if not listed:
        return []
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return [f"{len(listed)} {kind}: {', '.join(listed[:_SHOWN])}{more}"]
