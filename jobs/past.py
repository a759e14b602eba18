"""Reading tables as a release recorded them: what it was made from, whatever later stages did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from synlake import tables
from synlake.warehouse import Warehouse

T = TypeVar("T")


@dataclass(frozen=True)
class Seen(Generic[T]):
    """What was found, or None; ``note`` says why there is none, or that it is not as the release saw it."""

    found: T | None = None
    note: str | None = None


def as_recorded(
    warehouse: Warehouse,
    versions: Mapping[str, int],
    needed: Sequence[str],
    compute: Callable[[Warehouse], T],
    *,
    optional: Sequence[str] = (),
) -> Seen[T]:
    """``compute`` on the warehouse with its tables as of ``versions``, those that a release recorded.

    Where a version is no longer stored (``VACUUM`` takes files away), it is computed on the tables as they
    are now, and the note says so. ``compute`` must leave nothing to be evaluated later.
    """
    absent = [table for table in needed if versions.get(table, -1) < 0]
    if absent:
        return Seen(note=f"When it was frozen there was no table {' or '.join(absent)}.")
    pins = {table: versions.get(table, -1) for table in (*needed, *optional)}
    try:
        return Seen(compute(replace(warehouse, pins=pins)))
    except (PySparkException, Py4JError):
        gone = [table for table in needed if not tables.exists(warehouse, table)]
        if gone:
            return Seen(note=f"Table {' and '.join(gone)} is no longer in the warehouse.")
        now = ", ".join(f"{table} (version {versions[table]})" for table in needed)
        note = f"From the tables as they are now: what the release was made from is no longer stored: {now}."
        return Seen(compute(replace(warehouse, pins={})), note)
