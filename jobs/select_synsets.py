"""Choose the synsets of the dataset from the noun hierarchy of WordNet 3.0.

Every noun synset becomes a row of table synsets: selected, or with the reason why not and, where it collides
with another synset, which one. A taxonomy of one's own can extend or replace WordNet. See docs/selection.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_type

from synlake import synset_files, tables, taxonomy
from synlake.config import bad_name, option
from synlake.errors import InputError, UsageError
from synlake.methods.hierarchy import children_of, depths, nearest_root
from synlake.methods.selection import Rejection, Rules, Synset, choose, expected_images, ineligible
from synlake.methods.strategies import STRATEGIES, audit_sample, in_order
from synlake.schemas import TABLES
from synlake.stage import Outcome, flagged_outcome
from synlake.warehouse import Warehouse
from synlake.wordnet import Noun

EXAMPLE = "select-synsets --roots n02084071 --min-depth 8 --n-synsets 20"
PHYSICAL = ("n00001930",)
#: The columns of an audit sheet; a person fills in the last three.
SHEET = ("synset_id", "name", "lemmas", "gloss", "parents", "decision", "auditor", "note")


@dataclass(frozen=True)
class Config:
    """Settings of select-synsets."""

    roots: tuple[str, ...] = option(PHYSICAL, "synsets to select below; n00001930 is physical entity")
    strategy: str = option("hierarchical", "the order in which synsets are taken", choices=STRATEGIES)
    n_synsets: int = option(
        0,
        "how many to select, forced ones first; 0: all that are eligible, with --wnids those only",
        minimum=0,
    )
    min_depth: int = option(5, "least hypernym steps from the top (entity.n.01)", minimum=0)
    max_depth: int = option(18, "most hypernym steps from the top", minimum=0)
    n_min: int = option(0, "least images that are known or expected of a synset", minimum=0)
    images_per_query: int = option(500, "images one search is expected to bring, for the estimate", minimum=1)
    counts_file: str | None = option(None, "CSV of synset_id,n_images known so far", is_file=True)
    leaf_only: bool = option(False, "never select a synset above or below another selected one")
    max_similarity: float = option(
        1.0, "Wu-Palmer similarity that siblings may have; 1 allows all", minimum=0, maximum=1
    )
    shared_lemmas: bool = option(False, "allow two selected synsets to share a word (crane, crane)")
    excluded_file: str | None = option(
        None, "CSV of synset_id: branches to leave out; default: conf/excluded_branches.csv", is_file=True
    )
    wnids: tuple[str, ...] = option((), "ids to select whatever the rules say")
    wnids_file: str | None = option(None, "the same from a file, one id a line", is_file=True)
    taxonomy_file: str | None = option(None, "CSV or JSON of synset_id,parent_ids,lemmas,gloss", is_file=True)
    taxonomy_mode: str = option("extend", "add it to WordNet, or put it in its place", choices=taxonomy.MODES)
    audit_sample: int = option(0, "synsets to put on a sheet for a person to check", minimum=0)
    audit_file: str | None = option(None, "where to write that sheet, CSV")
    audit_decisions: str | None = option(None, "the sheet as it came back, with decisions", is_file=True)
    selection_id: str = option("default", "name of this selection", check=bad_name)
    seed: int = option(7, "decides ties, lots and the audit sample")

    def __post_init__(self) -> None:
        """Refuse depths between which no synset is."""
        if self.min_depth > self.max_depth:
            raise UsageError(
                f"--min-depth: wanted at most --max-depth ({self.max_depth}), got {self.min_depth}"
            )


def main(warehouse: Warehouse, settings: Config) -> Outcome:
    """Read the taxonomy, choose, write ``synsets``."""
    if bool(settings.audit_sample) != bool(settings.audit_file):
        raise UsageError("--audit-sample N needs --audit-file FILE, and the other way round")
    nouns = taxonomy.load(settings.taxonomy_file, settings.taxonomy_mode)
    decided = synset_files.decisions(settings.audit_decisions)
    synsets = considered(nouns, settings, forced={*settings.wnids, *synset_files.wnids(settings.wnids_file)})
    verdicts = _choose(synsets, settings, {key for key, (what, _) in decided.items() if what == "drop"})
    rows = warehouse.spark.createDataFrame(_arrow(nouns, synsets, verdicts, settings, decided))
    tables.overwrite(warehouse, "synsets", rows, where={"selection_id": settings.selection_id})
    if settings.audit_file:
        _write_sheet(nouns, synsets, verdicts, settings)
    now = tables.read(warehouse, "synsets").where(F.col("selection_id") == settings.selection_id)
    return flagged_outcome(now)


def considered(nouns: list[Noun], settings: Config, *, forced: Collection[str] = ()) -> dict[str, Synset]:
    """What the rules need to know of every noun. Unknown ids in the settings are the user's mistake."""
    known = {noun.synset_id for noun in nouns}
    _check_known("--roots", settings.roots, known)
    _check_known("--wnids", settings.wnids, known)
    _check_known(f"--wnids-file {settings.wnids_file}", {*forced} - {*settings.wnids}, known)
    excluded = synset_files.excluded(settings.excluded_file)
    if settings.excluded_file:
        _check_known("--excluded-file", excluded, known)
    classes = children_of({noun.synset_id: noun.parent_ids for noun in nouns if not noun.is_instance})
    depth, under_root = depths(classes, taxonomy.tops(nouns)), depths(classes, settings.roots)
    out = nearest_root(classes, [branch for branch in excluded if branch in known])
    counts = synset_files.counts(settings.counts_file)
    return {
        key: Synset(
            synset_id=key,
            lemmas=noun.lemmas,
            parent_ids=noun.parent_ids,
            depth=depth.get(key),
            is_leaf=key not in classes,
            is_instance=noun.is_instance,
            is_under_root=noun.is_instance or key in under_root,
            excluded_by=out.get(key),
            is_forced=key in forced,
            n_expected=counts[key]
            if key in counts
            else expected_images(
                noun.n_senses, len(noun.parent_ids), images_per_query=settings.images_per_query
            ),
            n_tagged=noun.n_tagged,
            n_senses=noun.n_senses,
            is_count_known=key in counts,
        )
        for noun in nouns
        for key in (noun.synset_id,)
    }


