"""What jobs ask of a frozen release: may it be used, its images with every label, its classes by their numbers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame

from synlake import output, registry
from synlake.errors import InputError
from synlake.methods.withholding import with_withheld
from synlake.warehouse import Warehouse


def chosen(warehouse: Warehouse, release: str, *, flag: str = "--release") -> dict[str, Any]:
    """The row of a release that is about to be used; where somebody gave notice not to, that is told."""
    row = registry.row_of(warehouse, release, flag=flag)
    tell_notices(warehouse, release)
    return row


def tell_notices(warehouse: Warehouse, release: str) -> None:
    """Say of a release that it should not be used any more, where somebody gave notice."""
    for notice in registry.notices(warehouse, release):
        instead = f"; use {notice['use_instead']} instead" if notice["use_instead"] else ""
        since = notice["noticed_at"].astimezone(dt.timezone.utc).date()  # Spark gives this machine's time
        output.say(f"note: release {release} is deprecated since {since}: {notice['reason']}{instead}")


def labelled_images(warehouse: Warehouse, row: Mapping[str, Any]) -> DataFrame:
    """The images of a release (its ``row``) with the labels that are withheld from others put back.

    :class:`InputError` where this warehouse is a copy without them.
    """
    rows = registry.rows_of(warehouse, row["release"])
    if not row["counts"].get("withheld"):
        return rows["release_images"]
    if rows["release_withheld"].isEmpty():
        raise InputError(
            f"--release {row['release']}: the labels of its split holdout are withheld, and not in this warehouse"
            "\n  next: ask those who froze it, or choose another split"
        )
    return with_withheld(rows["release_images"], rows["release_withheld"])


def class_labels(warehouse: Warehouse, row: Mapping[str, Any]) -> list[str]:
    """The classes of a release (its ``row``) with images, in id order: the place of each is its class number.

    Where labels are withheld they are all its classes, as any may have images in the holdout.
    """
    synsets = registry.rows_of(warehouse, row["release"])["release_synsets"]
    if not row["counts"].get("withheld"):
        synsets = synsets.where("n_images > 0")
    return sorted(row["synset_id"] for row in synsets.select("synset_id").collect())
