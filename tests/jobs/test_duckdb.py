from __future__ import annotations

import argparse
import csv
import io
import math
import sys
import time
from importlib.resources import files

import pytest
from PIL import Image
from rows import NOON, rows
from warehouses import copied

from synlake import catalogue, duck, registry, tables, views
from synlake.errors import InputError
from synlake.jobs import import_release, sql
from synlake.session import open_session
from synlake.warehouse import open_warehouse

duckdb = pytest.importorskip("duckdb", reason="needs the extra: pip install -e '.[duckdb]'")
VARIABLES = {"release": "r1.0", "from": "r1.0", "to": "r2", "tau": "8", "image": "a"}
QUERIES = sorted(path.name for path in files("synlake.queries").iterdir() if path.name.endswith(".sql"))


def png(colour):
    stream = io.BytesIO()
    Image.radial_gradient("L").rotate(colour).convert("RGB").save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def filled(spark, tmp_path_factory):
    """A warehouse with two releases, some predictions' scores, and an image."""
    folder = tmp_path_factory.mktemp("duck")
    warehouse = open_warehouse(spark, str(folder / "day=1 o'clock"))
    listed = [("a", "n02110958", "test"), ("b", "n02110958", "train"), ("c", "n01440764", "val")]
    for release, some in (("r1.0", listed), ("r2", listed[1:])):
        with open(folder / "list.csv", "w", newline="") as stream:
            csv.writer(stream).writerows([("image_id", "label", "split"), *some])
        settings = import_release.Config(release=release, input=str(folder / "list.csv"), as_of=NOON)
        import_release.run(warehouse, settings, argparse.Namespace(format="csv"))
    content = png(30)
    stored = {"image_id": "a", "size_bytes": len(content), "bytes": content}
    tables.append_unstaged(warehouse, "image_bytes", rows(spark, "image_bytes", stored))
    scores = [
        {"release": "r1.0", "model": m, "split": "test", "top1": t, "top5": 1.0}
        for m, t in (("m", 0.5), ("k", 0.25))
    ]
    tables.append(warehouse, "evaluations", rows(spark, "evaluations", *scores))
    for name, given in _pipeline_rows().items():
        tables.append(warehouse, name, rows(spark, name, *given))
    return warehouse


def _pipeline_rows():
    """Something for every ready-made query to find."""
    dog, fish = "n02110958", "n01440764"
    of = {"a": dog, "b": dog, "c": fish, "d": dog}
    url = "https://one.example/{}.jpg"
    found = [("a", "pug dog"), ("b", "pug dog"), ("a", "pug"), ("c", "tench")]
    pool = [{"image_id": i, "synset_id": s, "n_sources": 2, "is_kept": i != "b"} for i, s in of.items()]
    pool[1] |= {"reject_reason": "near_duplicate", "duplicate_of": "a", "distance_bits": 3}
    return {
        "synsets": [
            {"synset_id": s, "name": s, "selection_id": "default", "is_selected": True} for s in (dog, fish)
        ],
        "search_results": [
            {"url": url.format(i), "synset_id": of[i], "query": q, "source": "urls", "licence": "by"}
            for i, q in found
        ],
        "candidates": [
            {"image_id": i, "synset_id": s, "source": "urls", "source_ref": url.format(i)}
            for i, s in of.items()
        ],
        "fingerprints": [
            {"image_id": i, "phash": h, "width_px": 9, "height_px": 9}
            for i, h in zip("abcd", (-1, -8, 0, 1), strict=True)
        ],
        "pool": [*pool, {"image_id": "a", "synset_id": fish, "n_sources": 1, "is_kept": True}],
        "duplicate_pairs": [{"image_id_l": "a", "image_id_r": "c", "distance_bits": 5}],
        "labels": [
            {"item_id": i, "synset_id": s, "image_id": i, "label": "yes", "confidence": 1.0}
            for i, s in of.items()
        ],
        "workers": [{"worker_id": w, "n_votes": 3, "agreement": a} for w, a in (("w1", 0.5), ("w2", 2 / 3))],
    }


