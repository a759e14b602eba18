"""Rows of a user's CSV or JSON-lines file as strings, under our own column names; what cannot be parsed is kept."""

from __future__ import annotations

import csv
import difflib
import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StringType, StructField, StructType

from synlake.errors import InputError

_CORRUPT = "_corrupt"
_PARQUET_ENDINGS = (".parquet", ".parq", ".pq")
_JSON_ENDINGS = (".json", ".jsonl", ".ndjson")


def read_rows(
    spark: SparkSession,
    path: str,
    columns: Mapping[str, str],
    optional: Mapping[str, str | None],
    if_there: Mapping[str, str] | None = None,
) -> DataFrame:
    """One row a line: a string column for each key of ``columns`` and ``optional``, taken from the file's
    column of that value; ``source_file``; ``raw`` with the line where it is malformed, else null; and
    ``line_order``, whose order is that of the lines. Columns of ``if_there`` are null where the file
    lacks them. A Parquet file or folder is read as well.

    Raises :class:`InputError` where the file is empty or lacks a named column.
    """
    is_json = path.lower().endswith(_JSON_ENDINGS)
    is_parquet = path.rstrip("/").lower().endswith(_PARQUET_ENDINGS)
    names = _parquet_names(spark, path) if is_parquet else _json_names(path) if is_json else _csv_names(path)
    optional = {
        **optional,
        **{field: name if name in names else None for field, name in (if_there or {}).items()},
    }
    wanted = {**columns, **{field: name for field, name in optional.items() if name}}
    _check_columns(path, wanted, names)
    if is_parquet:
        lines = spark.read.parquet(path).select(*(_as_text(spark, path, name) for name in names))
        lines = lines.withColumn(_CORRUPT, F.lit(None).cast("string"))
        return _taken(lines, path, wanted, [*columns, *optional])
    schema = StructType([StructField(name, StringType(), True) for name in [*names, _CORRUPT]])
    reader = spark.read.schema(schema).option("mode", "PERMISSIVE")
    reader = reader.option("columnNameOfCorruptRecord", _CORRUPT)
    # Quotes within quotes are doubled, as RFC 4180 and every spreadsheet have it.
    lines = reader.json(path) if is_json else reader.option("header", True).option("escape", '"').csv(path)
    return _taken(lines, path, wanted, [*columns, *optional])


def _taken(lines: DataFrame, path: str, wanted: Mapping[str, str], fields: list[str]) -> DataFrame:
    taken = [
        (F.trim(_quoted(wanted[field])) if field in wanted else F.lit(None).cast("string")).alias(field)
        for field in fields
    ]
    return lines.select(
        *taken,
        F.lit(Path(path).name).alias("source_file"),
        _quoted(_CORRUPT).alias("raw"),
        F.struct("_metadata.file_block_start", F.monotonically_increasing_id()).alias("line_order"),
    )


def read_json_pairs(spark: SparkSession, path: str) -> DataFrame | None:
    """``image_id, label, split, raw`` of a JSON file whose ``image_filenames`` are [image_id, label] pairs.

    ImageNetV2 is published so. None where the file is something else (JSON lines, CSV …).
    """
    pairs = json_pairs(path)
    if pairs is None:
        return None
    rows = [(image_id, label, None, None) for image_id, label in pairs]
    return spark.createDataFrame(rows, "image_id string, label string, split string, raw string")


def json_pairs(path: str) -> list[tuple[str, str]] | None:
    """The [image_id, label] pairs of an ImageNetV2 dataset file; None where ``path`` is no such file."""
    if not path.lower().endswith(".json"):
        return None
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        return None  # JSON lines have this ending too
    found = content.get("image_filenames") if isinstance(content, dict) else None
    if not isinstance(found, list):
        return None
    if any(not isinstance(pair, list) or len(pair) != 2 for pair in found):
        raise InputError(f"{path}: image_filenames: wanted [image_id, label] pairs")
    return [(str(image_id), str(label)) for image_id, label in found]


def _parquet_names(spark: SparkSession, path: str) -> list[str]:
    try:
        return spark.read.parquet(path).columns
    except PySparkException as error:
        raise InputError(f"{path}: cannot be read as Parquet: {str(error).splitlines()[0][:200]}") from None


def _as_text(spark: SparkSession, path: str, name: str) -> Column:
    kind = spark.read.parquet(path).schema[name].dataType
    column = _quoted(name)
    return (F.to_json(column) if isinstance(kind, ArrayType) else column.cast("string")).alias(name)


def _quoted(name: str) -> Column:
    return F.col("`" + name.replace("`", "``") + "`")


def _csv_names(path: str) -> list[str]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            names = next(csv.reader(stream), [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV: {error}") from None
    if not names:
        raise InputError(f"{path}: is empty; wanted a CSV file with a header line")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"{path}: line 1: column {repeated[0]!r} is there twice")
    return names


def _json_names(path: str) -> list[str]:
    """The names in the first lines: one record a line, and later ones may have more than the first."""
    names: dict[str, None] = {}
    try:
        with open(path, encoding="utf-8-sig") as stream:
            for line in islice(stream, 1000):
                try:
                    record = json.loads(line)
                except json.JSONDecodeError:
                    continue  # a malformed line becomes a rejected row later on
                names.update(dict.fromkeys(record if isinstance(record, dict) else ()))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as JSON lines: {error}") from None
    if not names:
        raise InputError(f"{path}: has no JSON records; wanted one object a line")
    return list(names)


def _check_columns(path: str, wanted: Mapping[str, str], names: list[str]) -> None:
    faults = []
    for field, name in wanted.items():
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            faults.append(f"  - no column {name!r} for {field}{hint}")
    if faults:
        raise InputError(
            f"{path}: has the columns {', '.join(map(repr, names))}\n"
            + "\n".join(faults)
            + "\n  next: name the columns, such as --item-column question"
        )
