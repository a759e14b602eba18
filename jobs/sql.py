"""Query a warehouse: one statement, a file of them, or a prompt.

Every table is there by name, and every release as a schema: release demo has demo.images and demo.synsets.
The queries/ folder has ready-made ones. Reading only: nothing here changes a table.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TextIO

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame

from synlake import output, views
from synlake.config import likely, option
from synlake.errors import InputError, SynlakeError, UsageError
from synlake.sql_text import literal
from synlake.warehouse import Warehouse

EXAMPLE = 'sql --format csv "SELECT split, count(*) AS n FROM release_images GROUP BY split"'
#: Comments and quoted text: whatever stands in them is not looked at.
_OPAQUE = r"--[^\n]*|/\*.*?\*/|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`"
NEEDS_WAREHOUSE = True
_READING = ("select", "with", "show", "describe", "desc", "explain", "values", "table", "from")
#: What may follow WITH … or FROM … and writes all the same.
_WRITING = r"\b(insert\s+(into|overwrite)|delete\s+from|merge\s+into|update\s+\S+\s+set)\b"


@dataclass(frozen=True)
class Config:
    """Settings of sql."""

    file: str | None = option(
        None, "a file of statements ended by semicolons, the name of a ready-made query, or - for stdin"
    )
    var: tuple[str, ...] = option(
        (), "name=value; :name in a statement stands for the value; may be given again"
    )
    engine: str = option(
        "spark", "duckdb answers on a local warehouse without a JVM", choices=("spark", "duckdb")
    )


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """The statement itself, and -f for --file."""
    sub.add_argument("statement", nargs="?", help="an SQL statement; without one: a prompt")
    sub.add_argument("-f", dest="file", default=argparse.SUPPRESS, help="short for --file")


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Run what was asked for; several results follow one another."""
    variables = _variables(settings.var)
    text = _asked(settings, arguments)
    views.register(warehouse, text)
    views.register_functions(warehouse, text)
    if text is None:
        return _prompt(warehouse, variables, arguments.format)
    for statement in split_statements(text):
        _answer(warehouse, statement, variables, arguments.format)
    return 0


def run_without_spark(settings: Config, arguments: argparse.Namespace) -> int | None:
    """The same through DuckDB; None where Spark is to answer."""
    if settings.engine != "duckdb":
        return None
    from synlake import duck

    text = _asked(settings, arguments)
    if text is None:
        raise UsageError("--engine duckdb has no prompt\n  next: give a statement, or -f FILE")
    variables = _variables(settings.var)
    connection = duck.connect(arguments.warehouse, text)
    for statement in split_statements(text):
        _check_reads_only(statement)
        columns, rows = duck.ask(connection, bind(statement, variables, quote="''"))
        output.emit(columns, rows, arguments.format)
    return 0


def _asked(settings: Config, arguments: argparse.Namespace) -> str | None:
    """The statements that were given; None: a prompt is wanted."""
    if arguments.statement and settings.file:
        raise UsageError("give a statement or -f FILE, not both")
    return arguments.statement or (_read(settings.file) if settings.file else None)


def execute(warehouse: Warehouse, statement: str, variables: Mapping[str, str]) -> DataFrame:
    """The result of one reading statement; :class:`InputError` with Spark's reason where it has none."""
    _check_reads_only(statement)
    with _sql_faults():
        return warehouse.spark.sql(bind(statement, variables))


def _answer(warehouse: Warehouse, statement: str, variables: Mapping[str, str], output_format: str) -> None:
    """Print what a statement gives; :class:`InputError` also for what shows only while it runs (a division by zero)."""
    result = execute(warehouse, statement, variables)
    with _sql_faults():
        show(result, output_format)


@contextmanager
def _sql_faults() -> Iterator[None]:
    """What Spark finds wrong with a statement, as an :class:`InputError` with its reason."""
    try:
        yield
    except PySparkException as error:
        raise InputError(f"SQL: {first_line(error)}") from None


def _check_reads_only(statement: str) -> None:
    code = re.sub(_OPAQUE, " ", statement, flags=re.DOTALL)
    words = code.split()
    first = words[0].lstrip("(").lower() if words else ""
    writing = re.search(_WRITING, code, flags=re.IGNORECASE)
    if first not in _READING or writing:
        given = " ".join(writing.group().split()) if writing else first
        raise UsageError(
            f"sql only reads: wanted SELECT, WITH, SHOW, DESCRIBE or EXPLAIN, got {given.upper()!r}"
        )


