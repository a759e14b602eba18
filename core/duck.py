"""A warehouse on local disk seen by DuckDB: the same names as Spark's, without a JVM.

delta-rs says which data files a table has, and DuckDB reads them itself. Through Arrow it would need pyarrow's
datasets, which import pandas: a third of the time to an answer.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pyspark.sql.types import ArrayType, DataType, MapType, StructType

from synlake.errors import DAMAGED_FILE, FROM_A_COPY, EnvironmentFault, InputError
from synlake.registry import schema_name
from synlake.schemas import TABLES
from synlake.udfs.sql_functions import HAMMING, phash_of
from synlake.views import HIERARCHIES, RELEASE_VIEWS, words_of

#: The tables that views of releases are of, by the name that RELEASE_VIEWS has for them.
_RELEASE_TABLES = {short: f"release_{short}" for short in ("images", "synsets", "hierarchy")}
#: A call of is_a with its ancestor, a literal.
_IS_A = re.compile(r"\bis_a\s*\((?:[^,()']|'[^']*')*,\s*'([^']*)'\s*\)", re.IGNORECASE)
#: Time travel as Spark writes it; quoted text is found first, so that nothing within it is.
_TRAVEL = re.compile(
    r"'[^']*'|\"[^\"]*\"|--[^\n]*|\b(?P<table>\w+)\s+(?P<kind>VERSION|TIMESTAMP)\s+AS\s+OF\s+(?P<at>\d+|'[^']*')",
    re.IGNORECASE,
)


def connect(root: str, statements: str) -> Any:
    """A DuckDB connection with the tables and releases that ``statements`` have words for (or all, to SHOW them).

    It can reach the data files of these and no other. Raises :class:`EnvironmentFault` where the extra
    is not installed, :class:`InputError` where there is no such warehouse.
    """
    try:
        import duckdb
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
    files: list[str] = []
    for name in {*needed, *(HIERARCHIES if "is_a" in words else ())}:
        files += _make_view(connection, root, name, name)
    for found in _TRAVEL.finditer(statements):
        if found["table"] is not None and found["table"].lower() in TABLES:
            files += _make_view(connection, root, _travelled(found), found["table"].lower(), found)
    _make_functions(connection, statements, words)
    # Else a release may be named, but none of its views.
    if set(needed) >= {"releases", *_RELEASE_TABLES.values()}:
        _make_release_views(connection, words)
    connection.execute(f"SET allowed_paths = {_listed(files)}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def ask(connection: Any, statement: str) -> tuple[list[str], Iterator[Any]]:
    """The columns and rows of a statement; :class:`InputError` with DuckDB's reason where it has none."""
    import duckdb

    try:
        result = connection.execute(travelling(statement))
    except duckdb.Error as error:
        hint = (
            "\n  next: SHOW TABLES lists what there is" if isinstance(error, duckdb.CatalogException) else ""
        )
        raise InputError(f"SQL: {str(error).splitlines()[0]}{hint}") from None
    return [column[0] for column in result.description], _rows_of(result)


def _rows_of(result: Any) -> Iterator[Any]:
    import duckdb

    try:
        yield from map(_as_spark, iter(result.fetchone, None))
    except duckdb.Error as error:
        raise InputError(f"SQL: {str(error).splitlines()[0]}") from None


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


def _make_view(
    connection: Any, root: str, name: str, table: str, travel: re.Match[str] | None = None
) -> list[str]:
    """View ``name`` of a table, as of a version or time where one is asked for; returns the data files it reads."""
    import duckdb

    found = _opened(root, table, travel)
    files = [unquote(file) for file in found.file_uris()] if found else []
    if not files:
        nothing = ", ".join(f'CAST(NULL AS {_type(f.dataType)}) AS "{f.name}"' for f in TABLES[table].schema)
        connection.execute(f'CREATE TEMP VIEW "{name}" AS SELECT {nothing} WHERE false')
        return []
    columns = ", ".join(f'"{field.name}"' for field in found.schema().fields)
    is_partitioned = str(bool(found.metadata().partition_columns)).lower()
    # The names of folders above the warehouse are no columns, and values of partitions are text.
    how = f"hive_partitioning = {is_partitioned}, hive_types_autocast = false"
    try:
        connection.execute(
            f'CREATE TEMP VIEW "{name}" AS SELECT {columns} FROM read_parquet({_listed(files)}, {how})'
        )
    except (duckdb.IOException, duckdb.InvalidInputException) as error:  # no such file; no Parquet
        raise InputError(
            f"table {table}: {DAMAGED_FILE}: {str(error).splitlines()[0]}\n  next: {FROM_A_COPY}"
        ) from None
    return files


