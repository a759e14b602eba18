"""Finding the images in archives (tar, zip, Parquet), on executors: a row an image, and one where an archive breaks."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from synlake.errors import InputError
from synlake.local_rows import dealt_rows
from synlake.udfs import parquets, tars, zips
from synlake.udfs.files import LISTED_ROWS, LISTING, batch_of, shown, synset_in
from synlake.udfs.members import Member

ENDINGS = {"tar": tars.ENDINGS, "zip": zips.ENDINGS, "parquet": parquets.ENDINGS}


@dataclass(frozen=True)
class Wanted:
    """What is looked for in archives of a kind."""

    kind: str
    image_column: str | None = None
    synset_field: str | None = None


def find_members(spark: SparkSession, given: str, prefix: str | None, wanted: Wanted) -> DataFrame:
    """One row an image of the archives at ``given``: the columns of LISTING, as for files of a folder.

    Raises :class:`InputError` where there is no archive, or its columns are not as the settings say.
    """
    root, paths = _paths(given, ENDINGS[wanted.kind])
    if wanted.kind == "parquet":
        _check_columns(given, paths[0], wanted)
    name = os.fsencode(prefix) if prefix else os.path.basename(root.rstrip(b"/"))
    rows = []
    for path in paths:
        inner = b"" if path == root else os.path.relpath(path, root)
        rows.append((path, os.path.join(name, inner) if inner else name))
    archives = dealt_rows(spark, rows, "path binary, name binary")
    return archives.mapInArrow(lambda batches: _list_batches(batches, wanted), LISTING)


def _paths(given: str, endings: tuple[str, ...]) -> tuple[bytes, list[bytes]]:
    """The folder (or the one file) that names are relative to, and the archives in it. Links are followed to files."""
    root = os.path.abspath(os.path.expanduser(given))
    if os.path.isfile(root):
        return os.fsencode(root), [os.fsencode(root)]
    if os.path.isdir(root):
        found = [os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names]
    else:
        found = glob.glob(root, recursive=True)
        root = os.path.commonpath([os.path.dirname(path) for path in found]) if found else root
    chosen = sorted(path for path in found if path.lower().endswith(endings) and os.path.isfile(path))
    if not chosen:
        raise InputError(
            f"--input {given}: no archive there; wanted a file, a pattern in quotes, or a folder with files"
            f" that end in {', '.join(endings)}"
        )
    return os.fsencode(root), [os.fsencode(path) for path in chosen]


def _check_columns(given: str, path: bytes, wanted: Wanted) -> None:
    """Of the first file: a name that it lacks is a slip of the user's. Files that differ get rows with a fault."""
    try:
        schema = pq.read_schema(os.fsdecode(path))
    except (pa.ArrowException, OSError):
        return
    has = ", ".join(f"{field.name} ({field.type})" for field in schema)
    if wanted.synset_field and wanted.synset_field not in schema.names:
        raise InputError(f"--synset-column {wanted.synset_field}: {given} has the columns {has}")
    if parquets.columns_of(schema, wanted.image_column, wanted.synset_field) is None:
        raise InputError(
            f"--input {given}: no column {wanted.image_column or 'of images'}: wanted bytes, or a struct with a"
            f" field bytes; it has the columns {has[:1000]}\n  next: name it with --image-column"
        )


def _list_batches(batches: Iterator[pa.RecordBatch], wanted: Wanted) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for archive in batch.to_pylist():
            rows: list[tuple[object, ...]] = []
            for row in _rows(archive["path"], archive["name"], wanted):
                rows.append(row)
                if len(rows) == LISTED_ROWS:
                    yield batch_of(rows, LISTING)
                    rows = []
            if rows:
                yield batch_of(rows, LISTING)


def _rows(path: bytes, name: bytes, wanted: Wanted) -> Iterator[tuple[object, ...]]:
    """The rows of one archive, its own time being that of each of its members."""
    try:
        modified_us = os.stat(path).st_mtime_ns // 1000
    except OSError:
        modified_us = 0
    for member in _members(path, wanted):
        full = os.path.join(name, member.name) if member.name else name
        yield (
            path,
            member.offset,
            member.part,
            shown(full),
            synset_in(full),
            member.label,
            member.size_bytes,
            member.weight_bytes,
            modified_us,
            member.is_image,
            member.fault,
        )


def _members(path: bytes, wanted: Wanted) -> Iterator[Member]:
    listing: Any
    if wanted.kind == "tar":
        listing = tars.list_tar(path, synset_field=wanted.synset_field)
    elif wanted.kind == "zip":
        listing = zips.list_zip(path, synset_field=wanted.synset_field)
    else:
        listing = parquets.list_parquet(
            path, image_column=wanted.image_column, synset_field=wanted.synset_field
        )
    try:
        yield from listing
    except (
        Exception
    ):  # a fault that the library of the format has no word for is still one of this archive only
        yield Member(b"", 0, 0, 0, fault="broken_archive")
