"""The pictures in a release's report: a strip of samples a class, and pairs of duplicates, as data URIs."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import tables
from synlake.local_rows import local_rows
from synlake.methods.mosaic_plan import MosaicPlan, plan_mosaics
from synlake.methods.release_report import sample_of_classes
from synlake.spread import wide_rows
from synlake.udfs.mosaic import strips
from synlake.warehouse import Warehouse

#: Pairs of duplicates that are shown, the side of each picture, and the bytes of a pair.
N_PAIRS, PAIR_PX, PAIR_BYTES = 8, 144, 16_000


@dataclass(frozen=True)
class Picture:
    """A strip of ``n_tiles`` squares of ``tile_px`` pixels, ready for an ``src``."""

    n_tiles: int
    tile_px: int
    src: str


def class_mosaics(
    warehouse: Warehouse, images: DataFrame, *, n_classes: int, max_bytes: int, seed: int
) -> Mapping[str, Picture]:
    """A strip of sample images by class; none for classes whose images have no bytes, or decode to nothing.

    All together have at most ``max_bytes`` in the page. The bytes of all stored images are read through once.
    """
    plan = plan_mosaics(n_classes, max_bytes)
    chosen = sample_of_classes(images, n=plan.n_tiles, seed=seed).withColumnRenamed("label", "strip_id")
    return _made(warehouse, chosen, plan)


def pair_pictures(warehouse: Warehouse, pairs: Sequence[Mapping[str, Any]]) -> Mapping[str, Picture]:
    """Each duplicate beside what it duplicates, by ``image_id`` of the duplicate; only where both have bytes."""
    rows = [
        (pair["image_id"], turn, image_id)
        for pair in pairs
        for turn, image_id in enumerate((pair["image_id"], pair["duplicate_of"]))
    ]
    if not rows:
        return {}
    chosen = local_rows(warehouse.spark, rows, "strip_id string, turn int, image_id string")
    made = _made(warehouse, chosen, MosaicPlan(2, PAIR_PX, PAIR_BYTES))
    return {key: picture for key, picture in made.items() if picture.n_tiles == 2}


def _made(warehouse: Warehouse, chosen: DataFrame, plan: MosaicPlan) -> dict[str, Picture]:
    stored = tables.read_or_empty(warehouse, "image_bytes").select("image_id", "size_bytes", "bytes")
    with wide_rows(warehouse.spark):
        with_bytes = stored.join(F.broadcast(chosen), on="image_id")
        rows = strips(with_bytes, tile_px=plan.tile_px, max_bytes=plan.max_bytes).collect()
    return {
        row["strip_id"]: Picture(
            row["n_tiles"],
            plan.tile_px,
            f"data:image/jpeg;base64,{base64.b64encode(bytes(row['jpeg'])).decode()}",
        )
        for row in rows
    }