def _type(data_type: DataType) -> str:
    """What DuckDB calls a type of Spark's; most have one name in both."""
    if isinstance(data_type, ArrayType):
        return f"{_type(data_type.elementType)}[]"
    if isinstance(data_type, MapType):
        return f"MAP({_type(data_type.keyType)}, {_type(data_type.valueType)})"
    if isinstance(data_type, StructType):
        return f"STRUCT({', '.join(f'{field.name} {_type(field.dataType)}' for field in data_type)})"
    return data_type.simpleString()


def _listed(texts: Sequence[str]) -> str:
    quoted = ["'{}'".format(text.replace("'", "''")) for text in texts]
    return f"[{', '.join(quoted)}]"


def _opened(root: str, table: str, travel: re.Match[str] | None) -> Any:
    """A table as delta-rs knows it; None where it is not there. :class:`InputError` where DuckDB would misread it."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    place = Path(root) / table
    if not (place / "_delta_log").is_dir():
        return None
    try:
        found = DeltaTable(str(place))
    except DeltaError as error:
        raise InputError(
            f"table {table}: delta-rs cannot open it ({str(error).splitlines()[0]})\n  next: --engine spark"
        ) from None
    if found.protocol().min_reader_version > 1:
        raise InputError(
            f"table {table}: another program turned on features of Delta that --engine duckdb does not read\n"
            "  next: --engine spark"
        )
    if travel is None:
        return found
    newest, at = found.version(), travel["at"].strip("'")
    try:
        is_version = travel["kind"].lower() == "version"
        moment = None if is_version else _in_utc(dt.datetime.fromisoformat(at))
        found.load_as_version(moment or int(at))
        # Of a time before the first version delta-rs gives that one.
        if moment is not None and found.history(1)[0]["timestamp"] > moment.timestamp() * 1000:
            raise ValueError
    except (DeltaError, ValueError) as error:
        raise InputError(
            f"SQL: {travel[0]}: no longer, or not yet, there; the newest is version {newest}"
        ) from error
    return found


def _in_utc(moment: dt.datetime) -> dt.datetime:
    """A time whose zone is not said is UTC, as in Spark's sessions here."""
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.timezone.utc)


def _make_functions(connection: Any, statements: str, words: set[str]) -> None:
    connection.execute(f"CREATE MACRO hamming(a, b) AS {HAMMING['duckdb']}")
    # Functions of Spark that DuckDB does not have, or that give null there where nothing is counted.
    connection.execute("CREATE MACRO count_if(is_so) AS count(*) FILTER (WHERE is_so)")
    connection.execute("CREATE MACRO try_divide(a, b) AS CASE WHEN b <> 0 THEN a / b END")
    if "phash" in words:
        connection.create_function("phash", phash_of, ["BLOB"], "BIGINT", null_handling="special")
    if "is_a" in words:
        _make_is_a(connection, statements)


def _make_is_a(connection: Any, statements: str) -> None:
    """``is_a(synset, ancestor)`` as a macro: to call Python, DuckDB would import pandas.

    What is below is looked up for the ancestors that ``statements`` name, or where one is no literal for all there are.
    """
    calls = len(re.findall(r"\bis_a\s*\(", statements, re.IGNORECASE))
    named = _IS_A.findall(statements)
    ancestors = (
        f"SELECT unnest({_listed(named)}::VARCHAR[])"
        if calls == len(named)
        else "SELECT parent FROM hypernym"
    )
    hypernyms = " UNION ".join(f"SELECT synset_id, unnest(parent_ids) FROM {name}" for name in HIERARCHIES)
    connection.execute(
        f"""CREATE TEMP TABLE _is_a AS
        WITH RECURSIVE hypernym(synset_id, parent) AS MATERIALIZED ({hypernyms}), found(_above, _synset) AS (
            SELECT a, a FROM ({ancestors}) AS wanted(a)
            UNION SELECT _above, synset_id FROM found JOIN hypernym ON _synset = parent
        ) FROM found"""
    )
    connection.execute(
        """CREATE MACRO is_a(synset, ancestor) AS CASE WHEN synset IS NOT NULL AND ancestor IS NOT NULL THEN
        synset = ancestor OR EXISTS (FROM _is_a WHERE _synset = synset AND _above = ancestor) END"""
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
