"""The part of ingest-images that reads what lies on disks: folders, tar and zip archives, Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import synset_files, tables
from synlake.config import moment
from synlake.errors import InputError
from synlake.jobs.storing import store_images
from synlake.local_rows import local_rows
from synlake.methods.ingestion import (
    files_to_store,
    flag_files,
    identified,
    label_meanings,
    to_candidates,
    unseen,
    with_meanings,
)
from synlake.schemas import TABLES
from synlake.spread import held
from synlake.stage import Control, Outcome, flagged_outcome
from synlake.udfs.archives import Wanted, find_members
from synlake.udfs.contents import Opening, hash_files, read_files
from synlake.udfs.files import UNKNOWN_SYNSET, find_files
from synlake.warehouse import Warehouse

if TYPE_CHECKING:
    from synlake.jobs.ingest_images import Config

_NAMING = "name folders after synsets (n01440764/x.jpg) or files (n01440764_tench.JPEG)"
#: What an input of a kind should look like, for one in which nothing can be used.
_NEXT = {
    "folder": _NAMING,
    "tar": f"{_NAMING}, or give --labels-file for the labels of a WebDataset",
    "zip": f"{_NAMING}, or give --labels-file",
    "parquet": "name the column of labels with --synset-column, and what they mean with --labels-file",
}


def ingest_files(warehouse: Warehouse, settings: Config, synsets: DataFrame) -> Outcome:
    """List images, hash the new ones, store their bytes; a batch at a time, each committed before the next."""
    now, n_new = replace(warehouse, pins={}), 0
    with held(_listed(warehouse, settings, synsets)) as files:
        controls = _checked_counts(files, settings)
        selected = synsets.where("is_selected")
        flagged = flag_files(files.where("is_image"), selected, max_bytes=settings.max_bytes)
        with held(unseen(flagged, tables.read_or_empty(now, "candidates"), source=settings.source)) as new:
            for batch in _batches(new, settings.batch_bytes):
                n_new += _ingest_batch(now, settings, batch)
    return flagged_outcome(tables.read(now, "candidates"), controls=(*controls, Control("n_new", n_new)))


def _listed(warehouse: Warehouse, settings: Config, synsets: DataFrame) -> DataFrame:
    """One row a file or member, with the synset that its label or its path names."""
    spark, given = warehouse.spark, str(settings.input)
    if settings.source == "folder":
        return find_files(spark, given, settings.name)
    wanted = Wanted(settings.source, settings.image_column, settings.synset_column)
    members = find_members(spark, given, settings.name, wanted)
    own = local_rows(spark, synset_files.labels(settings.labels_file), "label string, synset_id string")
    return with_meanings(members, label_meanings(synsets, own))


def _checked_counts(files: DataFrame, settings: Config) -> tuple[Control, ...]:
    """What was found; an input where nothing can be used is the user's mistake, and said at once."""
    counts = files.agg(
        F.count_if("is_image").alias("n_images"),
        F.count_if(~F.col("is_image")).alias("n_ignored"),
        F.count_if(F.col("is_image") & (F.col("synset_id") != UNKNOWN_SYNSET)).alias("n_named"),
        F.count_if(F.col("fault") == "broken_archive").alias("n_broken"),
        F.min("label").alias("label"),
    ).first()
    assert counts is not None  # an aggregate without groups has one row
    if not counts["n_images"]:
        raise InputError(
            f"--input {settings.input}: no images in it ({counts['n_ignored']} other files)\n"
            f"  next: {_NEXT[settings.source]}"
        )
    if not counts["n_named"]:
        found = f"; a label there is {counts['label']!r}" if counts["label"] else ""
        broken = f", {counts['n_broken']} archives are broken" if counts["n_broken"] else ""
        raise InputError(
            f"--input {settings.input}: {counts['n_images']} images{broken}, but no folder or file name begins"
            f" with a wnid, and no label names a selected synset{found}\n  next: {_NEXT[settings.source]}"
        )
    return Control("n_files_found", counts["n_images"]), Control("n_files_ignored", counts["n_ignored"])


def _batches(files: DataFrame, batch_bytes: int) -> Iterator[DataFrame]:
    """The files in parts of about so many bytes; what an archive has side by side stays together."""
    total = files.agg(F.coalesce(F.sum("weight_bytes"), F.lit(0)).alias("n")).first()
    assert total is not None  # an aggregate without groups has one row
    n_batches = max(1, -(-int(total["n"]) // batch_bytes))
    for batch in range(n_batches):
        share = F.pmod(F.xxhash64("path", "part"), F.lit(n_batches))
        yield files.where(share == batch) if n_batches > 1 else files


def _ingest_batch(now: Warehouse, settings: Config, files: DataFrame) -> int:
    """Bytes first, then the rows that say they are there; returns the number of new candidates."""
    opening = Opening(
        settings.source, settings.image_column, settings.synset_column, max_bytes=settings.max_bytes
    )
    with held(identified(hash_files(files, opening), max_bytes=settings.max_bytes)) as found:
        with held(files_to_store(found, tables.read_or_empty(now, "image_bytes"))) as to_store:
            if not to_store.isEmpty():
                store_images(now, read_files(to_store, opening))
        stored = tables.read_or_empty(now, "image_bytes")
        rows = to_candidates(
            found, stored, source=settings.source, retrieved_at=moment(settings.as_of)
        ).dropDuplicates(list(TABLES["candidates"].key))  # an archive may hold a name twice
        return tables.insert_new(now, "candidates", rows)
