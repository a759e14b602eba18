"""Export a release for training: an ImageFolder tree, WebDataset or TFRecord shards, or Parquet for Hugging Face.

Beside the images: checksums.csv, classes.csv, attribution.csv, LICENCES.md, README.md (dataset card) and
croissant.json. A run that was interrupted goes on where it stopped. --resize 256 makes the shorter side 256 pixels.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from synlake import output, registry, tables
from synlake.config import bad_name, option
from synlake.errors import EnvironmentFault, InputError, UsageError
from synlake.jobs import exporting, released
from synlake.methods.attribution import attribution, licence_counts
from synlake.methods.croissant import croissant
from synlake.methods.dataset_card import dataset_card, licences
from synlake.methods.export_plan import with_class_index
from synlake.schemas.release_images import SPLITS
from synlake.spread import held, wide_rows
from synlake.warehouse import Warehouse

EXAMPLE = "export-release --release v1.0.0 --layout webdataset --output exported"
NEEDS_WAREHOUSE = True
LAYOUTS = ("imagefolder", "webdataset", "parquet", "tfrecord")
COLUMNS = ("release", "layout", "n_files", "n_images", "size_bytes")


@dataclass(frozen=True)
class Config:
    """Settings of export-release."""

    release: str = option(None, "the release", check=bad_name, is_needed=True)
    output: str = option(None, "local folder to write to", is_needed=True, placeholder="DIR")
    layout: str = option("imagefolder", "what to write", choices=LAYOUTS)
    split: tuple[str, ...] = option((), f"splits to export, of {', '.join(SPLITS)}; default: all")
    resize: int = option(0, "shorter side, pixels; 0: bytes as they are", minimum=0)
    max_bytes: int = option(
        0, "larger images become JPEGs of lower quality, then of smaller size, bytes; 0: no limit", minimum=0
    )
    shard_bytes: int = option(256 << 20, "of one shard, about, bytes", minimum=1 << 16)
    license: str = option("unknown: each image has that of its source", "what the dataset card says")


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Read the release and its bytes, write the files; print how many."""
    _check(settings)
    row = released.chosen(warehouse, settings.release)
    splits = _splits(row, settings)
    rows = registry.rows_of(warehouse, settings.release)
    labels = released.class_labels(warehouse, row)
    if settings.layout == "imagefolder":
        _check_folders(labels, settings.release)
    root = os.path.abspath(os.path.expanduser(settings.output))
    os.makedirs(root, exist_ok=True)
    records_dir = exporting.records_folder(root, row, settings)
    with wide_rows(warehouse.spark), ExitStack() as stack:
        with exporting.suited(warehouse):
            images = stack.enter_context(held(_images(warehouse, rows["release_images"], settings, labels)))
            _check_bytes(images, settings)
        files = exporting.write(
            warehouse, images, settings, root=root, records_dir=records_dir, labels=labels
        )
        written = stack.enter_context(held(files))
        with exporting.suited(warehouse):
            _write_csv(written.orderBy("path").drop("n_left"), root, "checksums.csv")
            *found, endings = _totals(written)
            about = {**row, "layout": settings.layout, "license": settings.license, "splits": splits}
            _write_texts(warehouse, images, rows["release_synsets"], about, root, labels, endings)
    exporting.clean(records_dir)
    n_files, n_images, size, n_left = found
    if n_left:
        output.say(f"note: {n_left} images could not be decoded, and are exported as they are")
    output.emit(COLUMNS, [(settings.release, settings.layout, n_files, n_images, size)], arguments.format)
    return 0


def _check(settings: Config) -> None:
    unknown = sorted(set(settings.split) - set(SPLITS))
    if unknown:
        raise UsageError(f"--split {unknown[0]}: wanted some of {', '.join(SPLITS)}")
    if settings.layout == "tfrecord" and find_spec("google_crc32c") is None:
        raise EnvironmentFault(
            "--layout tfrecord: google-crc32c is not installed\n"
            "  next: .venv/bin/python -m pip install -e '.[tfrecord]' -c constraints.txt"
        )


