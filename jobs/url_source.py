"""The part of ingest-images that downloads what lists of URLs and searches name."""

from __future__ import annotations

import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import __version__, output, tables, url_lists
from synlake.config import moment
from synlake.jobs.search_source import asked_controls, search_images
from synlake.jobs.storing import store_images
from synlake.methods.retrieval import (
    best_downloads,
    images_to_store,
    share_of,
    to_downloads,
    url_candidates,
    urls_to_fetch,
)
from synlake.schemas import TABLES
from synlake.spread import by_weight, held, wide_rows
from synlake.stage import Control, Outcome, flagged_outcome
from synlake.udfs.download import Limits
from synlake.udfs.engines import ENGINES
from synlake.udfs.fetch import fetch, with_bodies
from synlake.warehouse import Warehouse

if TYPE_CHECKING:
    from synlake.jobs.ingest_images import Config


def ingest_urls(warehouse: Warehouse, settings: Config, synsets: DataFrame) -> Outcome:
    """Read the list or search, download what is new, write ``search_results``, ``downloads`` and ``candidates``."""
    now, synsets = replace(warehouse, pins={}), synsets.where("is_selected")
    with held(_records(now, settings, synsets)) as records:
        controls: tuple[Control, ...]
        if settings.source in ENGINES:
            controls = asked_controls(now, settings.source)
        else:
            controls = (Control("n_listed", tables.insert_new(now, "search_results", records)),)
        if settings.download:
            _download(now, settings, records, synsets)
        asked = records.select("url").distinct()
        downloads = tables.read_or_empty(now, "downloads").join(asked, on="url", how="left_semi")
        with held(best_downloads(downloads)) as ended:
            rows = url_candidates(
                records, synsets, ended, source=settings.source, retrieved_at=moment(settings.as_of)
            )
            n_new = tables.insert_new(now, "candidates", rows)
            counts = ended.groupBy("got.status").count().orderBy("status").collect()
    controls += tuple(Control(f"download:{row['status']}", row["count"]) for row in counts)
    told = ", ".join(f"{one.metric} {one.value:g}" for one in controls)
    outcome = flagged_outcome(tables.read(now, "candidates"), controls=(*controls, Control("n_new", n_new)))
    n_failed = sum(row["count"] for row in counts if row["status"] != "ok")
    again = f"{n_failed} URLs have not come; --retry-failed asks for them again" if n_failed else ""
    return replace(outcome, notes=(told, again) if again else (told,))


def limits_of(settings: Config) -> Limits:
    """What a download may cost. The user agent names who to write to."""
    contact = settings.contact or "no contact given"
    return Limits(
        max_bytes=settings.max_bytes,
        stall_seconds=settings.stall_seconds,
        total_seconds=settings.total_seconds,
        max_redirects=settings.max_redirects,
        max_attempts=settings.max_attempts,
        backoff_seconds=settings.backoff_seconds,
        concurrency=settings.concurrency,
        per_host=settings.per_host,
        per_host_rate=settings.per_host_rate,
        allow_private=settings.allow_private,
        honour_opt_out=settings.honour_opt_out,
        user_agent=f"synlake/{__version__} (dataset builder; {contact})",
    )


def _records(now: Warehouse, settings: Config, synsets: DataFrame) -> DataFrame:
    """What names the images: rows of ``search_results``."""
    if settings.source in ENGINES:
        return search_images(now, settings, synsets, limits_of(settings))
    return _listed(now, settings)


def _listed(warehouse: Warehouse, settings: Config) -> DataFrame:
    read = url_lists.read(
        warehouse.spark,
        str(settings.input),
        url_column=settings.url_column,
        synset_column=settings.synset_column,
    )
    full = read.withColumns(
        {
            "source": F.lit(settings.source),
            "listed_at": F.lit(moment(settings.as_of)).cast("timestamp"),
        }
    )
    schema = TABLES["search_results"]
    return full.select(*schema.schema.names).dropDuplicates(list(schema.key))


def _download(now: Warehouse, settings: Config, records: DataFrame, synsets: DataFrame) -> None:
    """Download in batches. While one is stored, the next is fetched: servers are waited for, disks work.

    What a killed run committed is not asked for again, and what it fetched besides waits in at most two spools.
    """
    if not settings.contact:
        output.say("  servers are not told whom to write to; next: --contact you@example.org")
    limits, n_tasks = limits_of(settings), now.spark.sparkContext.defaultParallelism
    downloads = tables.read_or_empty(now, "downloads")
    # Of the whole list, so that a killed run's next one has the same batches, and finds their spools.
    n_batches = -(-records.select("url").distinct().count() // settings.batch_urls)
    todo = urls_to_fetch(records, synsets, downloads, retry_failed=settings.retry_failed)
    storing: Future[None] | None = None
    with held(todo) as urls, ThreadPoolExecutor(1) as storer:
        for batch in range(n_batches):
            spool = None if now.is_remote else f"{now.root}/_downloading/{batch}-of-{n_batches}"
            part = share_of(urls, batch, n_batches)
            with ExitStack() as stack:
                fetched = stack.enter_context(held(fetch(part, limits=limits, n_tasks=n_tasks, spool=spool)))
                n_fetched = fetched.count()  # here they are downloaded
                if storing:
                    storing.result()  # a fault of it ends the job
                storing = None
                if n_fetched:
                    storing = storer.submit(_store, now, fetched, spool, stack.pop_all())
                elif spool:  # all is in the tables
                    shutil.rmtree(spool, ignore_errors=True)
        if storing:
            storing.result()


def _store(now: Warehouse, fetched: DataFrame, spool: str | None, holding: ExitStack) -> None:
    """Bytes first, then how each URL ended: one that is said to be there is there. ``holding`` ends with it."""
    with holding:
        new = images_to_store(fetched, tables.read_or_empty(now, "image_bytes"))
        if spool:  # the task of a busy host fetched most of them; all tasks store them
            with held(new.drop("bytes")) as named:
                store_images(now, with_bodies(by_weight(named, "size_bytes", "image_id"), spool))
        else:
            with wide_rows(now.spark):
                tables.append_unstaged(now, "image_bytes", new.select("image_id", "size_bytes", "bytes"))
        tables.append(now, "downloads", to_downloads(fetched))
    if spool:
        shutil.rmtree(spool, ignore_errors=True)
