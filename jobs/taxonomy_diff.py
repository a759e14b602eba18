"""Show what changed between two taxonomies: synsets added, retired, renamed, moved or redefined.

Each side is a file as select-synsets --taxonomy-file takes it, the word wordnet, or release:NAME for the
synsets that a release was frozen with.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

from synlake import output, registry, taxonomy
from synlake.config import option
from synlake.methods.taxonomies import Entry, difference
from synlake.warehouse import Warehouse

EXAMPLE = "taxonomy-diff --before wordnet --after mine.csv"
COLUMNS = ("change", "synset_id", "before", "after")


@dataclass(frozen=True)
class Config:
    """Settings of taxonomy-diff."""

    before: str = option(None, "wordnet, release:NAME or a file", is_needed=True, placeholder="TAXONOMY")
    after: str = option(None, "the same", is_needed=True, placeholder="TAXONOMY")
    taxonomy_mode: str = option(
        "extend", "files are added to WordNet, or stand alone", choices=taxonomy.MODES
    )


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Read both taxonomies and print their differences."""
    mode = settings.taxonomy_mode
    before = _entries(warehouse, settings.before, mode, flag="--before")
    after = _entries(warehouse, settings.after, mode, flag="--after")
    output.emit(COLUMNS, difference(before, after), arguments.format)
    return 0


def _entries(warehouse: Warehouse, given: str, mode: str, *, flag: str) -> Mapping[str, Entry]:
    if given.startswith("release:"):
        name = given.removeprefix("release:")
        # Where there is none, it names those there are.
        registry.row_of(warehouse, name, flag=f"{flag} release")
        rows = registry.rows_of(warehouse, name)["release_synsets"].collect()
        return {r["synset_id"]: Entry(tuple(r["lemmas"]), r["gloss"], tuple(r["parent_ids"])) for r in rows}
    nouns = taxonomy.load(None if given == "wordnet" else given, mode, flag=flag)
    return {noun.synset_id: Entry(noun.lemmas, noun.gloss, noun.parent_ids) for noun in nouns}
