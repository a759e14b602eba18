"""Show what changed from one release to another: images added, removed, relabelled and moved, by class.

--images lists them one by one. The last line on stderr says which version number such a change needs.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import output
from synlake.config import bad_name, option
from synlake.errors import UsageError
from synlake.jobs import released
from synlake.methods import versions
from synlake.methods.release_diff import CHANGES, changes_by_class, diff_images
from synlake.spread import held
from synlake.suiting import suited_to_rows
from synlake.warehouse import Warehouse

EXAMPLE = "diff-releases v1.0.0 v1.1.0"
NEEDS_WAREHOUSE = True


@dataclass(frozen=True)
class Config:
    """Settings of diff-releases."""

    from_release: str | None = option(None, "the older release", check=bad_name)
    to_release: str | None = option(None, "the newer release", check=bad_name)
    images: bool = option(False, "list every image that changed")
    all_classes: bool = option(False, "count classes in which nothing changed too")

    def __post_init__(self) -> None:
        """Refuse what would list two things at once."""
        if self.images and self.all_classes:
            raise UsageError(
                "--all-classes: is of the list of classes, and --images lists images\n  next: leave one out"
            )


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """The two releases may stand by themselves."""
    sub.add_argument("releases", nargs="*", metavar="RELEASE", help="the older release, and the newer one")


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Compare the two; print a row a class, or a row an image."""
    given = [*arguments.releases, *filter(None, (settings.from_release, settings.to_release))]
    if len(given) != 2:
        raise UsageError(
            "two releases are needed: the older and the newer\n  next: ./submit.sh diff-releases OLD NEW"
        )
    rows = [released.chosen(warehouse, release, flag="RELEASE") for release in given]
    old, new = (released.labelled_images(warehouse, row) for row in rows)
    n_images = sum(row["n_images"] for row in rows)
    with suited_to_rows(warehouse.spark, n_images), held(diff_images(old, new)) as changes:
        if settings.images:
            shown = changes.where("change <> 'same'").orderBy("change", "image_id")
        else:
            by_class = changes_by_class(changes).orderBy("label")
            has_changed = F.greatest(*(change for change in CHANGES if change != "same")) > 0
            shown = by_class if settings.all_classes else by_class.where(has_changed)
        output.emit(shown.columns, shown.toLocalIterator(), arguments.format)
        _say_what_it_needs(changes, old, new, given)
    return 0


def counts_of(changes: DataFrame, old: DataFrame, new: DataFrame) -> tuple[dict[str, int], int]:
    """(images by change, classes gone)."""
    counts = {
        row["change"]: row["n"] for row in changes.groupBy("change").agg(F.count("*").alias("n")).collect()
    }
    gone = old.select("label").distinct().join(new.select("label").distinct(), on="label", how="left_anti")
    return counts, gone.count()


def _say_what_it_needs(changes: DataFrame, old: DataFrame, new: DataFrame, given: list[str]) -> None:
    counts, n_gone = counts_of(changes, old, new)
    listed = ", ".join(f"{counts.get(change, 0)} {change}" for change in CHANGES)
    level = versions.needed(counts, n_classes_gone=n_gone)
    output.say(f"{given[0]} → {given[1]}: {listed}; {n_gone} classes gone: a {level} release")
