from __future__ import annotations

import argparse
import csv
import io
import math
import sys
from importlib.resources import files

import pytest
from PIL import Image
from rows import rows

from synlake import duck, registry, tables, views
from synlake.errors import InputError
from synlake.jobs import import_release, sql

duckdb = pytest.importorskip("duckdb", reason="needs the extra: pip install -e '.[duckdb]'")
VARIABLES = {"release": "r1.0", "from": "r1.0", "to": "r2", "tau": "8", "synset": "n02110958"}
QUERIES = sorted(path.name for path in files("synlake.queries").iterdir() if path.name.endswith(".sql"))


def png(colour):
    stream = io.BytesIO()
    Image.radial_gradient("L").rotate(colour).convert("RGB").save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def filled(spark, tmp_path_factory):
    """A warehouse with two releases, some predictions' scores, and an image."""
    folder = tmp_path_factory.mktemp("duck")
    warehouse = tables.open_warehouse(spark, str(folder / "warehouse"))
    listed = [("a", "n02110958", "test"), ("b", "n02110958", "train"), ("c", "n01440764", "val")]
    for release, some in (("r1.0", listed), ("r2", listed[1:])):
        with open(folder / "list.csv", "w", newline="") as stream:
            csv.writer(stream).writerows([("image_id", "label", "split"), *some])
        settings = import_release.Config(release=release, input=str(folder / "list.csv"))
        import_release.run(warehouse, settings, argparse.Namespace(format="csv"))
    content = png(30)
    stored = {"image_id": "a", "size_bytes": len(content), "bytes": content}
    tables.append_unstaged(warehouse, "image_bytes", rows(spark, "image_bytes", stored))
    scores = [
        {"release": "r1.0", "model": m, "split": "test", "top1": t, "top5": 1.0}
        for m, t in (("m", 0.5), ("k", 0.25))
    ]
    tables.append(warehouse, "evaluations", rows(spark, "evaluations", *scores))
    return warehouse


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


@pytest.mark.parametrize(
    "text",
    [
        "SELECT image_id, label, split FROM r1_0.images WHERE is_a(label, 'n02084071') ORDER BY image_id",
        "SELECT * FROM r1_0.classes ORDER BY synset_id",
        "SELECT synset_id, lemmas FROM r2.synsets ORDER BY synset_id",
        "SELECT hamming(-1, 1) AS far, hamming(7, 7) AS near, hamming(NULL, 1) AS none",
        "SELECT image_id, phash(bytes) AS phash, phash(NULL) AS none FROM image_bytes",
        "SELECT release, kind, n_images FROM releases WHERE release = :release",
    ],
)
def test_views_and_functions_have_one_answer(filled, text):
    spark, duck_db = answers(filled, text)
    assert spark == duck_db
    assert spark[1], "a comparison of nothing says nothing"


def test_all_dogs_are_the_dogs(filled):
    _, (_, found) = answers(
        filled, "SELECT image_id FROM r1_0.images WHERE is_a(label, 'n02084071') ORDER BY image_id"
    )
    assert found == [("a",), ("b",)]


def test_duckdb_reaches_no_file(filled):
    connection = duck.connect(filled.root, "")
    with pytest.raises(InputError, match="Permission"):
        duck.ask(connection, f"SELECT * FROM read_text('{sys.executable}')")


def test_a_schema_is_named_after_its_release():
    assert registry.schema_name("r1.0") == "r1_0"
