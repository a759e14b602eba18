"""Lists of image URLs as people have them: CSV, JSON lines, Parquet, and the JSON that searches leave behind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from synlake.errors import InputError

#: Our column → the names that it goes by in lists, the first that is there wins.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "url": ("url", "image_url"),
    "synset_id": ("synset_id", "wnid"),
    "query": ("query", "search_key"),
    "search_engine": ("search_engine", "engine"),
    "engine_id": ("engine_id", "id_search_engine"),
    "licence": ("licence", "license"),
    "licence_url": ("licence_url", "license_url"),
    "author": ("author", "creator"),
    "country": ("country", "country_code"),
    "landing_url": ("landing_url", "foreign_landing_url"),
    "width_px": ("width_px", "width"),
    "height_px": ("height_px", "height"),
    "taken_at": ("taken_at", "date_taken"),
    "published_at": ("published_at", "date_upload_search_engine"),
    "found_at": ("found_at", "date_upload_our_db"),
}
_NUMBERS = ("width_px", "height_px")
_TIMES = ("taken_at", "published_at", "found_at")


def read(spark: SparkSession, path: str, *, url_column: str | None, synset_column: str | None) -> DataFrame:
    """One row a record: the columns of ``search_results`` that lists have; nulls for what a list has not.

    ``path`` is a ``.csv``, ``.jsonl``, ``.parquet`` or ``.json`` (an array) file, or a folder of the latter.
    Raises :class:`InputError` where it cannot be read or has no URLs.
    """
    try:
        records = _records(spark, path)
    except PySparkException as error:
        raise InputError(f"--input {path}: cannot be read: {str(error).splitlines()[0][:300]}") from None
    named = {"url": url_column, "synset_id": synset_column}
    for flag, name in (("--url-column", url_column), ("--synset-column", synset_column)):
        if name and name not in records.columns:
            raise InputError(f"{flag} {name}: {path} has the columns {', '.join(records.columns)}")
    found = {
        ours: named.get(ours) or next((name for name in names if name in records.columns), None)
        for ours, names in _NAMES.items()
    }
    if found["url"] is None:
        raise InputError(
            f"--input {path}: no column url; it has {', '.join(records.columns) or 'none'}\n"
            "  next: name it with --url-column"
        )
    columns = [_column(ours, theirs).alias(ours) for ours, theirs in found.items()]
    return records.select(*columns, F.col("_source_file").alias("source_file"))


def _column(ours: str, theirs: str | None) -> Column:
    """A column as text, number or time; what cannot be one is null, and an empty URL stays a record."""
    text = F.trim(F.col(f"`{theirs}`").try_cast("string")) if theirs else F.lit(None).cast("string")
    if ours in _NUMBERS:
        return text.try_cast("bigint")
    if ours in _TIMES:
        return F.try_to_timestamp(text)
    if ours == "synset_id":
        return F.coalesce(F.nullif(text, F.lit("")), F.lit("unknown"))
    return F.coalesce(text, F.lit("")) if ours in ("url", "query") else F.nullif(text, F.lit(""))


def _records(spark: SparkSession, path: str) -> DataFrame:
    if "://" not in path and not Path(path).exists():
        raise InputError(f"--input {path}: no such file or folder")
    ending = Path(path).suffix.lower()
    if ending == ".csv":
        read = spark.read.option("header", True).option("escape", '"').csv(path)
    elif ending == ".parquet":
        read = spark.read.parquet(path)
    else:  # a file of lines, a file with an array, or a folder of such files
        many_lines = ending not in (".jsonl", ".ndjson")
        reader = spark.read.option("primitivesAsString", True).option("multiLine", many_lines)
        read = reader.option("pathGlobFilter", "*.json*").json(path)
    return read.withColumn("_source_file", F.element_at(F.split("_metadata.file_path", "/"), -1))
