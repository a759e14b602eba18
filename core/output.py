"""What a person or the next program sees: data on stdout, everything else on stderr.

``spark-submit`` merges the driver's stdout and stderr into one stream, so ``submit.sh`` sends that stream
to stderr and names a pipe in ``SYNLAKE_STDOUT`` that leads to the real stdout. Data goes there, and only data.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import chain, islice
from typing import Any, TextIO

FORMATS = ("table", "csv", "json")
#: Rows a table shows at the most; csv and json have no limit.
TABLE_ROWS = 1000


def data_stream() -> TextIO:
    """The stream that only data is written to."""
    path = os.environ.get("SYNLAKE_STDOUT")
    return _opened(path) if path else sys.stdout


@cache
def _opened(path: str) -> TextIO:
    return open(path, "w", encoding="utf-8")


def close_data_stream() -> None:
    """Hand over the last bytes; a reader that left early (``| head``) is no fault."""
    try:
        stream = data_stream()
        stream.flush()
        if stream is not sys.stdout:
            stream.close()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(message: str = "") -> None:
    """One line to the person, on stderr."""
    print(message, file=sys.stderr, flush=True)


def heading(title: str, output_format: str) -> None:
    """A title above data: part of what a person reads as tables, on stderr beside csv and json."""
    if output_format == "table":
        data_stream().write(f"\n{title}\n")
        data_stream().flush()
    else:
        say(title)


def emit_records(records: Sequence[Mapping[str, Any]], output_format: str) -> None:
    """Write records that all have the same fields; the first one names the columns."""
    columns = list(records[0]) if records else []
    emit(columns, [[record[name] for name in columns] for record in records], output_format)


def emit(columns: Sequence[str], rows: Iterable[Sequence[Any]], output_format: str) -> None:
    """Write rows to the data stream as ``table``, ``csv`` or ``json`` (an array, one row a line)."""
    writer = {"table": _emit_table, "csv": _emit_csv, "json": _emit_json}[output_format]
    writer(data_stream(), columns, rows)
    data_stream().flush()


def _emit_csv(stream: TextIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    stream.write(_csv_line(columns))
    stream.writelines(_csv_line(row) for row in rows)


def _csv_line(row: Sequence[Any]) -> str:
    """A line of RFC 4180, ended by a newline alone; Python's csv would then leave carriage returns unquoted."""
    cells = ["" if value is None else _text(value) for value in row]
    quoted = ['"' + cell.replace('"', '""') + '"' if set(cell) & set(',"\r\n') else cell for cell in cells]
    return (",".join(quoted) if quoted != [""] else '""') + "\n"


def _emit_json(stream: TextIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    stream.write("[")
    for i, row in enumerate(rows):
        record = dict(zip(columns, row, strict=True))
        stream.write((",\n " if i else "\n ") + json.dumps(record, default=_text, ensure_ascii=False))
    stream.write("\n]\n")


def _emit_table(stream: TextIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    rows = iter(rows)
    shown = list(islice(rows, TABLE_ROWS))
    stream.write(render_table(columns, shown) + "\n")
    if next(rows, None) is not None:
        stream.flush()
        say(f"only the first {TABLE_ROWS} rows are shown; --format csv gives all of them")


def render_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Rows as aligned text, numbers to the right.

    >>> print(render_table(["synset_id", "n"], [["n01440764", 12], ["n01443537", 7]]))
    synset_id   n
    ---------  --
    n01440764  12
    n01443537   7
    """
    cells = [[_one_line(_shown(value)) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    numeric = [_is_numeric(row[i] for row in rows) for i in range(len(columns))]
    lines = chain([list(columns)], [["-" * width for width in widths]], cells)
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in lines
    )


def _is_numeric(values: Iterable[Any]) -> bool:
    present = [value for value in values if value is not None]
    return bool(present) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in present)


def _shown(value: Any) -> str:
    """A value as a person reads it: six digits are enough."""
    if isinstance(value, float) and value == value:
        return f"{value:.6g}"
    return "" if value is None else _text(value)


def _one_line(text: str) -> str:
    """Names come from anywhere: control characters never reach a terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if value != value or abs(value) == float("inf") else f"{value:.10g}"
    if isinstance(value, bytes | bytearray):
        return value.hex()
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, default=_text, ensure_ascii=False)
    return str(value)


def as_text(columns: Sequence[str], rows: Iterable[Sequence[Any]], output_format: str) -> str:
    """What :func:`emit` would write, as a string."""
    stream = io.StringIO()
    {"table": _emit_table, "csv": _emit_csv, "json": _emit_json}[output_format](stream, columns, rows)
    return stream.getvalue()
