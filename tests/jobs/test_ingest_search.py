from __future__ import annotations

import pytest
from rows import as_dicts, rows
from search_server import search_server

from synlake import tables
from synlake.errors import UsageError
from synlake.jobs import ingest_images

TENCH = "n01440764"


@pytest.fixture
def server():
    one = search_server()
    yield one
    one.stop()


def planned(*words):
    return [{"synset_id": TENCH, "query": word, "language": "en", "kind": "lemma"} for word in words]


@pytest.mark.slow  # two runs; tests/udfs/test_search.py has the quick version of the asking
def test_queries_become_images_with_licence_and_author_and_are_asked_once(spark, warehouse, server):
    chosen = {"selection_id": "default", "synset_id": TENCH, "is_selected": True}
    tables.overwrite(warehouse, "synsets", rows(spark, "synsets", chosen))
    queries = [
        *planned("tench", "tenches", "busy"),
        {**planned("x")[0], "synset_id": "n02", "query": "other"},
    ]
    tables.overwrite(warehouse, "queries", rows(spark, "queries", *queries))
    config = ingest_images.Config(
        source="openverse",
        api_url=server.url("/openverse"),
        allow_private=True,
        contact="me@example.org",
        max_attempts=1,
        searches_per_second=0.0,
        per_host_rate=0.0,
    )
    first = ingest_images.main(warehouse, config)
    n_left = 2 - sum(n > 0 for key, n in server.asked.items() if key in ("tench 1", "tenches 1"))
    assert "busy 1" in server.asked
    tables.overwrite(warehouse, "queries", rows(spark, "queries", *planned("tench", "tenches")))
    outcome = ingest_images.main(warehouse, config) if n_left else first
    assert outcome.rows_kept == 4
    assert {n for key, n in server.asked.items() if not key.startswith("busy")} == {1}
    searches = {
        row["query"]: (row["status"], row["n_results"])
        for row in as_dicts(tables.read(warehouse, "searches"))
    }
    assert searches == {"tench": ("ok", 2), "tenches": ("ok", 2), "busy": ("rate_limited", 0)}
    found = as_dicts(tables.read(warehouse, "search_results"), "url")
    assert {(r["query"], r["licence"], r["author"], r["synset_id"]) for r in found} == {
        ("tench", "by-sa 2.0", "Ann B.", TENCH),
        ("tenches", "by-sa 2.0", "Ann B.", TENCH),
    }
    assert found[0]["published_at"] is not None
    taken = as_dicts(tables.read(warehouse, "candidates"))
    assert {(row["source"], row["source_ref"]) for row in taken} == {("openverse", r["url"]) for r in found}


def test_an_engine_is_told_who_calls(warehouse, spark):
    tables.overwrite(warehouse, "synsets", rows(spark, "synsets", {"synset_id": TENCH, "is_selected": True}))
    with pytest.raises(UsageError, match="--contact"):
        ingest_images.main(warehouse, ingest_images.Config(source="commons"))
