"""Freeze a release: a copy of what matters that never changes again, with splits, checksum and provenance.

A name is frozen once, and an image keeps the split that earlier releases gave it. With --from a release is
derived from another: of some classes (--only), or without images that are withdrawn (--withdraw).
The checksum is the same for the same images, labels and splits on any machine.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from synlake import registry, tables
from synlake.config import bad_name, moment, option
from synlake.errors import InputError, UsageError
from synlake.jobs import deriving, freezing, placing
from synlake.jobs.release_utility import utility_controls
from synlake.local_rows import local_rows
from synlake.methods.audit import audit_table, audited
from synlake.methods.release import counted, decided_labels, judge_pool
from synlake.methods.splits import with_fixed
from synlake.methods.withholding import SPLIT, images_per_class
from synlake.schemas import TABLES
from synlake.spread import held, joined_in_place
from synlake.stage import Outcome, last_configs
from synlake.warehouse import Warehouse

#: Stages whose settings say how labels came about.
PROTOCOL_STAGES = ("plan-annotation", "import-votes", "aggregate-votes", "review-labels")
EXAMPLE = "freeze-release --release v1.0.0 --n-val 50 --n-test 100"


@dataclass(frozen=True)
class Config:
    """Settings of freeze-release."""

    release: str = option("v1.0.0", "name of the release", check=bad_name)
    n_val: int = option(50, "validation images a class; fewer in small classes", minimum=0)
    n_test: int = option(100, "test images a class; fewer in small classes", minimum=0)
    n_holdout: int = option(0, "images a class of a second test set; fewer in small classes", minimum=0)
    withhold_labels: bool = option(False, "publish the holdout without labels; they go to release_withheld")
    tau: int = option(
        8,
        "bits; images nearer than this are one group, also to test images of any release",
        minimum=0,
        maximum=16,
    )
    from_: str | None = option(
        None, "derive it from this release instead of the pool", check=bad_name, placeholder="RELEASE"
    )
    only: tuple[str, ...] = option((), "with --from: the classes to take")
    withdraw: str | None = option(
        None, "with --from: file of image ids to leave out, one a line", is_file=True
    )
    reason: str | None = option(None, "with --withdraw: why (takedown, privacy …)")
    seed: int = option(7, "decides the splits; the same one from release to release")
    as_of: dt.datetime | None = option(None, "time of the freeze, UTC; default: now")
    selection_id: str = option("default", "the selection that is frozen", check=bad_name)
    min_audited_accuracy: float = option(
        0.0, "refuse where experts found fewer of the audited labels right", minimum=0.0, maximum=1.0
    )

    def __post_init__(self) -> None:
        """Refuse settings that would change nothing where they stand: a release cannot be taken back."""
        if self.from_ is None:
            for flag in ("only", "withdraw", "reason"):
                if given := getattr(self, flag):
                    shown = ",".join(given) if flag == "only" else given
                    raise UsageError(
                        f"--{flag} {shown}: is of a release derived from another, and no --from is given\n"
                        "  next: add --from RELEASE"
                    )
            return
        if self.withdraw and not self.reason:
            raise UsageError("--withdraw: needs --reason TEXT, which the release keeps")
        if self.min_audited_accuracy:
            raise UsageError(
                f"--min-audited-accuracy {self.min_audited_accuracy}: is of labels from the pool; with --from they"
                f" are those of {self.from_}\n"
                "  next: leave it out (where --config sets it: --min-audited-accuracy 0)"
            )


def main(warehouse: Warehouse, settings: Config) -> Outcome:
    """Read ``pool``, ``labels``, ``reviews`` and ``synsets``, or a release; write the release tables."""
    finished = freezing.finished_by(warehouse, settings.release, "freeze-release", settings)
    if finished is not None:
        return _resumed(warehouse, finished)
    registry.check_is_free(warehouse, settings.release)
    if settings.from_:
        return deriving.derive(warehouse, settings)
    _check_holdout(replace(warehouse, pins={}), settings)
    _check_audit(warehouse, settings)
    return _freeze_pool(warehouse, settings)


def _freeze_pool(warehouse: Warehouse, settings: Config) -> Outcome:
    """Freeze what the pool and its labels give."""
    earlier = registry.earlier_images(replace(warehouse, pins={}))
    with ExitStack() as stack:
        judged = stack.enter_context(_judged(warehouse, earlier))
        found = _Counted(counted(judged).collect())  # one row a class and reason
        outcome = found.outcome
        if not outcome.rows_kept:
            raise InputError(
                f"--release {settings.release}: nothing to freeze; left out: {dict(outcome.rejected)}"
            )
        taken = judged.where("left_out IS NULL")
        configs = {**last_configs(warehouse), "freeze-release": asdict(settings)}
        sizes = {synset_id: n for synset_id, (n, _) in found.classes.items()}
        images = stack.enter_context(placing.placed(taken, earlier, settings, configs, sizes=sizes))
        # The pool has each image of a class once, and no join made more of it.
        is_unique = outcome.rows_in == tables.read(warehouse, "pool").count()
        if settings.withhold_labels or not is_unique:
            images = stack.enter_context(held(images))
            sizes = {}
        deriving.check_version(warehouse, settings.release, images)
        nouns = _nouns(warehouse, settings.selection_id)
        mine = registry.claim(warehouse, settings.release, is_withheld=settings.withhold_labels)
        rows = {
            "release_images": images,
            "release_synsets": _synsets(warehouse, _per_class(warehouse, found, images, settings), settings),
            "release_hierarchy": _hierarchy(warehouse, nouns, settings.release),
        }
        scores = utility_controls(nouns, found.classes, outcome, configs.get("select-synsets", {}))
        origin = _provenance(warehouse, settings, configs, outcome)
        row = freezing.freeze(warehouse, mine, rows, origin, sizes=sizes)
    note = f"release {settings.release} is frozen, content_checksum {row['content_checksum']}"
    notes = (*_empty_splits(settings, row["counts"]), note)
    return replace(outcome, controls=(*outcome.controls, *scores), notes=notes)


def _empty_splits(settings: Config, counts: Mapping[str, int]) -> tuple[str, ...]:
    """What a user who asked for splits would miss: of a small class the training split takes the most."""
    wanted = {"val": settings.n_val, "test": settings.n_test, "holdout": settings.n_holdout}
    empty = [split for split, n in wanted.items() if n and not counts.get(f"split:{split}")]
    return (f"note: no class is large enough for images in split {', '.join(empty)}",) if empty else ()


class _Counted:
    """What the rows of :func:`counted` add up to: ``outcome``, and (images, sum of confidence) of each class."""

    def __init__(self, rows: Iterable[Row]) -> None:
        rejected, self.classes = Counter[str](), {}
        for row in rows:
            if row["left_out"] is None:
                self.classes[row["synset_id"]] = row["n"], row["confidence"] or 0.0
            else:
                rejected[row["left_out"]] += row["n"]
        n_kept = sum(n for n, _ in self.classes.values())
        self.outcome = Outcome(n_kept + rejected.total(), n_kept, dict(rejected))


@contextmanager
def _judged(warehouse: Warehouse, earlier: DataFrame | None) -> Iterator[DataFrame]:
    """Every row of the pool with what was decided on it, its fingerprint and ``fixed_place``, held on disk."""
    decided = decided_labels(tables.read(warehouse, "labels"), tables.read_or_empty(warehouse, "reviews"))
    prints = tables.read(warehouse, "fingerprints").select("image_id", *placing.PRINTS)
    with ExitStack() as stack:
        with joined_in_place(warehouse.spark):
            judged = judge_pool(tables.read(warehouse, "pool"), prints, decided)
            judged = stack.enter_context(held(with_fixed(judged, earlier)))
        yield judged


def _resumed(warehouse: Warehouse, row: Mapping[str, Any]) -> Outcome:
    """What was left to do of a freeze that was killed after it registered its release: the manifest."""
    freezing.write_manifest(replace(warehouse, pins={}), row)
    counts = row["counts"]
    rejected = {k.removeprefix("left_out:"): n for k, n in counts.items() if k.startswith("left_out:")}
    note = f"release {row['release']} was frozen by a run that was interrupted; its record is complete now"
    return Outcome(row["n_images"] + sum(rejected.values()), row["n_images"], rejected, notes=(note,))


def _check_holdout(now: Warehouse, settings: Config) -> None:
    """Raise :class:`InputError` where labels that a release withholds would be published, or none would be withheld."""
    if not settings.withhold_labels:
        before = registry.last_with(now, "withheld")
        if before is not None:
            raise InputError(
                f"--release {settings.release}: would publish labels that release {before} withholds,"
                " as images of its holdout stay in the holdout\n"
                "  next: --withhold-labels"
            )
    elif not settings.n_holdout and registry.last_with(now, f"split:{SPLIT}") is None:
        raise InputError(
            "--withhold-labels: there is no holdout to withhold the labels of, here or in an earlier release\n"
            "  next: --n-holdout N"
        )


def _check_audit(warehouse: Warehouse, settings: Config) -> None:
    """Raise :class:`InputError` where the audit found the labels below the floor, or there was none."""
    floor = settings.min_audited_accuracy
    if not floor:
        return
    labels, reviews = tables.read(warehouse, "labels"), tables.read_or_empty(warehouse, "reviews")
    whole = audit_table(audited(labels, reviews), tables.read(warehouse, "synsets")).where("level = 'all'")
    found = whole.first()
    if found is None or found["accuracy"] < floor:
        said = (
            "no label drawn for audit has been decided on"
            if found is None
            else f"{found['n_right']} of {found['n_audited']} audited labels are right: {found['accuracy']:.1%}"
            f" (95 % interval {found['accuracy_low']:.1%} to {found['accuracy_high']:.1%})"
        )
        raise InputError(
            f"--min-audited-accuracy {floor}: {said}\n"
            "  next: have the audited items of exports/review.csv decided, or collect more votes"
        )


def _per_class(warehouse: Warehouse, found: _Counted, images: DataFrame, settings: Config) -> DataFrame:
    """``synset_id, n_images`` that the release publishes; only where labels are withheld do splits matter to it."""
    if settings.withhold_labels:
        return images_per_class(images, is_withheld=True)
    counts = [(synset_id, n) for synset_id, (n, _) in found.classes.items()]
    return local_rows(warehouse.spark, counts, "synset_id string, n_images long")


def _synsets(warehouse: Warehouse, counts: DataFrame, settings: Config) -> DataFrame:
    chosen = tables.read(warehouse, "synsets").where(
        F.col("is_selected") & (F.col("selection_id") == settings.selection_id)
    )
    full = chosen.join(counts, on="synset_id", how="left").withColumn("release", F.lit(settings.release))
    return full.fillna(0, subset=["n_images"]).select(*TABLES["release_synsets"].schema.names)


def _nouns(warehouse: Warehouse, selection_id: str) -> list[dict[str, Any]]:
    """Every synset of the selection, selected or not: WordNet, never more than 82 thousand rows."""
    known = tables.read(warehouse, "synsets").where(F.col("selection_id") == selection_id)
    rows: list[dict[str, Any]] = (
        known.select("synset_id", "name", "parent_ids", "depth", "is_selected", "reject_reason")
        .toArrow()
        .to_pylist()
    )
    return rows


def _hierarchy(warehouse: Warehouse, nouns: list[dict[str, Any]], release: str) -> DataFrame:
    """The classes and all above them."""
    named = {noun["synset_id"]: (noun["name"], tuple(noun["parent_ids"])) for noun in nouns}
    classes = [noun["synset_id"] for noun in nouns if noun["is_selected"]]
    return freezing.hierarchy_of(warehouse, release, named, classes)


def _provenance(
    warehouse: Warehouse, settings: Config, config: Mapping[str, Any], outcome: Outcome
) -> freezing.Provenance:
    return freezing.Provenance(
        kind="frozen",
        frozen_at=moment(settings.as_of),
        config=config,
        left_out=outcome.rejected,
        label_protocol=_label_protocol(warehouse, config),
        is_withheld=settings.withhold_labels,
    )


def _label_protocol(warehouse: Warehouse, config: Mapping[str, Any]) -> dict[str, Any]:
    """How labels came about: what was asked, how often, what made an answer a label, and who decided the rest."""
    tasks = tables.read_or_empty(warehouse, "tasks").where("NOT is_gold")
    first = tasks.orderBy("task_id").select("question", "synset_id").first()
    return {
        "question": first["question"] if first else None,
        "question_is_about": first["synset_id"] if first else None,
        "gold": "questions with a known answer, not shown as such",
        "rule": "a label is in the release where votes or experts confirm the class that the image was found for",
        "settings": {stage: config[stage] for stage in PROTOCOL_STAGES if stage in config},
    }
