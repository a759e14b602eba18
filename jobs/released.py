"""What jobs ask of a frozen release: its images with every label, its classes in the order of their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame

from synlake import registry
from synlake.errors import InputError
from synlake.methods.withholding import with_withheld
from synlake.warehouse import Warehouse


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
