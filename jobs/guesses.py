"""Reading a model's guesses from a user's file: rows, lists, or an array of class numbers beside an order of images."""

from __future__ import annotations

import csv
import json
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from synlake.errors import InputError, UsageError
from synlake.intake import json_pairs, read_rows
from synlake.local_rows import local_rows
from synlake.methods.predictions import from_lists, parsed


def read_guesses(
    spark: SparkSession, path: str, *, order: str | None, names: dict[str, str], classes: list[str]
) -> DataFrame:
    """``image_id, rank, label, raw``, one row a guess as given.

    ``names`` maps ``image_id``, ``rank`` and ``label`` to the file's columns; ``classes`` names the class
    of each number in an ``.npy`` array, whose row i is for image i of the ``order`` file.
    """
    if path.lower().endswith(".npy"):
        if order is None:
            raise UsageError(
                f"--input {path}: an array does not say which row is which image\n"
                "  next: add --order FILE, one image_id a line (or the JSON of ImageNetV2)"
            )
        return _from_array(spark, path, read_order(order), classes)
    if order is not None:
        raise UsageError("--order: is for .npy arrays; other files name their images themselves")
    if _has_lists(path):
        columns = {"image_id": names["image_id"], "labels": "labels"}
        return from_lists(read_rows(spark, path, columns, {}))
    return parsed(read_rows(spark, path, names, {}))


def read_order(path: str) -> list[str]:
    """The image ids of an order file: ImageNetV2's JSON, a JSON list, CSV with image_id, or one a line."""
    pairs = json_pairs(path)
    if pairs is not None:
        return [image_id for image_id, _ in pairs]
    lines = _lines(path, "--order")
    if path.lower().endswith(".json"):
        found = _json_list(path, "--order", lines)
        if [] in found:
            raise InputError(f"--order {path}: wanted an image_id, or a list that begins with one, got []")
        return [str(one[0] if isinstance(one, list) else one) for one in found]
    header = next(csv.reader(lines[:1]), [])
    if "image_id" in header:
        return _column(path, lines, header.index("image_id"))
    return [line.strip() for line in lines if line.strip()]


def _column(path: str, lines: list[str], at: int) -> list[str]:
    """The image ids in column ``at`` of the order file's lines, the first of which names the columns."""
    ids = []
    reader = csv.reader(lines)
    next(reader)
    for row in reader:
        if 0 < len(row) <= at:
            raise InputError(
                f"--order {path}: line {reader.line_num}: wanted image_id as column {at + 1}, got {len(row)} columns\n"
                "  next: correct the line"
            )
        ids += row[at : at + 1]
    return ids


def read_classes(path: str) -> list[str]:
    """The label of each class number: a JSON list of labels or of objects with ``wnid``, or one a line."""
    lines = _lines(path, "--classes")
    if not path.lower().endswith(".json"):
        return [line.strip() for line in lines if line.strip()]
    found = _json_list(path, "--classes", lines)
    if all(isinstance(one, dict) and "wnid" in one for one in found):
        return [str(one["wnid"]) for one in sorted(found, key=lambda one: int(one.get("cid", 0)))]
    if not all(isinstance(one, str) for one in found):
        raise InputError(f"--classes {path}: wanted a list of labels, or of objects with cid and wnid")
    return found


def with_class_names(guesses: DataFrame, classes: list[str]) -> DataFrame:
    """``guesses`` whose labels are class numbers, by name; other labels stay, numbers of no class are malformed."""
    names = local_rows(guesses.sparkSession, list(enumerate(classes)), "number int, name string")
    joined = guesses.withColumn("number", F.col("label").try_cast("int")).join(
        F.broadcast(names), on="number", how="left"
    )
    is_unknown = F.col("number").isNotNull() & F.col("name").isNull()
    fault = F.concat(
        F.lit("class number "), "label", F.lit(f" of {len(classes)} classes, from 0; see --classes")
    )
    return joined.select(
        "image_id",
        "rank",
        F.coalesce("name", "label").alias("label"),
        F.coalesce("raw", F.when(is_unknown, fault)).alias("raw"),
    )


def _from_array(spark: SparkSession, path: str, image_ids: list[str], classes: list[str]) -> DataFrame:
    numbers = _load(path)
    n, k = numbers.shape
    if n != len(image_ids):
        raise InputError(f"--input {path}: has {n} rows, but --order names {len(image_ids)} images")
    low, high = int(numbers.min(initial=0)), int(numbers.max(initial=0))
    if low < 0 or high >= len(classes):
        raise InputError(
            f"--input {path}: class numbers from {low} to {high}, but there are {len(classes)} classes\n"
            "  next: name them with --classes FILE, one label a line in the order of the numbers"
        )
    table = pa.table(
        {
            "image_id": pa.array(np.repeat(np.array(image_ids, object), k), pa.string()),
            "rank": pa.array(np.tile(np.arange(1, k + 1, dtype=np.int32), n)),
            "label": pa.array(np.array(classes, object)[numbers.ravel()], pa.string()),
        }
    )
    return spark.createDataFrame(table).withColumn("raw", F.lit(None).cast("string"))


def _load(path: str) -> npt.NDArray[np.integer[Any]]:
    """An (n, k) array of whole numbers. Nothing in the file is ever unpickled."""
    try:
        numbers = np.load(path, allow_pickle=False, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"--input {path}: cannot be read as an .npy array: {error}") from None
    if numbers.ndim == 1:
        numbers = numbers[:, None]
    if numbers.ndim != 2 or not np.issubdtype(numbers.dtype, np.integer):
        raise InputError(f"--input {path}: wanted whole numbers (n, k), got {numbers.dtype} {numbers.shape}")
    return np.asarray(numbers)


def _has_lists(path: str) -> bool:
    """Whether a file of JSON lines has ``labels``, one record an image, instead of one a guess."""
    if not path.lower().endswith((".json", ".jsonl", ".ndjson")):
        return False
    with open(path, encoding="utf-8-sig", errors="replace") as stream:
        for line in islice(stream, 10):
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                continue
            return isinstance(record, dict) and "labels" in record
    return False


def _lines(path: str, flag: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{flag} {path}: cannot be read ({error})") from None


def _json_list(path: str, flag: str, lines: list[str]) -> list[Any]:
    try:
        found = json.loads("\n".join(lines))
    except json.JSONDecodeError as error:
        raise InputError(f"{flag} {path}: is not JSON: {error}") from None
    if not isinstance(found, list):
        raise InputError(f"{flag} {path}: wanted a JSON list, got {type(found).__name__}")
    return found
