"""The names that SQL sees: every table of a warehouse, and for each release a schema of read-only views."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from synlake import catalogue, tables
from synlake.registry import schema_name
from synlake.schemas import TABLES
from synlake.spread import few_rows
from synlake.udfs.sql_functions import HAMMING, is_a_in, phash_of
from synlake.warehouse import Warehouse

#: The tables that say what is above a synset.
HIERARCHIES = ("synsets", "release_hierarchy")
#: SQL with one of these words may ask for more of a table than the rows that it has now.
PAST_OR_SHAPE = frozenset({"version", "timestamp", "history", "detail", "extended", "formatted", "show"})
#: View of a release → its query. What stands in braces is filled in, for Spark here and for DuckDB in core/duck.py.
RELEASE_VIEWS = {
    "images": "SELECT * FROM {images} WHERE {where}",
    "synsets": "SELECT * FROM {synsets} WHERE {where}",
    "hierarchy": "SELECT * FROM {hierarchy} WHERE {where}",
    "classes": (
        "SELECT s.synset_id, s.name, s.gloss, count(*) AS n_images, count_if(i.split = 'train') AS n_train,"
        " count_if(i.split = 'val') AS n_val, count_if(i.split = 'test') AS n_test,"
        " count_if(i.split = 'holdout') AS n_holdout"
        " FROM (SELECT * FROM {synsets} WHERE {where}) AS s"
        " JOIN (SELECT * FROM {images} WHERE {where}) AS i ON i.synset_id = s.synset_id"
        " GROUP BY s.synset_id, s.name, s.gloss"
    ),
}


def register(warehouse: Warehouse, text: str | None = None, *, known: Collection[str] = ()) -> list[str]:
    """Name all tables, or those that ``text`` (SQL) has words for, and the views of releases; returns the names.

    Releases that are ``known``, and tables that are and exist, are passed over.

    Tables are in Spark's catalog with their place, so that SQL can ask for their versions and history; where ``text``
    does not, and names end with the session, they are views of their rows. A release ``v1.0`` has ``v1_0.images``,
    ``v1_0.synsets``, ``v1_0.classes`` and ``v1_0.hierarchy``.
    """
    words = words_of("show" if text is None else text)

    def is_asked_for(name: str) -> bool:
        return name in words or "show" in words

    is_lasting = catalogue.is_lasting(warehouse)
    is_table = is_lasting or bool(words & PAST_OR_SHAPE)
    names = []
    for name in filter(is_asked_for, TABLES):
        is_there = tables.exists(warehouse, name)
        if name in known or (known and not is_there):
            continue
        if is_there and not is_table:
            catalogue.name_rows(warehouse, name)
        else:
            catalogue.name_table(warehouse, name)  # an empty view, until the table is there
        names += [name] if is_there else []
    for release in releases(warehouse):
        schema = schema_name(release)
        if is_asked_for(schema) and f"{schema}.images" not in known:
            wanted = [view for view in RELEASE_VIEWS if is_lasting or is_asked_for(view)]
            names += _name_views(warehouse, release, wanted)
    return names


def _name_views(warehouse: Warehouse, release: str, wanted: Iterable[str]) -> list[str]:
    """Name views of a release, in a schema of its own; returns the names."""
    schema, names = schema_name(release), []
    warehouse.spark.sql(f"CREATE SCHEMA IF NOT EXISTS `{schema}`")
    places = {
        short: f"delta.`{tables.path(warehouse, f'release_{short}')}`"
        for short in ("images", "synsets", "hierarchy")
    }
    for view in wanted:
        query = RELEASE_VIEWS[view].format(where=f"release = '{release}'", **places)
        warehouse.spark.sql(f"CREATE OR REPLACE VIEW `{schema}`.{view} AS {query}")
        names.append(f"{schema}.{view}")
    return names


def words_of(text: str) -> set[str]:
    """The words of SQL, in lower case: whatever it names is among them."""
    return set(re.findall(r"\w+", text.lower()))


def register_functions(warehouse: Warehouse, text: str | None = None) -> None:
    """Make ``hamming(a, b)``, ``phash(bytes)``, ``is_a(synset, ancestor)``, or those that ``text`` (SQL) names."""
    spark, words = warehouse.spark, words_of(text or "hamming phash is_a")
    if "hamming" in words:
        signature = "hamming(a BIGINT, b BIGINT) RETURNS INT"
        spark.sql(f"CREATE OR REPLACE TEMPORARY FUNCTION {signature} RETURN {HAMMING['spark']}")
    if "phash" in words:
        spark.udf.register("phash", phash_of, "bigint")
    if "is_a" in words:  # the hierarchy is a part of WordNet, so it fits on the driver
        known = [
            tables.read_or_empty(warehouse, table).select("synset_id", "parent_ids") for table in HIERARCHIES
        ]
        parents: dict[str, set[str]] = {}
        for row in known[0].union(known[1]).collect():
            parents.setdefault(row["synset_id"], set()).update(row["parent_ids"])
        spark.udf.register("is_a", is_a_in(parents), "boolean")


def releases(warehouse: Warehouse) -> list[str]:
    """The names of the releases, oldest first."""
    with few_rows(warehouse.spark):
        rows = tables.read_or_empty(warehouse, "releases").select("frozen_at", "release").collect()
    return [row["release"] for row in sorted(rows)]
