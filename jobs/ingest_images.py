"""Ingest the images of folders, archives (tar, zip, Parquet), lists of URLs and image searches.

A folder has n01440764/x.jpg, or n01440764_name.JPEG flat; so have archives: --source tar (also WebDataset), zip, or
parquet (columns of images, as Hugging Face has them). --source urls takes a CSV, JSON-lines or Parquet file with the
columns url and synset_id; --source search-results takes a JSON file, or a folder of them, with records of searches;
--source openverse or commons asks these for the queries of table queries. See docs/sources.md.
Exact copies are stored once. What is there already is not read again: running it anew adds what is new.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from pyspark.sql import functions as F

from synlake import tables
from synlake.config import bad_name, option
from synlake.errors import UsageError
from synlake.jobs.file_source import ingest_files
from synlake.jobs.url_source import ingest_urls
from synlake.stage import Outcome
from synlake.udfs.contents import KINDS
from synlake.udfs.engines import ENGINES
from synlake.warehouse import Warehouse

EXAMPLE = "ingest-images --input ~/pictures --warehouse W"
SOURCES = (*KINDS, "urls", "search-results", *ENGINES)


@dataclass(frozen=True)
class Config:
    """Settings of ingest-images."""

    source: str = option("folder", "what --input is", choices=SOURCES)
    input: str | None = option(
        None, "folder with the images, archives, or file of URLs; needed", placeholder="DIR|FILE"
    )
    name: str | None = option(None, "begins every source_ref; default: the folder's own name", check=bad_name)
    max_bytes: int = option(64 << 20, "larger files are rejected, bytes", minimum=1, maximum=(1 << 31) - 1)
    url_column: str | None = option(None, "column of a list that has the URL; default: url")
    synset_column: str | None = option(
        None, "column (or JSON field) that has the synset or label; default: synset_id, wnid or label"
    )
    image_column: str | None = option(None, "column of a Parquet file that has the images; default: image …")
    labels_file: str | None = option(
        None, "CSV of label,synset_id: what the labels of archives mean", is_file=True
    )
    batch_bytes: int = option(32 << 30, "bytes of files and archives between two commits", minimum=1)
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
    results_per_query: int = option(200, "images wanted of a search, at the most", minimum=1)
    searches_per_second: float = option(1.0, "pages of results asked for in a second; 0: no limit", minimum=0)
    languages: tuple[str, ...] = option((), "only queries in these: en,es …; default: all")
    batch_queries: int = option(100, "queries asked between two commits", minimum=1)
    api_url: str | None = option(None, "address of a search engine of one's own, of the same interface")
    as_of: dt.datetime | None = option(None, "time of retrieval, UTC; default: now")
    selection_id: str = option("default", "the selection that candidates are for", check=bad_name)


def main(warehouse: Warehouse, settings: Config) -> Outcome:
    """Find images where ``source`` says, store the bytes of new ones, write ``candidates``."""
    if settings.input is None and settings.source not in ENGINES:
        raise UsageError(
            "--input: a folder with images is needed, or archives, or a file of URLs\n"
            "  next: ./submit.sh ingest-images --help"
        )
    synsets = tables.read(warehouse, "synsets").where(F.col("selection_id") == settings.selection_id)
    ingest = ingest_files if settings.source in KINDS else ingest_urls
    return ingest(warehouse, settings, synsets)
