from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from misbehaving import Server, jpeg
from rows import as_dicts, rows

from synlake import tables
from synlake.errors import InputError
from synlake.jobs import ingest_images

TENCH, GOLDFISH = "n01440764", "n01443537"

#: Downloads with real time-outs and back-offs: minutes in all.
pytestmark = pytest.mark.slow


@pytest.fixture
def server():
    one = Server()
    yield one
    one.stop()


@pytest.fixture
def ready(spark, warehouse):
    chosen = {"selection_id": "default", "is_selected": True}
    given = rows(
        spark,
        "synsets",
        {"synset_id": TENCH, **chosen},
        {"synset_id": GOLDFISH, **chosen},
        {"synset_id": "n02", "selection_id": "default", "reject_reason": "too_deep"},
    )
    tables.overwrite(warehouse, "synsets", given)
    return warehouse


def settings(path, **changes):
    given = {
        "source": "urls",
        "input": str(path),
        "allow_private": True,
        "contact": "me@example.org",
        "max_attempts": 2,
        "backoff_seconds": 0.01,
        "stall_seconds": 0.5,
        "total_seconds": 2.0,
        "per_host_rate": 0.0,
        "max_bytes": 100_000,
    }
    return ingest_images.Config(**{**given, **changes})


def write_csv(path, records):
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    return path


def test_every_url_has_one_status_and_every_image_its_bytes_and_provenance(ready, server, tmp_path):
    given = [
        ("/image/1", TENCH),
        ("/image/1/copy", TENCH),
        ("/image/2", GOLDFISH),
        ("/html", TENCH),
        ("/nowhere", TENCH),
        ("/image/9", "n02"),
        ("/image/8", ""),
    ]
    records = [{"url": server.url(path), "wnid": s, "license": "CC0", "author": "A, B"} for path, s in given]
    records.append({"url": "", "wnid": TENCH, "license": "", "author": ""})
    path = write_csv(tmp_path / "list.csv", records)
    outcome = ingest_images.main(ready, settings(path))
    assert dict(outcome.rejected) == {"no_synset": 1, "not_downloaded": 3, "synset_not_selected": 1}
    assert outcome.rows_kept == 3
    status = {row["url"]: row["status"] for row in as_dicts(tables.read(ready, "downloads"))}
    assert status == {
        server.url("/image/1"): "ok",
        server.url("/image/1/copy"): "ok",
        server.url("/image/2"): "ok",
        server.url("/html"): "not_an_image",
        server.url("/nowhere"): "http_error",
        "": "bad_url",
    }
    stored = {bytes(row["bytes"]) for row in tables.read(ready, "image_bytes").collect()}
    assert stored == {jpeg(1), jpeg(2)}
    assert tables.read(ready, "image_bytes").count() == 2
    assert "/image/9" not in server.asked
    listed = {row["url"]: row for row in as_dicts(tables.read(ready, "search_results"))}
    assert listed[server.url("/image/2")]["licence"] == "CC0"
    assert listed[server.url("/image/2")]["author"] == "A, B"
    assert listed[server.url("/image/2")]["source_file"] == "list.csv"
    again = ingest_images.main(ready, settings(path))
    assert (again.rows_in, again.rows_kept) == (outcome.rows_in, outcome.rows_kept)
    assert max(n for path, n in server.asked.items() if path != "/x") == 1
    assert not list(Path(ready.root, "_downloading").iterdir())


def test_killed_half_way_no_url_that_succeeded_is_asked_for_again(ready, server, tmp_path, monkeypatch):
    urls = [{"url": server.url(f"/image/{i}"), "synset_id": TENCH} for i in range(12)]
    path = write_csv(tmp_path / "list.csv", urls)
    real, calls = tables.append, []

    def killed(warehouse, table, df, **kwargs):
        calls.append(table)
        if calls.count("downloads") == 2:
            raise KeyboardInterrupt
        return real(warehouse, table, df, **kwargs)

    monkeypatch.setattr(tables, "append", killed)
    with pytest.raises(KeyboardInterrupt):
        ingest_images.main(ready, settings(path, batch_urls=2))
    n_before = sum(server.asked.values())
    assert 0 < n_before < 12
    monkeypatch.setattr(tables, "append", real)
    outcome = ingest_images.main(ready, settings(path, batch_urls=2))
    assert outcome.rows_kept == 12
    assert server.asked == {f"/image/{i}": 1 for i in range(12)}
    assert tables.read(ready, "image_bytes").count() == 12


def test_failed_urls_are_asked_again_only_when_that_is_wanted(ready, server, tmp_path):
    path = write_csv(tmp_path / "l.csv", [{"url": server.url("/busy/2/x"), "synset_id": TENCH}])
    once = settings(path, max_attempts=1)
    assert ingest_images.main(ready, once).rows_kept == 0
    again = ingest_images.main(ready, once)
    assert again.rows_kept == 0
    assert "1 URLs have not come; --retry-failed" in again.notes[-1]
    assert server.asked["/busy/2/x"] == 1
    outcome = ingest_images.main(ready, settings(path, retry_failed=True))
    assert outcome.rows_kept == 1
    assert {one.metric: one.value for one in outcome.controls if "download:" in one.metric} == {
        "download:ok": 1
    }
    assert not any("--retry-failed" in note for note in outcome.notes)
    assert tables.read(ready, "downloads").count() == 2


def test_lists_may_be_json_lines_or_parquet_with_nulls_and_other_types(ready, server, tmp_path):
    lines = tmp_path / "list.jsonl"
    records = [{"image_url": server.url("/image/1"), "wnid": TENCH, "width": "40"}, {"image_url": None}]
    lines.write_text("\n".join(json.dumps(record) for record in records))
    assert ingest_images.main(ready, settings(lines)).rows_kept == 1
    table = pa.table(
        {
            "address": [server.url("/image/2"), None, server.url("/image/3")],
            "cls": [GOLDFISH, GOLDFISH, None],
            "width": pa.array([[1], [2], None]),
        }
    )
    pq.write_table(table, tmp_path / "list.parquet")
    named = settings(tmp_path / "list.parquet", url_column="address", synset_column="cls")
    assert ingest_images.main(ready, named).rows_kept == 2
    with pytest.raises(InputError, match="no column url"):
        ingest_images.main(ready, settings(tmp_path / "list.parquet"))


def test_all_31_files_of_search_results_load(ready, shared):
    folder = shared / "imagenetv2" / "search_results"
    records = [r for path in folder.glob("*.json") for r in json.loads(path.read_text(encoding="utf-8"))]
    keys = {(r["url"], r["wnid"], r["search_key"].strip()) for r in records}
    outcome = ingest_images.main(ready, settings(folder, source="search-results", download=False))
    found = tables.read(ready, "search_results")
    assert {(r["url"], r["synset_id"], r["query"]) for r in found.collect()} == keys
    assert found.where("search_engine <> 'flickr' OR taken_at IS NULL OR published_at IS NULL").count() == 0
    n_sized = sum(str(r.get("width") or "").isdigit() for r in {json.dumps(k): k for k in records}.values())
    assert 0 < found.where("width_px IS NOT NULL").count() <= n_sized
    assert not tables.exists(ready, "downloads")
    assert set(outcome.rejected) == {"synset_not_selected"}
