"""Export a release for training: an ImageFolder tree, WebDataset shards, or Parquet for Hugging Face datasets.

Beside the images: checksums.csv, classes.csv, attribution.csv, README.md (dataset card) and croissant.json.
Running it again writes only what is missing. --resize 256 makes the shorter side 256 pixels.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import output, registry, tables
from synlake.config import bad_name, option
from synlake.errors import InputError, UsageError
from synlake.methods.dataset_card import croissant, dataset_card
from synlake.methods.export_plan import with_class_index, with_shards
from synlake.spread import by_weight, held
from synlake.tables import Warehouse
from synlake.udfs.export_images import write_folders, write_shards

EXAMPLE = "export-release --release v1.0.0 --layout webdataset --output exported"
NEEDS_WAREHOUSE = True
LAYOUTS = ("imagefolder", "webdataset", "parquet")
COLUMNS = ("release", "layout", "n_files", "n_images", "size_bytes")


@dataclass(frozen=True)
class Config:
    """Settings of export-release."""

    release: str | None = option(None, "the release; needed", check=bad_name)
    output: str | None = option(None, "local folder to write to; needed")
    layout: str = option("imagefolder", "what to write", choices=LAYOUTS)
    split: tuple[str, ...] = option((), "splits to export; default: all")
    resize: int = option(0, "shorter side, pixels; 0: bytes as they are", minimum=0)
    shard_bytes: int = option(256 << 20, "of one shard, about, bytes", minimum=1 << 16)
    license: str = option("unknown: each image has that of its source", "what the dataset card says")


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Read the release and its bytes, write the files; print how many."""
    if settings.release is None or settings.output is None:
        raise UsageError("--release NAME and --output DIR are needed\n  next: export-release --help")
    row = registry.row_of(warehouse, settings.release)
    root = os.path.abspath(os.path.expanduser(settings.output))
    os.makedirs(root, exist_ok=True)
    rows = registry.rows_of(warehouse, settings.release)
    with (
        held(_images(warehouse, rows["release_images"], settings)) as images,
        held(_write(warehouse, images, root, settings)) as written,
    ):
        _write_csv(written.orderBy("path"), root, "checksums.csv")
        n_files, n_images, size = written.agg(
            F.count("*"), F.coalesce(F.sum("n_images"), F.lit(0)), F.coalesce(F.sum("size_bytes"), F.lit(0))
        ).collect()[0]
    classes = rows["release_synsets"].select("synset_id", "name", "gloss", "n_images").orderBy("synset_id")
    _write_csv(classes, root, "classes.csv")
    _write_csv(_attribution(warehouse, rows["release_images"]), root, "attribution.csv")
    _write_cards(row, root, settings)
    output.emit(COLUMNS, [(settings.release, settings.layout, n_files, n_images, size)], arguments.format)
    return 0


def _images(warehouse: Warehouse, images: DataFrame, settings: Config) -> DataFrame:
    """``split, label, class_index, image_id, size_bytes`` of what is exported; all must have bytes."""
    stored = tables.read_or_empty(warehouse, "image_bytes").select("image_id", "size_bytes")
    numbered = with_class_index(images.select("split", "label", "image_id"), images)
    chosen = numbered.where(F.col("split").isin(*settings.split)) if settings.split else numbered
    joined = chosen.join(stored, on="image_id", how="left")
    without = joined.where("size_bytes IS NULL")
    n_without = without.count()
    if n_without:
        raise InputError(
            f"--release {settings.release}: {n_without} images have no bytes in the warehouse\n"
            "  next: import the release from a folder of images; a list has no bytes to export"
        )
    return joined


def _write(warehouse: Warehouse, images: DataFrame, root: str, settings: Config) -> DataFrame:
    """The files of the layout, a row each. Rows are spread by their bytes first, and the bytes joined to them."""
    stored = tables.read(warehouse, "image_bytes").select("image_id", "bytes")
    if settings.layout == "imagefolder":
        spread = by_weight(images, "size_bytes", "image_id").join(stored, on="image_id")
        return write_folders(spread, root=root, shorter_px=settings.resize)
    ending = "tar" if settings.layout == "webdataset" else "parquet"
    sharded = with_shards(images, shard_bytes=settings.shard_bytes, ending=ending)
    spread = by_weight(sharded.join(stored, on="image_id"), "size_bytes", "shard")
    names = [row["label"] for row in images.select("label").distinct().orderBy("label").collect()]
    ordered = spread.sortWithinPartitions("shard", "image_id", "label")
    return write_shards(ordered, root=root, shorter_px=settings.resize, class_names=names)


def _attribution(warehouse: Warehouse, images: DataFrame) -> DataFrame:
    """Where each image came from, as far as it is known."""
    sources = (
        tables.read_or_empty(warehouse, "candidates")
        .groupBy("image_id")
        .agg(F.min(F.struct("source", "source_ref")).alias("first"))
    )
    found = images.select("image_id").distinct().join(sources, on="image_id", how="left")
    return found.select("image_id", "first.source", "first.source_ref").orderBy("image_id")


def _write_csv(df: DataFrame, root: str, name: str) -> None:
    with open(os.path.join(root, name), "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(df.columns)
        writer.writerows(df.toLocalIterator())


def _write_cards(row: dict[str, Any], root: str, settings: Config) -> None:
    about = {**row, "layout": settings.layout, "license": settings.license}
    Path(root, "README.md").write_text(dataset_card(about), encoding="utf-8")
    with open(os.path.join(root, "checksums.csv"), newline="", encoding="utf-8") as stream:
        files = list(csv.DictReader(stream)) if settings.layout != "imagefolder" else []
    text = json.dumps(croissant(about, files), indent=2, sort_keys=True, ensure_ascii=False)
    Path(root, "croissant.json").write_text(text + "\n", encoding="utf-8")
