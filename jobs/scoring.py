"""What scoring a model and comparing two of them have in common: whose predictions, which ancestors, how shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import registry, tables
from synlake.errors import InputError
from synlake.jobs import released
from synlake.local_rows import local_rows
from synlake.methods import withholding
from synlake.methods.taxonomy import closure
from synlake.suiting import suited_to_rows
from synlake.warehouse import Warehouse


def predictions_of(warehouse: Warehouse, release: str, model: str) -> DataFrame:
    """The guesses of a model on a release; :class:`InputError` says where else the model has some."""
    every = tables.read_or_empty(warehouse, "predictions").where(F.col("model") == model)
    found = every.where(F.col("release") == release)
    if found.isEmpty():
        others = sorted(row["release"] for row in every.select("release").distinct().collect())
        elsewhere = f"; it has some on {', '.join(others)}" if others else ""
        raise InputError(
            f"--model {model}: has no predictions on release {release}{elsewhere}\n"
            f"  next: import-predictions --release {release} --model {model} --input FILE"
        )
    return found


def suited(predictions: Sequence[DataFrame]) -> AbstractContextManager[None]:
    """Spark's settings for as many guesses as there are in all."""
    return suited_to_rows(predictions[0].sparkSession, sum(one.count() for one in predictions))


def images_for(warehouse: Warehouse, release: Mapping[str, Any], predictions: DataFrame) -> DataFrame:
    """The images of a release with labels for ``predictions``: withheld ones are needed only for the holdout."""
    first = predictions.select("split").first()
    if first is not None and first["split"] not in ("all", withholding.SPLIT):
        return registry.rows_of(warehouse, release["release"])["release_images"]
    return released.labelled_images(warehouse, release)


def closure_of(hierarchy: DataFrame) -> DataFrame:
    """``synset_id, ancestor_id, height, depth`` of each class and every node above it, itself included.

    The hierarchy comes to the driver: it is a part of WordNet, whatever the number of images.
    """
    rows = hierarchy.select("synset_id", "parent_ids", "is_class").collect()
    parents = {row["synset_id"]: row["parent_ids"] for row in rows}
    pairs = closure(parents, [row["synset_id"] for row in rows if row["is_class"]])
    df = local_rows(hierarchy.sparkSession, pairs, "synset_id string, ancestor_id string")
    nodes = hierarchy.select(F.col("synset_id").alias("ancestor_id"), "height", "depth")
    return df.join(F.broadcast(nodes), on="ancestor_id")


def shown(value: object, output_format: str) -> object:
    """A share with six decimals where people or CSV readers see it, a number in JSON."""
    if not isinstance(value, float):
        return value
    return round(value, 6) if output_format == "json" else f"{value:.6f}"