def _choose(
    synsets: Mapping[str, Synset], settings: Config, dropped: Collection[str]
) -> dict[str, Rejection | None]:
    rules = Rules(
        min_depth=settings.min_depth,
        max_depth=settings.max_depth,
        n_min=settings.n_min,
        leaf_only=settings.leaf_only,
        max_similarity=settings.max_similarity,
        shared_lemmas=settings.shared_lemmas,
    )
    judged = {key: s._replace(is_dropped=True) if key in dropped else s for key, s in synsets.items()}
    eligible = [key for key, synset in judged.items() if ineligible(synset, rules) is None]
    order = in_order(settings.strategy, judged, eligible, roots=settings.roots, seed=settings.seed)
    n_forced = sum(synset.is_forced for synset in judged.values())
    return choose(judged, order, rules, n_synsets=settings.n_synsets or n_forced)


def _arrow(
    nouns: Iterable[Noun],
    synsets: Mapping[str, Synset],
    verdicts: Mapping[str, Rejection | None],
    settings: Config,
    decided: Mapping[str, tuple[str, str]],
) -> pa.Table:
    """The rows of ``synsets``, column by column."""
    nouns = list(nouns)
    facts = [synsets[noun.synset_id] for noun in nouns]
    reasons = [verdicts[noun.synset_id] for noun in nouns]
    columns = {
        "selection_id": [settings.selection_id] * len(nouns),
        "synset_id": [noun.synset_id for noun in nouns],
        "name": [noun.name for noun in nouns],
        "lemmas": [noun.lemmas for noun in nouns],
        "gloss": [noun.gloss for noun in nouns],
        "parent_ids": [noun.parent_ids for noun in nouns],
        "depth": [fact.depth for fact in facts],
        "is_leaf": [fact.is_leaf for fact in facts],
        "is_forced": [fact.is_forced for fact in facts],
        "n_expected": [fact.n_expected for fact in facts],
        "is_count_known": [fact.is_count_known for fact in facts],
        "is_selected": [verdict is None for verdict in reasons],
        "reject_reason": [verdict[0] if verdict else None for verdict in reasons],
        "rejected_by": [verdict[1] if verdict else None for verdict in reasons],
        "audited_by": [decided.get(noun.synset_id, (None, None))[1] for noun in nouns],
    }
    schema = TABLES["synsets"].schema
    return pa.table({f.name: pa.array(columns[f.name], to_arrow_type(f.dataType)) for f in schema})


def _write_sheet(
    nouns: list[Noun],
    synsets: Mapping[str, Synset],
    verdicts: Mapping[str, Rejection | None],
    settings: Config,
) -> None:
    """A seeded sample of the selected synsets, stratified by top-level branch."""
    by_id = {noun.synset_id: noun for noun in nouns}
    chosen = [key for key, verdict in verdicts.items() if verdict is None]
    drawn = audit_sample(synsets, chosen, n=settings.audit_sample, seed=settings.seed)
    rows = []
    for noun in (by_id[key] for key in drawn):
        parents = "; ".join(by_id[parent].name for parent in noun.parent_ids)
        rows.append((noun.synset_id, noun.name, ", ".join(noun.lemmas), noun.gloss, parents, "", "", ""))
    synset_files.write_sheet(str(settings.audit_file), SHEET, rows)


def _check_known(flag: str, given: Iterable[str], known: Collection[str]) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise InputError(
            f"{flag}: not noun synsets of the taxonomy: {', '.join(unknown[:5])}"
            f"{' …' if len(unknown) > 5 else ''}\n  next: check the ids; in WordNet 3.0, n01440764 is tench"
        )
