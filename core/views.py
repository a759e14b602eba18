"""The names that SQL sees: every table of a warehouse, and for each release a schema of read-only views."""

from __future__ import annotations

import re

from pyspark.sql import functions as F

from synlake import tables
from synlake.registry import schema_name
from synlake.schemas import TABLES
from synlake.tables import Warehouse
from synlake.udfs.sql_functions import HAMMING, is_a_in, phash_of

#: View of a release → its query. What stands in braces is filled in, for Spark here and for DuckDB in core/duck.py.
RELEASE_VIEWS = {
    "images": "SELECT * FROM {images} WHERE {where}",
    "synsets": "SELECT * FROM {synsets} WHERE {where}",
    "classes": (
        "SELECT s.synset_id, s.name, s.gloss, count(*) AS n_images, count_if(i.split = 'train') AS n_train,"
        " count_if(i.split = 'val') AS n_val, count_if(i.split = 'test') AS n_test,"
        " count_if(i.split = 'holdout') AS n_holdout"
        " FROM (SELECT * FROM {synsets} WHERE {where}) AS s"
        " JOIN (SELECT * FROM {images} WHERE {where}) AS i ON i.synset_id = s.synset_id"
        " GROUP BY s.synset_id, s.name, s.gloss"
    ),
}


def register(warehouse: Warehouse, text: str | None = None) -> list[str]:
    """Make the views, of all tables or of those that ``text`` (SQL) has words for; returns their names.

    Tables are temporary views, so that no statement can change what is behind them. A release ``v1.0`` has
    ``v1_0.images``, ``v1_0.synsets`` and ``v1_0.classes``.
    """
    words = None if text is None else set(re.findall(r"\w+", text.lower()))
    names = []
    for name in [name for name in TABLES if words is None or name in words or "show" in words]:
        tables.read_or_empty(warehouse, name).createOrReplaceTempView(name)
        names.append(name)
    for release in releases(warehouse):
        schema = schema_name(release)
        if words is not None and schema not in words and "show" not in words:
            continue
        warehouse.spark.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        for view, query in RELEASE_VIEWS.items():
            statement = query.format(
                where=f"release = '{release}'",
                images=f"delta.`{tables.path(warehouse, 'release_images')}`",
                synsets=f"delta.`{tables.path(warehouse, 'release_synsets')}`",
            )
            warehouse.spark.sql(f"CREATE OR REPLACE VIEW {schema}.{view} AS {statement}")
            names.append(f"{schema}.{view}")
    return names


def register_functions(warehouse: Warehouse, text: str | None = None) -> None:
    """Make ``hamming(a, b)``, ``phash(bytes)``, ``is_a(synset, ancestor)``, or those that ``text`` (SQL) names."""
    spark = warehouse.spark
    if text is None or "hamming" in text:
        signature = "hamming(a BIGINT, b BIGINT) RETURNS INT"
        spark.sql(f"CREATE OR REPLACE TEMPORARY FUNCTION {signature} RETURN {HAMMING['spark']}")
    if text is None or "phash" in text:
        spark.udf.register("phash", phash_of, "bigint")
    if text is None or "is_a" in text:  # the hierarchy is a part of WordNet, so it fits on the driver
        known = [tables.read_or_empty(warehouse, t) for t in ("synsets", "release_hierarchy")]
        rows = known[0].select("synset_id", "parent_ids").union(known[1].select("synset_id", "parent_ids"))
        parents = {row["synset_id"]: row["parent_ids"] for row in rows.collect()}
        spark.udf.register("is_a", is_a_in(parents), "boolean")


def releases(warehouse: Warehouse) -> list[str]:
    """The names of the releases, oldest first."""
    rows = tables.read_or_empty(warehouse, "releases").orderBy(F.col("frozen_at"), "release").collect()
    return [row["release"] for row in rows]
