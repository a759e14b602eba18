from __future__ import annotations

import asyncio
import time

import pytest
from search_server import commons, openverse, search_server

from synlake.udfs.download import Limits
from synlake.udfs.engines import ENGINES, BadAnswerError, address_of
from synlake.udfs.search import Search, _all_of


@pytest.fixture
def server():
    one = search_server()
    yield one
    one.stop()


def ask(server, engine, *queries, per_second=0.0, results=200, **limits):
    given = {
        "allow_private": True,
        "max_attempts": 2,
        "backoff_seconds": 0.01,
        "user_agent": "me@example.org",
    }
    how = Search(engine, server.url(f"/{engine}"), results, per_second, Limits(**{**given, **limits}))
    rows = asyncio.run(_all_of([{"query": q, "language": "en"} for q in queries], how))
    return {row["query"]: row for row in rows}


def test_openverse_is_paged_and_gives_licence_and_author(server):
    found = ask(server, "openverse", "tench", "nothing")
    assert [(row["status"], row["n_pages"]) for row in found.values()] == [("ok", 2), ("ok", 1)]
    first, second = found["tench"]["records"]
    assert (first["url"], second["url"]) == (server.url("/image/3"), server.url("/image/4"))
    assert first == {
        "url": server.url("/image/3"),
        "engine_id": "0000-3",
        "licence": "by-sa 2.0",
        "licence_url": "https://creativecommons.org/licenses/by-sa/2.0/",
        "author": "Ann B.",
        "landing_url": "https://example.org/photos/3",
        "width_px": "1024",
        "height_px": "768",
        "taken_at": None,
        "published_at": "2020-05-01T10:00:00.000000Z",
    }
    assert server.agents == {"me@example.org"}
    assert ask(server, "openverse", "tench", results=1)["tench"]["n_pages"] == 1


def test_commons_is_paged_and_its_markup_taken_off(server):
    found = ask(server, "commons", "tench", "lagging")
    assert found["lagging"]["status"] == "ok"
    first, second = found["tench"]["records"]
    assert (first["licence"], first["author"], first["landing_url"]) == (
        "CC BY-SA 3.0",
        "Karl X",
        "https://commons.example/wiki/File:Tench.jpg",
    )
    assert (first["taken_at"], first["published_at"]) == ("2005-12-31 12:00:00", "2006-01-02T03:04:05Z")
    assert (second["author"], second["licence"]) == ("Uploader", None)


def test_every_query_has_one_status_and_a_busy_engine_is_left_alone(server):
    found = ask(server, "openverse", "broken", "refused", "busy", "tench")
    assert {query: row["status"] for query, row in found.items()} == {
        "broken": "bad_answer",
        "refused": "http_error",
        "busy": "rate_limited",
    }
    assert server.asked["busy 1"] == 2
    assert server.asked["tench 1"] == 0


def test_a_private_address_is_refused_unless_allowed(server):
    assert ask(server, "openverse", "tench", allow_private=False)["tench"]["status"] == "address_refused"
    assert not server.asked


def test_the_rate_holds_over_pages_and_queries(server):
    start = time.monotonic()
    ask(server, "openverse", "tench", "tenches", per_second=20.0)
    assert time.monotonic() - start >= 3 / 20


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "answer", [None, [], "text", {}, {"results": 1}, {"error": {"code": "x"}}, {"error": 1}]
)
def test_an_answer_of_another_shape_is_said(engine, answer):
    with pytest.raises(BadAnswerError):
        ENGINES[engine].read(answer, 0)


def test_results_without_an_address_or_of_odd_types_are_passed_over():
    odd = openverse("tench", 1, "x") | {"results": [None, 3, {}, {"url": "u", "license": None, "width": "?"}]}
    (one,) = ENGINES["openverse"].read(odd, 0).records
    assert (one["url"], one["licence"], one["width_px"]) == ("u", None, "?")
    empty = commons("tench", 0, "x") | {"query": {"pages": [{"pageid": 1}, {"imageinfo": [{}]}]}}
    assert ENGINES["commons"].read(empty, 0).records == []


def test_what_is_asked_is_encoded():
    assert "q=caf%C3%A9+%26+bar" in address_of("openverse", None, "café & bar", "fr", 20)
    assert "page=2" in address_of("openverse", None, "x", "fr", 20)