def bind(statement: str, variables: Mapping[str, str], *, quote: str = "\\'") -> str:
    r"""Put values, as string literals, where a statement says :name; not within quotes and comments.

    ``quote`` is an engine's way to write a quote within quotes. Spark's own named parameters do not get
    through Delta's SQL parser (delta-spark 4.4 on Spark 4.2).

    >>> bind("SELECT ':a', :a, b::int", {"a": "it's"})
    "SELECT ':a', 'it\\'s', b::int"
    """

    def value_of(found: re.Match[str]) -> str:
        name = found.group("name")
        if name is None:
            return found.group()
        if name not in variables:
            raise UsageError(f"the statement needs a value for :{name}\n  next: --var {name}=VALUE")
        return literal(variables[name], quote=quote)

    return re.sub(rf"{_OPAQUE}|::|:(?P<name>[A-Za-z_]\w*)", value_of, statement, flags=re.DOTALL)


def show(result: DataFrame, output_format: str) -> None:
    """Write a result as it comes: one partition at a time is held."""
    if output_format == "table":  # one more than are shown, so that it is known that there are more
        output.emit(result.columns, result.limit(output.TABLE_ROWS + 1).collect(), output_format)
    else:
        output.emit(result.columns, result.toLocalIterator(), output_format)


def show_ready_made(
    warehouse: Warehouse, name: str, variables: Mapping[str, str], output_format: str, *, n_rows: int
) -> None:
    """The first rows of a ready-made query."""
    (statement,) = split_statements(_read(name))
    views.register(warehouse, statement)
    result = execute(warehouse, statement, variables)
    found = result.limit(n_rows + 1).collect()
    output.emit(result.columns, found[:n_rows], output_format)
    if len(found) > n_rows:
        output.say(f"only the first {n_rows} rows are shown; sql -f {name} gives more")


def split_statements(text: str) -> list[str]:
    r"""Statements between semicolons that stand outside quotes and comments.

    >>> split_statements("SELECT ';' AS a; -- one; two\nSELECT 2;")
    ["SELECT ';' AS a", '-- one; two\nSELECT 2']
    """
    pieces = re.findall(rf"((?:{_OPAQUE}|[^;])+)", text, flags=re.DOTALL)
    bare = (re.sub(r"--[^\n]*|/\*.*?\*/", "", piece, flags=re.DOTALL).strip() for piece in pieces)
    return [piece.strip() for piece, rest in zip(pieces, bare, strict=True) if rest]


def first_line(error: Exception) -> str:
    """Spark's reason without its query plan and stack."""
    text = str(error).split("\n== SQL", maxsplit=1)[0].split(";\n", maxsplit=1)[0].strip()
    return re.sub(r" SQLSTATE: \w+", "", text)


def _variables(pairs: tuple[str, ...]) -> dict[str, str]:
    bad = [pair for pair in pairs if not re.fullmatch(r"[A-Za-z_]\w*=.*", pair, flags=re.DOTALL)]
    if bad:
        raise UsageError(f"--var: wanted name=value, got {bad[0]!r}")
    return dict(pair.split("=", maxsplit=1) for pair in pairs)


def _read(path: str) -> str:
    if path == "-":
        return _stdin().read()
    ready_made = {
        query.name.removesuffix(".sql"): query
        for query in files("synlake.queries").iterdir()
        if query.name.endswith(".sql")
    }
    try:
        if not Path(path).exists() and path in ready_made:
            return ready_made[path].read_text(encoding="utf-8")
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        known = f"ready-made queries are {', '.join(sorted(ready_made))}"
        raise InputError(
            f"--file {path}: no such file or query{likely(path, ready_made)}\n  {known}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(f"--file {path}: cannot be read: {why}") from None


def _stdin() -> TextIO:
    # spark-submit gives the driver no stdin; submit.sh says where the real one is.
    path = os.environ.get("SYNLAKE_STDIN")
    return open(path, encoding="utf-8") if path else sys.stdin


def _prompt(warehouse: Warehouse, variables: Mapping[str, str], output_format: str) -> int:
    """Answer what is typed; of what comes from a pipe the first mistake ends it, as with a file."""
    stream = _stdin()
    for statement in _typed_statements(stream):
        try:
            _answer(warehouse, statement, variables, output_format)
        except SynlakeError as error:
            if not stream.isatty():
                raise
            output.say(f"error: {error}")
    return 0


def _typed_statements(stream: TextIO) -> Iterator[str]:
    """Statements as they are typed, each ended by a semicolon; until the input ends, or ``quit``."""
    is_typed = stream.isatty()
    if is_typed:
        output.say("SQL ends with a semicolon; SHOW TABLES; lists tables; quit leaves")
    typed = ""
    while True:
        if is_typed:
            sys.stderr.write("sql> " if not typed else "  -> ")
            sys.stderr.flush()
        line = stream.readline()
        if not line or (not typed and line.strip().lower() in ("quit", "exit", "quit;", "exit;")):
            break
        typed += line
        if typed.rstrip().endswith(";"):
            yield from split_statements(typed)
            typed = ""
    if typed.strip():
        yield from split_statements(typed)
