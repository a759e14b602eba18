"""Ingest the images of a folder tree: n01440764/x.jpg, or n01440764_name.JPEG flat.

Or of URLs: --source urls takes a CSV, JSON-lines or Parquet file with the columns url and synset_id; --source
search-results takes a JSON file, or a folder of them, with records of searches; see docs/sources.md.
Exact copies are stored once. What is there already is not read again: running it anew adds what is new.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import tables
from synlake.config import bad_name, moment, option
from synlake.errors import InputError, UsageError
from synlake.jobs.url_source import ingest_urls
from synlake.methods.ingestion import files_to_store, flag_files, to_candidates, unseen
from synlake.spread import by_weight, held
from synlake.stage import Control, Outcome, flagged_outcome
from synlake.tables import Warehouse
from synlake.udfs.files import UNKNOWN_SYNSET, find_files, hash_files, read_files

EXAMPLE = "ingest-images --input ~/pictures --warehouse W"
SOURCE = "folder"
SOURCES = (SOURCE, "urls", "search-results")


@dataclass(frozen=True)
class Config:
    """Settings of ingest-images."""

    source: str = option(SOURCE, "what --input is", choices=SOURCES)
    input: str | None = option(None, "folder with the images, or file of URLs; needed")
    name: str | None = option(None, "begins every source_ref; default: the folder's own name", check=bad_name)
    max_bytes: int = option(64 << 20, "larger files are rejected, bytes", minimum=1, maximum=(1 << 31) - 1)
    url_column: str | None = option(None, "column of a list that has the URL; default: url")
    synset_column: str | None = option(None, "column that has the synset; default: synset_id or wnid")
    download: bool = option(True, "false: only keep the records of a list, and ask no server")
    contact: str | None = option(
        None, "e-mail or page that servers are told, for those whom downloads bother"
    )
    allow_private: bool = option(False, "let downloads reach private, loopback and link-local addresses")
    honour_opt_out: bool = option(True, "leave out images whose server says noai or noimageai")
    retry_failed: bool = option(False, "ask again for URLs that failed in an earlier run")
    concurrency: int = option(32, "downloads that a task runs at once", minimum=1, maximum=1000)
    per_host: int = option(8, "downloads at once from one host", minimum=1)
    per_host_rate: float = option(20.0, "requests a second to one host; 0: no limit", minimum=0)
    max_attempts: int = option(3, "requests for a URL whose server is busy or breaks off", minimum=1)
    backoff_seconds: float = option(
        1.0, "pause before the second request; doubles from one to the next", minimum=0
    )
    max_redirects: int = option(5, "redirects that are followed", minimum=0)
    stall_seconds: float = option(15.0, "longest wait for the next bytes", minimum=0.01)
    total_seconds: float = option(60.0, "longest that one request may take", minimum=0.01)
    batch_urls: int = option(10_000, "URLs downloaded between two commits", minimum=1)
    as_of: dt.datetime | None = option(None, "time of retrieval, UTC; default: now")
    selection_id: str = option("default", "the selection that candidates are for", check=bad_name)


def main(warehouse: Warehouse, settings: Config) -> Outcome:
    """Find images where ``source`` says, store the bytes of new ones, write ``candidates``."""
    if settings.input is None:
        raise UsageError(
            "--input: a folder with images is needed, or a file of URLs\n  next: ingest-images --help"
        )
    if settings.source == SOURCE:
        return _ingest_folder(warehouse, settings)
    return ingest_urls(warehouse, settings, _selected(warehouse, settings))


def _ingest_folder(warehouse: Warehouse, settings: Config) -> Outcome:
    """List files, hash the new ones, store their bytes."""
    now = replace(warehouse, pins={})
    with held(_listed(warehouse, settings)) as files:
        images = files.where("is_image")
        controls = _checked_counts(files, settings)
        new = unseen(images, tables.read_or_empty(now, "candidates"), source=SOURCE)
        hashed = hash_files(by_weight(new, "size_bytes", "path"), max_bytes=settings.max_bytes)
        with held(
            flag_files(hashed, _selected(warehouse, settings), max_bytes=settings.max_bytes)
        ) as flagged:
            _store_bytes(
                warehouse, files_to_store(flagged, tables.read_or_empty(now, "image_bytes")), settings
            )
            stored = tables.read_or_empty(now, "image_bytes")
            retrieved_at = moment(settings.as_of)
            rows = to_candidates(flagged, stored, source=SOURCE, retrieved_at=retrieved_at)
            n_new = tables.insert_new(warehouse, "candidates", rows)
    return flagged_outcome(tables.read(now, "candidates"), controls=(*controls, Control("n_new", n_new)))


def _selected(warehouse: Warehouse, settings: Config) -> DataFrame:
    synsets = tables.read(warehouse, "synsets")
    return synsets.where(F.col("is_selected") & (F.col("selection_id") == settings.selection_id))


def _listed(warehouse: Warehouse, settings: Config) -> DataFrame:
    return find_files(warehouse.spark, str(settings.input), settings.name)


def _checked_counts(files: DataFrame, settings: Config) -> tuple[Control, ...]:
    """What was found; an input where nothing can be used is the user's mistake, and said at once."""
    counts = files.agg(
        F.count_if("is_image").alias("n_images"),
        F.count_if(~F.col("is_image")).alias("n_ignored"),
        F.count_if(F.col("is_image") & (F.col("synset_id") != UNKNOWN_SYNSET)).alias("n_named"),
    ).first()
    assert counts is not None  # an aggregate without groups has one row
    if not counts["n_images"]:
        raise InputError(
            f"--input {settings.input}: no images in it ({counts['n_ignored']} other files)\n"
            "  next: give a folder such as n01440764/x.jpg, or flat files such as n01440764_tench.JPEG"
        )
    if not counts["n_named"]:
        raise InputError(
            f"--input {settings.input}: {counts['n_images']} images, but no folder or file name begins with a"
            " wnid\n  next: name folders after synsets (n01440764/x.jpg) or files (n01440764_tench.JPEG)"
        )
    return Control("n_files_found", counts["n_images"]), Control("n_files_ignored", counts["n_ignored"])


def _store_bytes(warehouse: Warehouse, files: DataFrame, settings: Config) -> None:
    with held(files) as to_store:
        if not to_store.isEmpty():
            spread = by_weight(to_store, "size_bytes", "image_id")
            contents = read_files(spread, max_bytes=settings.max_bytes)
            tables.append_unstaged(warehouse, "image_bytes", contents)
