"""Import a model's ranked guesses on a release; missing, extra and repeated images are errors, listed together.

CSV or Parquet with image_id,rank,label (rank from 1), JSON lines of the same or of image_id,labels, or an .npy
array of class numbers (one row an image, best first) with --order. Importing a model again replaces its guesses.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import faults, output, tables
from synlake.config import bad_name, option
from synlake.errors import InputError
from synlake.jobs import released
from synlake.jobs.guesses import read_classes, read_guesses, with_class_names
from synlake.local_rows import local_rows
from synlake.methods.predictions import faults_in
from synlake.schemas import TABLES
from synlake.schemas.release_images import SPLITS
from synlake.spread import held
from synlake.suiting import suited_to_rows
from synlake.warehouse import Warehouse

EXAMPLE = "import-predictions --release imagenetv2 --model alexnet --input alexnet.npy --order images.txt"
NEEDS_WAREHOUSE = True
#: Splits that a model may be scored on alone without being asked to.
HELD_OUT = ("test", "val", "holdout")
COLUMNS = ("release", "model", "split", "n_images", "n_guesses")


@dataclass(frozen=True)
class Config:
    """Settings of import-predictions."""

    release: str = option(None, "the release that was predicted", check=bad_name, is_needed=True)
    model: str = option(None, "name of the model", check=bad_name, is_needed=True)
    input: str = option(None, "file of guesses", is_needed=True, placeholder="FILE")
    order: str | None = option(
        None, "with .npy: image ids, one a line, in the order of its rows", is_file=True
    )
    classes: str | None = option(
        None, "labels of class numbers, one a line; default: the release's own, sorted", is_file=True
    )
    split: str | None = option(
        None,
        "images that need guesses; default: test, val or holdout where all are of it, else all",
        choices=("all", *SPLITS),
    )
    image_column: str = option("image_id", "column with the image")
    rank_column: str = option("rank", "column with the rank, 1 is the first guess")
    label_column: str = option("label", "column with the class guessed")


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Read the guesses, hold them against the release, write ``predictions``; print how many."""
    row = released.chosen(warehouse, settings.release)
    images = tables.read(warehouse, "release_images").where(F.col("release") == settings.release)
    labels = released.class_labels(warehouse, row)
    with (
        held(_guesses(warehouse, settings, labels)) as guesses,
        held(images.select("image_id", "split")) as known,
        suited_to_rows(warehouse.spark, guesses.count() + row["n_images"]),
    ):
        split = settings.split or _covered_split(known, guesses)
        wrong = faults_in(guesses, known, split=split)
        next_step = "correct the lines; guesses for the images of one split only: --split"
        where = (
            f"--input {settings.input}: not one list of guesses for each image of release {settings.release}"
        )
        faults.raise_listed(wrong, where, next_step)
        _check_labels(guesses, labels, settings)
        rows = guesses.select(
            F.lit(settings.release).alias("release"),
            F.lit(settings.model).alias("model"),
            F.lit(split).alias("split"),
            "image_id",
            "rank",
            "label",
        )
        mine = {"release": settings.release, "model": settings.model}
        _forget_scores(warehouse, mine)
        n = tables.overwrite(
            warehouse, "predictions", rows.select(*TABLES["predictions"].schema.names), where=mine
        )
        n_images = guesses.select("image_id").distinct().count()
    output.emit(COLUMNS, [(settings.release, settings.model, split, n_images, n)], arguments.format)
    return 0


def _forget_scores(warehouse: Warehouse, where: Mapping[str, str]) -> None:
    """Take out what the model's earlier guesses scored, before they are replaced: no score is of other guesses."""
    for table in ("evaluations", "class_evaluations"):
        mine = tables.read_or_empty(warehouse, table).where(
            (F.col("release") == where["release"]) & (F.col("model") == where["model"])
        )
        if not mine.isEmpty():
            tables.overwrite(warehouse, table, mine.limit(0), where=where)
            if table == "evaluations":
                output.say(
                    f"note: the scores of {where['model']} on {where['release']} were of its earlier guesses\n"
                    f"  next: ./submit.sh evaluate-predictions --release {where['release']} --model {where['model']}"
                )


def _guesses(warehouse: Warehouse, settings: Config, labels: list[str]) -> DataFrame:
    classes = read_classes(settings.classes) if settings.classes else labels
    names = {"image_id": settings.image_column, "rank": settings.rank_column, "label": settings.label_column}
    path = settings.input or ""
    given = read_guesses(warehouse.spark, path, order=settings.order, names=names, classes=classes)
    # Of an array they are named already. And where classes are called by numbers, as the folders of ImageNetV2 are,
    # a number is a class's name, unless --classes says which it stands for.
    are_named = path.lower().endswith(".npy") or (not settings.classes and any(map(str.isdigit, labels)))
    return given if are_named else with_class_names(given, classes)


def _covered_split(images: DataFrame, guessed: DataFrame) -> str:
    """Which images need guesses: the split that all guessed ones are in where it is held out, else all."""
    known = images.select("image_id", "split").join(
        guessed.select("image_id"), on="image_id", how="left_semi"
    )
    splits = [row["split"] for row in known.select("split").distinct().collect()]
    return splits[0] if len(splits) == 1 and splits[0] in HELD_OUT else "all"


def _check_labels(guesses: DataFrame, labels: list[str], settings: Config) -> None:
    """A model may know more classes than the release has, but one that knows none of them speaks of others."""
    known = local_rows(guesses.sparkSession, [(label,) for label in labels], "label string")
    guessed = guesses.select("label").distinct()
    unknown = guessed.join(F.broadcast(known), on="label", how="left_anti").orderBy("label")
    n, n_unknown = guessed.count(), unknown.count()
    sample = ", ".join(row["label"] for row in unknown.limit(faults.SAMPLE).collect())
    if n == n_unknown:
        raise InputError(
            f"--input {settings.input}: no guess is a class of release {settings.release}: {sample};"
            f" its classes are {', '.join(labels[: faults.SAMPLE])} …\n"
            "  next: name the classes of numbers with --classes FILE, one label a line"
        )
    if n_unknown:
        output.say(
            f"note: {n_unknown} of {n} guessed classes are not in the release (counted as wrong): {sample}"
        )