def answers(warehouse, text):
    """(columns, rows) of both engines, ordered."""
    views.register(warehouse)
    views.register_functions(warehouse, text)
    (statement,) = sql.split_statements(text)
    spark = sql.execute(warehouse, statement, VARIABLES)
    connection = duck.connect(warehouse.root, text)
    columns, found = duck.ask(connection, sql.bind(statement, VARIABLES, quote="''"))
    return (spark.columns, [plain(row) for row in spark.collect()]), (columns, [plain(row) for row in found])


def plain(row):
    return tuple(float(f"{v:.9g}") if isinstance(v, float) and not math.isnan(v) else v for v in row)


@pytest.mark.parametrize("name", QUERIES)
def test_a_ready_made_query_has_one_answer(filled, name):
    spark, duck_db = answers(filled, (files("synlake.queries") / name).read_text(encoding="utf-8"))
    assert spark == duck_db
    assert spark[1], "a comparison of nothing says nothing"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT image_id, label, split FROM r1_0.images WHERE is_a(label, 'n02084071') ORDER BY image_id",
        "SELECT image_id, label FROM r1_0.images WHERE NOT is_a(label, 'n02084071') AND IS_A(label, 'n00001740')",
        "SELECT a.synset_id AS a, b.synset_id AS b FROM r1_0.hierarchy AS a, r1_0.hierarchy AS b"
        " WHERE is_a(a.synset_id, b.synset_id) ORDER BY a, b",
        "SELECT is_a('x', 'x') AS same, is_a(NULL, 'x') AS none, is_a('x', NULL) AS nor, is_a('x', 'y') AS other",
        "SELECT * FROM r1_0.classes ORDER BY synset_id",
        "SELECT synset_id, lemmas FROM r2.synsets ORDER BY synset_id",
        "SELECT hamming(-1, 1) AS far, hamming(7, 7) AS near, hamming(NULL, 1) AS none",
        "SELECT image_id, phash(bytes) AS phash, phash(NULL) AS none FROM image_bytes",
        "SELECT release, kind, n_images FROM releases WHERE release = :release",
        "SELECT release, n_images FROM releases WHERE release = 'r2'",
        "SELECT synset_id, is_class, height FROM r1_0.hierarchy ORDER BY synset_id",
        "SELECT (SELECT count(*) FROM pool VERSION AS OF 0) AS before, (SELECT count(*) FROM pool) AS now",
        "SELECT count(*) AS n FROM pool VERSION AS OF 1 AS p WHERE p.is_kept",
    ],
)
def test_views_and_functions_have_one_answer(filled, text):
    spark, duck_db = answers(filled, text)
    assert spark == duck_db
    assert spark[1], "a comparison of nothing says nothing"


def test_sql_that_asks_for_rows_only_is_planned_without_spark_jobs(spark, filled):
    def ask(text):
        views.register(filled, text)
        return sql.execute(filled, text, {}).collect()[0][0]

    now = ask("SELECT count(*) FROM pool")
    spark.sparkContext.setJobGroup("planning", "planning")
    assert spark.table("pool").inputFiles()
    assert not spark.sparkContext.statusTracker().getJobIdsForGroup("planning")
    assert ask("SELECT count(*) FROM pool VERSION AS OF 0") < now, (
        "the name is the table's where its past is asked for"
    )
    assert ask("SELECT count(*) FROM pool") == now


def test_names_in_a_metastore_are_of_whole_tables_and_schemas(spark, filled, monkeypatch):
    text = "SELECT count(*) FROM pool, r1_0.images"
    assert views.register(filled, text) == ["pool", "r1_0.images"]
    assert spark.catalog.getTable("pool").isTemporary
    monkeypatch.setattr(catalogue, "is_lasting", lambda _: True)
    assert views.register(filled, text) == ["pool", *(f"r1_0.{view}" for view in views.RELEASE_VIEWS)]
    assert not spark.catalog.getTable("pool").isTemporary


