"""What sources that search and download give fits the tables it is for: a column that one lacks shows here."""

from __future__ import annotations

import datetime as dt
import hashlib

from rows import rows

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
    found = url_candidates(records, synsets, best_downloads(downloads), source="urls", retrieved_at=NOW)
    assert conform(found, TABLES["candidates"]).columns == TABLES["candidates"].schema.names


def test_what_a_later_selection_accepts_has_another_key_than_what_was_turned_down(spark):
    url = "https://a.example/1.jpg"
    records = rows(spark, "search_results", *({"url": url, "synset_id": s} for s in ("n1", "n2")))
    ended = best_downloads(rows(spark, "downloads", {"url": url, "status": "ok", "image_id": "came"}))

    def candidates_of(*selected):
        synsets = rows(spark, "synsets", *({"synset_id": s} for s in selected))
        found = url_candidates(records, synsets, ended, source="urls", retrieved_at=NOW).collect()
        return {(row["synset_id"], row["image_id"], row["reject_reason"]) for row in found}

    of_url = hashlib.sha256(url.encode()).hexdigest()
    assert candidates_of("n1") == {("n1", "came", None), ("n2", of_url, "synset_not_selected")}
    assert candidates_of("n1", "n2") == {("n1", "came", None), ("n2", "came", None)}
