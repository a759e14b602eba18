"""A release from a release: fewer classes, or without images that were withdrawn; and what a version may change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import registry, tables
from synlake.config import moment
from synlake.errors import InputError, UsageError
from synlake.jobs import freezing, released
from synlake.local_rows import local_rows
from synlake.methods import versions
from synlake.methods.release_diff import diff_images, rough_changes
from synlake.methods.withholding import SPLIT, images_per_class
from synlake.spread import held
from synlake.stage import Outcome, last_configs
from synlake.warehouse import Warehouse

if TYPE_CHECKING:
    from synlake.jobs.freeze_release import Config


def derive(warehouse: Warehouse, settings: Config) -> Outcome:
    """Freeze ``settings.release`` from the rows of ``settings.from_``; splits, labels and groups stay."""
    parent = str(settings.from_)
    origin_row = released.chosen(warehouse, parent, flag="--from")
    rows = {
        **registry.rows_of(warehouse, parent),
        "release_images": released.labelled_images(warehouse, origin_row),
    }
    withdrawn = _withdrawn(warehouse, rows["release_images"], settings.withdraw)
    _check_classes(rows["release_synsets"], settings.only)
    left = rows["release_images"].join(withdrawn, on="image_id", how="left_anti")
    is_withheld = settings.withhold_labels or "withheld" in origin_row["counts"]
    # That an image of the holdout is in a subset of classes would tell its label.
    shown = left.where(F.col("split") != SPLIT) if settings.only and is_withheld else left
    wanted = F.col("label").isin(*settings.only) if settings.only else F.lit(True)
    with held(shown.where(wanted).withColumn("release", F.lit(settings.release))) as images:
        n_before, n_left, n_shown, n = (df.count() for df in (rows["release_images"], left, shown, images))
        if not n:
            raise InputError(f"--from {parent}: nothing is left of it")
        check_version(warehouse, settings.release, images)
        mine = registry.claim(warehouse, settings.release, is_withheld=is_withheld)
        left_out = {"withdrawn": n_before - n_left, "withheld": n_left - n_shown, "other_class": n_shown - n}
        left_out = {reason: count for reason, count in left_out.items() if count}
        origin = _provenance(warehouse, settings, origin_row, left_out, is_withheld=is_withheld)
        derived = _rows(warehouse, rows, images, settings, is_withheld=is_withheld)
        row = freezing.freeze(warehouse, mine, derived, origin)
    notes = [
        f"release {settings.release} is frozen from {parent}, content_checksum {row['content_checksum']}"
    ]
    if "withheld" in left_out:
        notes.append(
            f"without the holdout of {parent}: its images in a subset of classes would tell their labels"
        )
    return Outcome(n_before, n, left_out, notes=tuple(notes))


def check_version(warehouse: Warehouse, release: str, images: DataFrame) -> None:
    """Raise :class:`UsageError` where the name is a semantic version that grows less than its content changed."""
    known = tables.read_or_empty(replace(warehouse, pins={}), "releases").where("kind <> 'imported'")
    rows = {row["release"]: row for row in known.select("release", "counts").collect()}
    earlier = [name for name in rows if versions.level(name, release)]
    if not earlier:
        return
    last = max(earlier, key=lambda name: versions.parse(name) or (0, 0, 0))
    given = versions.level(last, release)
    if given is None or given == "major":  # which allows any change: none need be looked for
        return
    old = released.labelled_images(warehouse, rows[last].asDict(recursive=True))
    gone = old.select("label").distinct().join(images.select("label").distinct(), on="label", how="left_anti")
    n_classes_gone = gone.count()
    # What refuses a name is found exactly; mostly the rough look allows it.
    for changes in (rough_changes(old, images), diff_images(old, images)):
        counts = {
            row["change"]: row["n"]
            for row in changes.groupBy("change").agg(F.count("*").alias("n")).collect()
        }
        needed = versions.needed(counts, n_classes_gone=n_classes_gone)
        if versions.allows(given, needed):
            return
    told = [f"{n} {change}" for change, n in sorted(counts.items())]
    told += [f"{n_classes_gone} classes gone"] if n_classes_gone else []
    raise UsageError(
        f"--release {release}: after {last} this would be a {given} release, but the change is a {needed} one"
        f" ({', '.join(told)})\n"
        f"  next: choose a name whose {needed} number is larger"
    )


def _provenance(
    warehouse: Warehouse,
    settings: Config,
    parent: Mapping[str, Any],
    left_out: Mapping[str, int],
    *,
    is_withheld: bool,
) -> freezing.Provenance:
    return freezing.Provenance(
        kind="derived",
        frozen_at=moment(settings.as_of),
        config={**last_configs(warehouse), "freeze-release": asdict(settings)},
        left_out=left_out,
        parent=parent["release"],
        reason=settings.reason,
        label_protocol=json.loads(parent["label_protocol"]),
        is_withheld=is_withheld,
    )


def _rows(
    warehouse: Warehouse,
    rows: Mapping[str, DataFrame],
    images: DataFrame,
    settings: Config,
    *,
    is_withheld: bool,
) -> dict[str, DataFrame]:
    counts = images_per_class(images, is_withheld=is_withheld)
    synsets = rows["release_synsets"].drop("n_images")
    if settings.only:
        synsets = synsets.where(F.col("synset_id").isin(*settings.only))
    synsets = synsets.join(counts, on="synset_id", how="left").fillna(0, subset=["n_images"])
    found = rows["release_hierarchy"].collect()  # a part of WordNet, whatever the number of images
    nouns = {row["synset_id"]: (row["name"], tuple(row["parent_ids"])) for row in found}
    classes = [
        r["synset_id"]
        for r in found
        if r["is_class"] and (not settings.only or r["synset_id"] in settings.only)
    ]
    return {
        "release_images": images,
        "release_synsets": synsets.withColumn("release", F.lit(settings.release)),
        "release_hierarchy": freezing.hierarchy_of(warehouse, settings.release, nouns, classes),
    }


def _withdrawn(warehouse: Warehouse, images: DataFrame, path: str | None) -> DataFrame:
    """``image_id`` of the images to leave out; one that the release does not have is a mistake."""
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split() if path else []
    except UnicodeDecodeError as error:
        raise InputError(
            f"--withdraw {path}: wanted image ids in UTF-8, one a line, got other bytes ({error})\n"
            "  next: save the file as UTF-8"
        ) from None
    if path and not lines:
        raise InputError(f"--withdraw {path}: lists no images; wanted image ids, one a line")
    given = local_rows(warehouse.spark, [(line,) for line in sorted(set(lines))], "image_id string")
    unknown = given.join(images.select("image_id"), on="image_id", how="left_anti")
    sample = [row["image_id"] for row in unknown.orderBy("image_id").limit(3).collect()]
    if sample:
        raise InputError(
            f"--withdraw {path}: not in the release: {', '.join(sample)}; {unknown.count()} in all"
        )
    return given


def _check_classes(synsets: DataFrame, only: tuple[str, ...]) -> None:
    known = {row["synset_id"] for row in synsets.select("synset_id").collect()} if only else set()
    unknown = sorted(set(only) - known)
    if unknown:
        raise InputError(
            f"--only: not classes of the release: {', '.join(unknown[:3])}; {len(unknown)} in all"
        )
