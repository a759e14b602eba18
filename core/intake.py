"""Rows of a user's CSV or JSON-lines file as strings, under our own column names; what cannot be parsed is kept."""

from __future__ import annotations

import csv
import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StringType, StructField, StructType

from synlake.errors import InputError
from synlake.local_rows import local_rows

_CORRUPT = "_corrupt"
#: As Spark names them. In some of them a line does not end in the byte of a newline: such a file is read whole.
ENCODINGS = ("UTF-8", "ISO-8859-1", "US-ASCII", "UTF-16", "UTF-16LE", "UTF-16BE", "UTF-32")
_WIDE_ENCODINGS = ENCODINGS[3:]
_PARQUET_ENDINGS = (".parquet", ".parq", ".pq")
_JSON_ENDINGS = (".json", ".jsonl", ".ndjson")


@dataclass(frozen=True)
class Shape:
    """How a CSV file is written. ``quoted_newlines``: a quoted field may go on in the next line. Then one task
    reads the whole file, and a quote that is never closed takes all that follows.
    """

    separator: str = ","
    encoding: str = "UTF-8"
    quoted_newlines: bool = False

    @property
    def is_one_piece(self) -> bool:
        """Whether lines cannot be found without reading from the start."""
        return self.quoted_newlines or self.encoding in _WIDE_ENCODINGS


CSV = Shape()


def read_rows(
    spark: SparkSession,
    path: str,
    columns: Mapping[str, str],
    optional: Mapping[str, str | None],
    if_there: Mapping[str, str] | None = None,
    shape: Shape = CSV,
) -> DataFrame:
    """One row a line: a string column for each key of ``columns`` and ``optional``, taken from the file's
    column of that value; ``source_file``; ``raw`` with the line where it is malformed, else null; and
    ``line_order``, whose order is that of the lines. Columns of ``if_there`` are null where the file
    lacks them. A Parquet file or folder is read as well. Bytes that are not in the file's encoding are read
    as U+FFFD.

    Raises :class:`InputError` where the file is empty or lacks a named column.
    """
    lines, names = read_lines(spark, path, shape)
    optional = {
        **optional,
        **{field: name if name in names else None for field, name in (if_there or {}).items()},
    }
    wanted = {**columns, **{field: name for field, name in optional.items() if name}}
    _check_columns(path, wanted, names)
    taken = [
        (F.trim(_quoted(wanted[field])) if field in wanted else F.lit(None).cast("string")).alias(field)
        for field in [*columns, *optional]
    ]
    return lines.select(*taken, "source_file", "raw", "line_order")


def read_lines(spark: SparkSession, path: str, shape: Shape = CSV) -> tuple[DataFrame, list[str]]:
    """Every column of a file as strings, ``source_file, raw, line_order`` as of :func:`read_rows`, and the names."""
    if path.rstrip("/").lower().endswith(_PARQUET_ENDINGS):
        names = _parquet_names(spark, path)
        lines = spark.read.parquet(path).select(*(_as_text(spark, path, name) for name in names))
        lines = lines.withColumn(_CORRUPT, F.lit(None).cast("string"))
        return _with_origin(lines, path, names), names
    is_json = path.lower().endswith(_JSON_ENDINGS)
    names = _json_names(path) if is_json else _csv_names(path, shape)
    schema = StructType([StructField(name, StringType(), True) for name in [*names, _CORRUPT]])
    reader = spark.read.schema(schema).option("mode", "PERMISSIVE")
    reader = reader.option("columnNameOfCorruptRecord", _CORRUPT)
    if is_json:
        return _with_origin(reader.json(path), path, names), names
    # Quotes within quotes are doubled, as RFC 4180 and every spreadsheet have it.
    reader = reader.option("header", True).option("escape", '"').option("sep", shape.separator)
    reader = reader.option("encoding", shape.encoding).option("multiLine", shape.is_one_piece)
    return _with_origin(reader.csv(path), path, names), names


def _with_origin(lines: DataFrame, path: str, names: list[str]) -> DataFrame:
    return lines.select(
        *map(_quoted, names),
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
    return local_rows(spark, rows, "image_id string, label string, split string, raw string")


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


def _csv_names(path: str, shape: Shape) -> list[str]:
    encoding = "utf-8-sig" if shape.encoding == "UTF-8" else shape.encoding
    try:
        with open(path, newline="", encoding=encoding, errors="replace") as stream:
            names = next(csv.reader(stream, delimiter=shape.separator), [])
    except (OSError, UnicodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV: {error}") from None
    if not names:
        raise InputError(f"{path}: is empty; wanted a CSV file with a header line")
    if any("\ufffd" in name or "\0" in name for name in names):
        raise InputError(
            f"{path}: line 1: is not in {shape.encoding}\n  next: save the file as UTF-8,"
            " or say what it is in where the command has --encoding"
        )
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
            flag = f"--{field.removesuffix('_id')}-column"
            faults.append(f"  - no column {name!r} for {field}{hint}")
    if faults:
        raise InputError(
            f"{path}: has the columns {', '.join(map(repr, names))}\n"
            + "\n".join(faults)
            + f"\n  next: correct the first line; where --help has a flag such as {flag}, it names the column"
        )