def _check_folders(labels: Sequence[str], release: str) -> None:
    """Imported labels may be anything; some would lead out of the export, or into another class."""
    bad = [label for label in labels if re.search(r"[/\\\x00]|^\.{0,2}$", label)]
    if bad:
        raise InputError(
            f"--layout imagefolder: release {release} has labels that cannot name a folder: {', '.join(bad[:3])}\n"
            "  next: another --layout, which has labels in its files"
        )


def _splits(row: Mapping[str, Any], settings: Config) -> dict[str, int]:
    """The number of images in each split that is exported."""
    counts = {split: row["counts"].get(f"split:{split}", 0) for split in settings.split or SPLITS}
    found = {split: n for split, n in counts.items() if n}
    if not found:
        raise InputError(f"--release {settings.release}: has no images in split {', '.join(settings.split)}")
    return found


def _images(warehouse: Warehouse, images: DataFrame, settings: Config, labels: Sequence[str]) -> DataFrame:
    """``split, label, class_index, image_id, size_bytes`` of what is exported; of no size: without bytes."""
    stored = tables.read_or_empty(warehouse, "image_bytes").select("image_id", "size_bytes")
    numbered = with_class_index(images.select("split", "label", "image_id"), labels)
    chosen = numbered.where(F.col("split").isin(*settings.split)) if settings.split else numbered
    return chosen.join(stored, on="image_id", how="left")


def _check_bytes(images: DataFrame, settings: Config) -> None:
    n_without = images.where("size_bytes IS NULL").count()
    if n_without:
        raise InputError(
            f"--release {settings.release}: {n_without} images have no bytes in the warehouse\n"
            "  next: import the release from a folder of images; a list has no bytes to export"
        )


def _totals(written: DataFrame) -> Row:
    """(files, images, bytes, images left as they were, endings of the files) of rows of ``WRITTEN``."""
    sums = (F.coalesce(F.sum(name), F.lit(0)) for name in ("n_images", "size_bytes", "n_left"))
    ending = F.element_at(F.split("path", "\\."), -1)
    found = written.agg(F.count("*"), *sums, F.collect_set(ending)).first()
    assert found is not None  # an aggregate without groups has one row
    return found


def _write_texts(
    warehouse: Warehouse,
    images: DataFrame,
    synsets: DataFrame,
    about: Mapping[str, Any],
    root: str,
    labels: Sequence[str],
    endings: Sequence[str],
) -> None:
    """What goes beside the files: classes, whose the images are, and the cards that describe the whole."""
    numbered = with_class_index(synsets.withColumn("label", F.col("synset_id")), labels)
    columns = ("synset_id", F.col("class_index").alias("class_number"), "name", "gloss", "n_images")
    _write_csv(numbered.select(*columns).orderBy("synset_id"), root, "classes.csv")
    sources = (tables.read_or_empty(warehouse, name) for name in ("candidates", "search_results"))
    with held(attribution(images, *sources)) as attributed:
        _write_csv(attributed.orderBy("image_id"), root, "attribution.csv")
        found = [one.asDict() for one in licence_counts(attributed).collect()]  # one row a licence
    files: list[dict[str, str]] = []
    if about["layout"] != "imagefolder":
        with open(os.path.join(root, "checksums.csv"), newline="", encoding="utf-8") as stream:
            files = list(csv.DictReader(stream))
    described = croissant(about, files, labels=labels, endings=endings)
    texts = {
        "README.md": dataset_card(about),
        "LICENCES.md": licences(about, found),
        "croissant.json": json.dumps(described, indent=2, sort_keys=True, ensure_ascii=False) + "\n",
    }
    for name, text in texts.items():
        Path(root, name).write_text(text, encoding="utf-8")


def _write_csv(df: DataFrame, root: str, name: str) -> None:
    with open(os.path.join(root, name), "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(df.columns)
        writer.writerows(df.toLocalIterator())
