"""A warehouse on local disk seen by DuckDB, through delta-rs: the same names as Spark's, without a JVM."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyspark.sql.pandas.types import to_arrow_schema

from synlake.errors import EnvironmentFault, InputError
from synlake.registry import schema_name
from synlake.schemas import TABLES
from synlake.udfs.sql_functions import HAMMING, is_a_in, phash_of
from synlake.views import RELEASE_VIEWS


def connect(root: str, statements: str) -> Any:
    """A DuckDB connection with every table, and a schema of views for each release.

    It reads through Arrow and can reach no file by itself. ``statements`` are those that will be asked:
    the hierarchy is only loaded where ``is_a`` is among them. Raises :class:`EnvironmentFault` where the
    extra is not installed, :class:`InputError` where there is no such warehouse.
    """
    try:
        import duckdb
        import pyarrow.dataset  # noqa: F401 - delta-rs needs it
        from deltalake import DeltaTable
    except ImportError as error:
        raise EnvironmentFault(
            f"--engine duckdb: {error.name} is not installed\n"
            "  next: .venv/bin/python -m pip install -e '.[duckdb]' -c constraints.txt"
        ) from None
    if "://" in root or not os.path.isdir(root):
        raise InputError(
            f"--warehouse {root}: wanted a local folder with tables; --engine duckdb reads no other"
        )
    connection: Any = duckdb.connect()  # its stubs know no null_handling by name
    for name, table in TABLES.items():
        if (Path(root) / name / "_delta_log").is_dir():
            connection.register(name, DeltaTable(str(Path(root) / name)).to_pyarrow_dataset())
        else:
            connection.register(name, to_arrow_schema(table.schema, timezone="UTC").empty_table())
    connection.execute(f"CREATE MACRO hamming(a, b) AS {HAMMING['duckdb']}")
    connection.create_function("phash", phash_of, ["BLOB"], "BIGINT", null_handling="special")
    if "is_a" in statements:
        connection.create_function(
            "is_a", is_a_in(_parents(connection)), ["VARCHAR", "VARCHAR"], "BOOLEAN", null_handling="special"
        )
    _make_release_views(connection)
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def ask(connection: Any, statement: str) -> tuple[list[str], Iterator[Any]]:
    """The columns and rows of a statement; :class:`InputError` with DuckDB's reason where it has none."""
    import duckdb

    try:
        result = connection.execute(statement)
    except duckdb.Error as error:
        raise InputError(f"SQL: {str(error).splitlines()[0]}") from None
    return [column[0] for column in result.description], iter(result.fetchone, None)


def _make_release_views(connection: Any) -> None:
    for (release,) in connection.execute("SELECT release FROM releases").fetchall():
        schema = schema_name(release)
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        for view, query in RELEASE_VIEWS.items():
            text = query.format(
                where=f"release = '{release}'", images="temp.release_images", synsets="temp.release_synsets"
            )
            connection.execute(f"CREATE OR REPLACE VIEW {schema}.{view} AS {text}")


def _parents(connection: Any) -> dict[str, list[str]]:
    """The hypernyms of every synset that a selection or a release knows."""
    found = "SELECT synset_id, parent_ids FROM {} UNION ALL SELECT synset_id, parent_ids FROM {}"
    return dict(connection.execute(found.format("synsets", "release_hierarchy")).fetchall())
