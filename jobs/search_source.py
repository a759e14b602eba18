"""The part of ingest-images that asks image searches for the queries of table queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import output, tables
from synlake.config import moment
from synlake.errors import UsageError
from synlake.methods.retrieval import found_by_search, queries_to_ask, share_of, to_searches
from synlake.spread import held
from synlake.stage import Control
from synlake.udfs.download import Limits
from synlake.udfs.search import Search, search
from synlake.warehouse import Warehouse

if TYPE_CHECKING:
    from synlake.jobs.ingest_images import Config


def search_images(now: Warehouse, settings: Config, synsets: DataFrame, limits: Limits) -> DataFrame:
    """Ask for the queries that were not asked yet; the records of all, of this run or earlier.

    Writes ``search_results``, then ``searches``: a batch of queries at a time, each committed before the next.
    """
    if not settings.contact:
        raise UsageError(
            "--contact: search engines ask who is calling\n  next: --contact you@example.org, or a page"
        )
    queries = tables.read(now, "queries").join(synsets.select("synset_id"), on="synset_id", how="left_semi")
    if settings.languages:
        queries = queries.where(F.col("language").isin(list(settings.languages)))
    how = Search(
        settings.source, settings.api_url, settings.results_per_query, settings.searches_per_second, limits
    )
    asked = tables.read_or_empty(now, "searches").where(F.col("source") == settings.source)
    with held(queries_to_ask(queries, asked, retry_failed=settings.retry_failed)) as todo:
        n_batches = -(-todo.count() // settings.batch_queries)
        for batch in range(n_batches):
            if not _search_batch(now, settings, share_of(todo, batch, n_batches, "query"), queries, how):
                output.say(f"  {settings.source} has had enough of us for now; the rest is for another run")
                break
    return tables.read_or_empty(now, "search_results").where(F.col("source") == settings.source)


def asked_controls(now: Warehouse, source: str) -> tuple[Control, ...]:
    """How many searches of a source ended how, over all runs."""
    rows = tables.read_or_empty(now, "searches").where(F.col("source") == source)
    counts = rows.groupBy("status").count().orderBy("status").collect()
    return tuple(Control(f"search:{row['status']}", row["count"]) for row in counts)


def _search_batch(
    now: Warehouse, settings: Config, queries: DataFrame, planned: DataFrame, how: Search
) -> bool:
    """Whether the engine may be asked for more. Results first, then the note that the query was asked."""
    with held(search(queries, how)) as answers:
        records = found_by_search(answers, planned, source=settings.source, listed_at=moment(settings.as_of))
        tables.insert_new(now, "search_results", records)
        tables.append(now, "searches", to_searches(answers, source=settings.source))
        return answers.where("status = 'rate_limited'").isEmpty()