def test_times_are_utc_wherever_the_machine_is(filled, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    open_session("synlake tests", profile="test")  # the running one
    spark, duck_db = answers(filled, "SELECT DISTINCT frozen_at FROM releases")
    assert spark == duck_db == (["frozen_at"], [(NOON.replace(tzinfo=None),)])


def test_all_dogs_are_the_dogs(filled):
    _, (_, found) = answers(
        filled, "SELECT image_id FROM r1_0.images WHERE is_a(label, 'n02084071') ORDER BY image_id"
    )
    assert found == [("a",), ("b",)]


def test_an_image_is_found_by_those_near_it(filled):
    text = (files("synlake.queries") / "near_duplicates.sql").read_text(encoding="utf-8")
    _, (_, found) = answers(filled, text)
    assert [(row[1], row[2]) for row in found] == [("b", 3)]  # -8 is -1 with three bits off


def test_a_time_before_a_table_was_there_is_said(filled):
    query = "SELECT count(*) AS n FROM pool TIMESTAMP AS OF '2000-01-01'"
    with pytest.raises(InputError, match="not yet, there"):
        duck.connect(filled.root, query)
    with pytest.raises(InputError, match="SQL: "):
        sql.execute(filled, query, {})


def test_the_first_mistake_in_what_comes_from_a_pipe_ends_it(filled, monkeypatch, capsys):
    piped = io.StringIO("SELECT 'first' AS a;\nSELECT nme FROM pool;\nSELECT 'last' AS a;\n")
    monkeypatch.setattr(sql, "_stdin", lambda: piped)
    with pytest.raises(InputError, match="nme"):
        sql._prompt(filled, {}, "csv")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("a\nfirst\n", "")


def test_a_version_that_is_not_there_is_said(filled):
    text = "SELECT 1 FROM pool VERSION AS OF 99"
    with pytest.raises(InputError, match="pool VERSION AS OF 99: .* the newest is version 1"):
        duck.connect(filled.root, text)
    views.register(filled, text)
    with pytest.raises(InputError, match=r"SQL: .*99"):
        sql.execute(filled, text, {})


@pytest.mark.parametrize(
    ("name", "column", "comment"),
    [("pool", "is_kept", "goes on to the crowd"), ("r1_0.images", "split", "train, val, test or holdout")],
)
def test_comments_are_seen_in_tables_and_views(filled, name, column, comment):
    views.register(filled, name)
    described = sql.execute(filled, f"DESCRIBE {name}", {}).collect()
    assert {row["col_name"]: row["comment"] for row in described}[column] == comment


def test_duckdb_reaches_no_file(filled):
    connection = duck.connect(filled.root, "")
    with pytest.raises(InputError, match="Permission"):
        duck.ask(connection, f"SELECT * FROM read_text('{sys.executable}')")


@pytest.mark.parametrize("left", [None, b"no Parquet"])
def test_a_data_file_that_cannot_be_read_is_told(filled, tmp_path, left):
    damaged = copied(filled, tmp_path / "warehouse")
    for file in (tmp_path / "warehouse/pool").glob("*.parquet"):
        file.unlink()
        if left:
            file.write_bytes(left)
    with pytest.raises(InputError, match="table pool: a data file is missing or damaged: "):
        duck.connect(damaged.root, "SELECT * FROM pool")


def test_a_table_that_delta_rs_cannot_open_is_named(tmp_path):
    (tmp_path / "pool" / "_delta_log").mkdir(parents=True)
    with pytest.raises(InputError, match="table pool: delta-rs cannot open it"):
        duck.connect(str(tmp_path), "SELECT * FROM pool")


def test_a_schema_is_named_after_its_release():
    assert registry.schema_name("r1.0") == "r1_0"
