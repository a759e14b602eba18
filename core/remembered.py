"""What takes long to read and never changes, kept in a file of JSON."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any


def remembered(path: Path, key: str, read: Callable[[], Iterable[Sequence[Any]]]) -> list[Sequence[Any]]:
    """The rows that ``read`` gives: from the file at ``path`` if they were kept there under the same ``key``.

    Else they are read and kept, if the file can be written. Tuples come back as lists.
    """
    kept = _kept(path)
    if kept is not None and kept["key"] == key:
        rows: list[Sequence[Any]] = kept["rows"]
        return rows
    rows = list(read())
    with contextlib.suppress(OSError):  # a folder of another owner: reading again is slow, and nothing else
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        unfinished.write_text(json.dumps({"key": key, "rows": rows}), encoding="utf-8")
        unfinished.replace(path)
    return rows


def _kept(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # missing, or not ours
        return None
    return found if isinstance(found, dict) and found.keys() == {"key", "rows"} else None
