"""What sources that search and download give fits the tables it is for: a column that one lacks shows here."""

from __future__ import annotations

import datetime as dt

from synlake.contract import conform
from synlake.methods.retrieval import (
    best_downloads,
    found_by_search,
    to_downloads,
    to_searches,
    url_candidates,
)
from synlake.schemas import TABLES
from synlake.udfs.fetch import _FETCHED
from synlake.udfs.search import _ASKED

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)


def nothing(spark, schema):
    return spark.createDataFrame([], schema)


def test_answers_of_an_engine_fit_their_tables(spark):
    answers, queries = nothing(spark, _ASKED), nothing(spark, TABLES["queries"].schema)
    found = found_by_search(answers, queries, source="openverse", listed_at=NOW)
    assert conform(found, TABLES["search_results"]).columns == TABLES["search_results"].schema.names
    assert conform(to_searches(answers, source="openverse"), TABLES["searches"]).count() == 0


def test_downloads_fit_their_tables(spark):
    fetched = nothing(spark, _FETCHED)
    downloads = conform(to_downloads(fetched), TABLES["downloads"])
    records, synsets = (nothing(spark, TABLES[name].schema) for name in ("search_results", "synsets"))
    rows = url_candidates(records, synsets, best_downloads(downloads), source="urls", retrieved_at=NOW)
    assert conform(rows, TABLES["candidates"]).columns == TABLES["candidates"].schema.names
