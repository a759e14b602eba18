"""Register an existing dataset as a frozen release: a list of images and labels, or a folder a class.

A list is CSV, JSON lines or Parquet with image_id,label,split, or a JSON file of ImageNetV2 (image_filenames).
A folder is DIR/label/x.jpg or DIR/train/label/x.jpg; its image_id is the sha256 of the bytes, which are stored.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import faults, manifest, output, registry, tables, textfiles, wordnet
from synlake.config import bad_name, moment, option
from synlake.errors import InputError
from synlake.intake import read_json_pairs, read_rows
from synlake.jobs import freezing
from synlake.jobs.storing import store_images
from synlake.local_rows import dealt_rows, local_rows
from synlake.methods.ingestion import files_to_store
from synlake.methods.release_import import faults_in, folder_rows, normalised, release_rows
from synlake.schemas import TABLES
from synlake.schemas.release_images import SPLITS
from synlake.spread import held
from synlake.suiting import suited_to_rows
from synlake.udfs.contents import Opening, hash_files, read_files
from synlake.udfs.files import list_files, units
from synlake.warehouse import Warehouse

EXAMPLE = "import-release --release imagenetv2 --input imagenetv2-b-33.json --split test"
COLUMNS = ("release", "n_images", "n_classes", "content_checksum")


@dataclass(frozen=True)
class Config:
    """Settings of import-release."""

    release: str = option(None, "name of the release", check=bad_name, is_needed=True)
    input: str = option(
        None, "the list of images, or a folder of them", is_needed=True, placeholder="FILE|DIR"
    )
    split: str = option("test", "split of images whose split is not given", choices=SPLITS)
    image_column: str = option("image_id", "column with the image")
    label_column: str = option("label", "column with the class: a wnid, or any name")
    split_column: str = option("split", "column with train, val or test; a list may lack it")
    max_bytes: int = option(
        64 << 20, "larger files of a folder are an error, bytes", minimum=1, maximum=(1 << 31) - 1
    )
    as_of: dt.datetime | None = option(None, "time of the freeze, UTC; default: now")


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Read the list, refuse it with all its faults or freeze it; print what was frozen."""
    if _completed(warehouse, settings):
        _show(warehouse, settings.release, arguments)
        return 0
    registry.check_is_free(warehouse, settings.release)
    with _listed(warehouse, settings) as listed, suited_to_rows(warehouse.spark, n_listed := listed.count()):
        faults.raise_listed(
            faults_in(listed), f"--input {settings.input}", "correct the list; nothing was imported"
        )
        if not n_listed:
            raise InputError(f"--input {settings.input}: lists no images")
        mine = registry.claim(warehouse, settings.release)
        rows = _rows(warehouse, listed, settings.release)
        origin = freezing.Provenance("imported", moment(settings.as_of), {"import-release": asdict(settings)})
        freezing.freeze(warehouse, mine, rows, origin)
    _show(warehouse, settings.release, arguments)
    return 0


def _completed(warehouse: Warehouse, settings: Config) -> bool:
    """Do what an import with these settings left, that was killed after it registered its release: the manifest.

    Whether there was one. The seal is what an import writes last.
    """
    release = str(settings.release)
    row = freezing.finished_by(warehouse, release, "import-release", settings)
    if row is None or textfiles.exists(warehouse, manifest.seal_path_of(release)):
        return False
    freezing.write_manifest(warehouse, row)
    output.say(f"release {release} was frozen by an import that was interrupted; its record is complete now")
    return True


def _show(warehouse: Warehouse, release: str, arguments: argparse.Namespace) -> None:
    done = registry.row_of(warehouse, release)
    row = (done["release"], done["n_images"], done["n_synsets"], done["content_checksum"])
    output.emit(COLUMNS, [row], arguments.format)


@contextmanager
def _listed(warehouse: Warehouse, settings: Config) -> Iterator[DataFrame]:
    """``image_id, label, split, raw`` of each image; the bytes of a folder are stored on the way."""
    path = os.path.expanduser(settings.input or "")
    if os.path.isdir(path) and not path.endswith(".parquet"):
        with held(_hashed(warehouse, path, settings)) as files:
            _store(warehouse, files, settings)
            yield normalised(_without_copies(files), default_split=settings.split)
        return
    if "//" not in path and not os.path.exists(path):
        raise InputError(f"--input {settings.input}: no such file or folder")
    given = read_json_pairs(warehouse.spark, path)
    if given is None:
        columns = {"image_id": settings.image_column, "label": settings.label_column}
        given = read_rows(warehouse.spark, path, columns, {}, {"split": settings.split_column})
    with held(normalised(given, default_split=settings.split)) as listed:
        yield listed


def _hashed(warehouse: Warehouse, folder: str, settings: Config) -> DataFrame:
    root = os.fsencode(os.path.abspath(folder))
    units_df = dealt_rows(warehouse.spark, ((unit,) for unit in units(root)), "unit binary")
    files = list_files(units_df, root=root, prefix="root").where("is_image")
    hashed = hash_files(files, Opening(max_bytes=settings.max_bytes))
    return folder_rows(hashed, default_split=settings.split).withColumns(
        {
            "image_id": F.col("sha256"),
            "reject_reason": F.when(F.col("sha256").isNull(), F.lit("unreadable")),
            "raw": F.when(
                F.col("sha256").isNull(), F.concat(F.lit("unreadable or too large: "), "source_ref")
            ),
        }
    )


def _without_copies(files: DataFrame) -> DataFrame:
    """One row for copies of one image with one label and split; others stay, and are refused as repeated."""
    return files.dropDuplicates(["sha256", "label", "split", "raw"])


def _store(warehouse: Warehouse, files: DataFrame, settings: Config) -> None:
    with held(files_to_store(files, tables.read_or_empty(warehouse, "image_bytes"))) as new:
        if not new.isEmpty():
            store_images(warehouse, read_files(new, Opening(max_bytes=settings.max_bytes)))


def _rows(warehouse: Warehouse, listed: DataFrame, release: str) -> dict[str, DataFrame]:
    """The rows by table. Classes come to the driver: there are never more than WordNet has, or a list names."""
    counts = {
        row["label"]: row["n"] for row in listed.groupBy("label").agg(F.count("*").alias("n")).collect()
    }
    is_wordnet = any(len(label) == 9 and label[0] == "n" and label[1:].isdigit() for label in counts)
    nouns = {noun.synset_id: noun for noun in wordnet.nouns()} if is_wordnet else {}
    hierarchy = {noun.synset_id: (noun.name, noun.parent_ids) for noun in nouns.values()}
    synsets = [
        (release, label, noun.name, list(noun.lemmas), noun.gloss, list(noun.parent_ids), None, n)
        if (noun := nouns.get(label))
        else (release, label, label, [label], "", [], None, n)
        for label, n in sorted(counts.items())
    ]
    return {
        "release_images": release_rows(listed, release),
        "release_synsets": local_rows(warehouse.spark, synsets, TABLES["release_synsets"].schema),
        "release_hierarchy": freezing.hierarchy_of(warehouse, release, hierarchy, sorted(counts)),
    }
