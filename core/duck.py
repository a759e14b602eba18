"""A warehouse on local disk seen by DuckDB, through delta-rs: the same names as Spark's, without a JVM."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pyspark.sql.pandas.types import to_arrow_schema

from synlake.errors import EnvironmentFault, InputError
from synlake.registry import schema_name
from synlake.schemas import TABLES
from synlake.udfs.sql_functions import HAMMING, is_a_in, phash_of
from synlake.views import RELEASE_VIEWS, words_of

#: The tables that views of releases are of, by the name that RELEASE_VIEWS has for them.
_RELEASE_TABLES = {short: f"release_{short}" for short in ("images", "synsets", "hierarchy")}
#: Time travel as Spark writes it; quoted text is found first, so that nothing within it is.
_TRAVEL = re.compile(
    r"'[^']*'|\"[^\"]*\"|--[^\n]*|\b(?P<table>\w+)\s+(?P<kind>VERSION|TIMESTAMP)\s+AS\s+OF\s+(?P<at>\d+|'[^']*')",
    re.IGNORECASE,
)


def connect(root: str, statements: str) -> Any:
    """A DuckDB connection with the tables and releases that ``statements`` have words for (or all, to SHOW them).

    It reads through Arrow and can reach no file by itself. Raises :class:`EnvironmentFault` where the extra
    is not installed, :class:`InputError` where there is no such warehouse.
    """
    try:
        import duckdb
        import pyarrow.dataset  # noqa: F401 - delta-rs needs it
        from deltalake import DeltaTable  # noqa: F401 - better told now
    except ImportError as error:
        raise EnvironmentFault(
            f"--engine duckdb: {error.name} is not installed\n"
            "  next: ./submit.sh sql --engine duckdb … installs it; elsewhere: pip install 'synlake[duckdb]'"
        ) from None
    if "://" in root or not os.path.isdir(root):
        raise InputError(
            f"--warehouse {root}: wanted a local folder with tables; --engine duckdb reads no other"
        )
    connection: Any = duckdb.connect()  # its stubs know no null_handling by name
    connection.execute("SET TimeZone = 'UTC'")
    words = words_of(statements)
    needed = _tables_for(root, words)
    for name in needed:
        connection.register(name, _dataset(root, name))
    for found in _TRAVEL.finditer(statements):
        if found["table"] is not None and found["table"].lower() in TABLES:
            connection.register(_travelled(found), _dataset(root, found["table"].lower(), found))
    _make_functions(connection, root, words)
    if "releases" in needed:
        _make_release_views(connection, words)
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def ask(connection: Any, statement: str) -> tuple[list[str], Iterator[Any]]:
    """The columns and rows of a statement; :class:`InputError` with DuckDB's reason where it has none."""
    import duckdb

    try:
        result = connection.execute(travelling(statement))
    except duckdb.Error as error:
        raise InputError(f"SQL: {str(error).splitlines()[0]}") from None
    return [column[0] for column in result.description], map(_as_spark, iter(result.fetchone, None))


def _as_spark(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row with its times as Spark has them: UTC, which is not said of each."""
    return tuple(value.replace(tzinfo=None) if isinstance(value, dt.datetime) else value for value in row)


def travelling(statement: str) -> str:
    r"""The statement with each ``table VERSION AS OF n`` as the name that :func:`connect` gave that version.

    >>> travelling("SELECT 'pool VERSION AS OF 1' FROM pool VERSION AS OF 3 AS p")
    'SELECT \'pool VERSION AS OF 1\' FROM "pool@version 3" AS p'
    """
    return _TRAVEL.sub(lambda found: f'"{_travelled(found)}"' if found["table"] else found[0], statement)


def _travelled(found: re.Match[str]) -> str:
    at = found["at"].strip("'").replace('"', "")
    return f"{found['table'].lower()}@{found['kind'].lower()} {at}"


def _tables_for(root: str, words: set[str]) -> list[str]:
    """The tables that statements with these words can be about; those of releases where one may be named."""
    known = [name for name in TABLES if name in words or words & {"show", "information_schema"}]
    has_releases = (Path(root) / "releases" / "_delta_log").is_dir()
    of_views = ("releases", *_RELEASE_TABLES.values()) if has_releases and words & set(RELEASE_VIEWS) else ()
    return list(dict.fromkeys((*known, *of_views)))


def _dataset(root: str, name: str, travel: re.Match[str] | None = None) -> Any:
    """A table as Arrow reads it, as of a version or time where one is asked for; no rows where there is none."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    place = Path(root) / name
    if not (place / "_delta_log").is_dir():
        return to_arrow_schema(TABLES[name].schema, timezone="UTC").empty_table()
    if travel is None:
        return DeltaTable(str(place)).to_pyarrow_dataset()
    try:
        if travel["kind"].lower() == "version":
            return DeltaTable(str(place), version=int(travel["at"].strip("'"))).to_pyarrow_dataset()
        table = DeltaTable(str(place))
        table.load_as_version(travel["at"].strip("'").replace(" ", "T") + "Z")
        return table.to_pyarrow_dataset()
    except (DeltaError, ValueError) as error:
        newest = DeltaTable(str(place)).version()
        raise InputError(
            f"SQL: {travel[0]}: no longer, or not yet, there; the newest is version {newest}"
        ) from error


def _make_functions(connection: Any, root: str, words: set[str]) -> None:
    connection.execute(f"CREATE MACRO hamming(a, b) AS {HAMMING['duckdb']}")
    # Functions of Spark that DuckDB does not have, or that give null there where nothing is counted.
    connection.execute("CREATE MACRO count_if(is_so) AS count(*) FILTER (WHERE is_so)")
    connection.execute("CREATE MACRO try_divide(a, b) AS CASE WHEN b <> 0 THEN a / b END")
    if "phash" in words:
        connection.create_function("phash", phash_of, ["BLOB"], "BIGINT", null_handling="special")
    if "is_a" in words:
        function = is_a_in(_parents(connection, root))
        connection.create_function(
            "is_a", function, ["VARCHAR", "VARCHAR"], "BOOLEAN", null_handling="special"
        )


def _make_release_views(connection: Any, words: set[str]) -> None:
    for (release,) in connection.execute("SELECT release FROM releases").fetchall():
        schema = schema_name(release)
        if schema not in words and "show" not in words:
            continue
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        places = {short: f"temp.{table}" for short, table in _RELEASE_TABLES.items()}
        for view, query in RELEASE_VIEWS.items():
            text = query.format(where=f"release = '{release}'", **places)
            connection.execute(f'CREATE OR REPLACE VIEW "{schema}".{view} AS {text}')


def _parents(connection: Any, root: str) -> Mapping[str, list[str]]:
    """The hypernyms of every synset that a selection or a release knows."""
    found: dict[str, list[str]] = {}
    for name in ("synsets", "release_hierarchy"):
        rows = connection.from_arrow(_dataset(root, name)).project("synset_id, parent_ids").fetchall()
        found.update(rows)
    return found
