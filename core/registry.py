"""Registering a release: of any number of freezes under one name, killed or concurrent, exactly one wins.

A freeze first *claims* the name: it commits a growing number (Delta's transaction identifier) to each table
it will write. Delta skips a commit whose number is below the newest, so nothing of an older freeze, however
late, can land after a newer claim. The claim is checked against the registry afterwards, what an unfinished
freeze left behind is taken out, the rows are added, and the row in ``releases``, one atomic commit, makes
them a release. A freeze that was killed leaves no release, and the next one under its name takes over.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import unquote

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import delta_log, tables
from synlake.errors import ConflictError, InputError
from synlake.spread import few_rows
from synlake.warehouse import Warehouse

#: The tables that hold the rows of releases. The last has rows only where labels are withheld, and may be
#: absent from a copy of a warehouse that is given to others.
ROW_TABLES = ("release_images", "release_synsets", "release_hierarchy", "release_withheld")

_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Claim:
    """The right to freeze ``release``, until somebody claims it later. ``number`` is even."""

    release: str
    number: int

    def mark(self, *, writes: bool) -> delta_log.Mark:
        """What Delta keeps of it: a larger number for writing than for claiming, still below any later claim."""
        return delta_log.Mark(_app(self.release), self.number + writes)


def _app(release: str) -> str:
    """The name that Delta keeps the number under."""
    return f"freeze:{release}"


def _of_few_rows(
    function: Callable[Concatenate[Warehouse, _P], _T],
) -> Callable[Concatenate[Warehouse, _P], _T]:
    """What it asks of Spark is about the registry and Delta's logs, never about images: a job a query."""

    @wraps(function)
    def asked(warehouse: Warehouse, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        with few_rows(warehouse.spark):
            return function(warehouse, *args, **kwargs)

    return asked


@_of_few_rows
def check_is_free(warehouse: Warehouse, release: str) -> None:
    """Raise :class:`ConflictError` where the name is frozen already, or one that SQL would not tell from it."""
    same = F.lower(F.regexp_replace("release", r"\W", "_")) == schema_name(release)
    known = tables.read_or_empty(warehouse, "releases").where(same).select("release").first()
    if known is not None:
        raise ConflictError(
            f"--release {release}: {known['release']} is frozen already, and a frozen release never changes\n"
            "  next: choose another name"
        )


def schema_name(release: str) -> str:
    """The SQL schema of a release: Spark's catalog knows no dots, dashes or capitals in one.

    >>> schema_name("v1.0-Beta")
    'v1_0_beta'
    """
    return re.sub(r"\W", "_", release).lower()


@_of_few_rows
def claim(warehouse: Warehouse, release: str, *, is_withheld: bool = False) -> Claim:
    """Claim the name, and clear what an unfinished freeze left under it.

    ``is_withheld`` says that labels will be withheld; else the table for them is left alone where there is none.
    """
    check_is_free(warehouse, release)
    secrets = ROW_TABLES[-1]
    mine_to_be = [t for t in ROW_TABLES if t != secrets or is_withheld or tables.exists(warehouse, secrets)]
    claimed = ("releases", *mine_to_be)
    newest = max(tables.last_transaction(warehouse, t, _app(release)) for t in claimed)
    # Microseconds and three random digits: unique in practice, and later claims are larger.
    now = (time.time_ns() // 1000) * 1000 + random.randrange(1000)
    mine = Claim(release, max(now, newest + 1) // 2 * 2 + 2)
    with ThreadPoolExecutor(len(claimed)) as pool:  # what takes the time is waiting for files, not work
        fenced = list(
            pool.map(lambda table: tables.fence(warehouse, table, mine.mark(writes=False)), claimed)
        )
        check_is_free(warehouse, release)  # nobody can register under an older claim from here on
        left = [
            table for table, had_rows in zip(claimed, fenced, strict=True) if had_rows and table != "releases"
        ]
        list(
            pool.map(
                lambda table: tables.discard_unfinished(warehouse, table, f"release = '{release}'"), left
            )
        )
    return mine


def add_rows(warehouse: Warehouse, mine: Claim, table: str, rows: DataFrame, *, is_held: bool = False) -> int:
    """Add the rows of the claimed release to a table; ``is_held`` as for :func:`tables.append`."""
    return tables.append(warehouse, table, rows, mark=mine.mark(writes=True), is_held=is_held)


def add_unique_rows(
    warehouse: Warehouse, mine: Claim, table: str, rows: DataFrame, sizes: Mapping[str, int]
) -> None:
    """The same for rows whose keys are known to be unique, as for :func:`tables.append_unique`."""
    tables.append_unique(warehouse, table, rows, sizes, mark=mine.mark(writes=True))


@_of_few_rows
def register(warehouse: Warehouse, mine: Claim, row: DataFrame) -> None:
    """Make it a release; :class:`ConflictError` where a newer claim came between."""
    tables.append(warehouse, "releases", row, mark=mine.mark(writes=True))
    won = tables.read(warehouse, "releases").where(
        (F.col("release") == mine.release) & (F.col("freeze_id") == mine.number)
    )
    if won.isEmpty():
        raise ConflictError(
            f"--release {mine.release}: another freeze under this name began later and goes on\n"
            "  next: wait for it, or choose another name"
        )


@_of_few_rows
def unrecorded(warehouse: Warehouse, release: str, stage: str) -> dict[str, Any] | None:
    """The row of a release that ``stage`` registered, and was killed before its run was recorded; or None."""
    known = tables.read_or_empty(warehouse, "releases").where(F.col("release") == release).first()
    if known is None:
        return None
    runs = tables.read_or_empty(warehouse, "stage_runs").where(F.col("stage") == stage)
    recorded = runs.where(F.get_json_object("config", "$.release") == release)
    return known.asDict(recursive=True) if recorded.isEmpty() else None


@_of_few_rows
def last_with(warehouse: Warehouse, counted: str) -> str | None:
    """The name of the last release that has some of what is ``counted`` (a key of ``counts``), or None."""
    known = tables.read_or_empty(warehouse, "releases").where(F.try_element_at("counts", F.lit(counted)) > 0)
    row = known.orderBy(F.desc("frozen_at"), F.desc("release")).select("release").first()
    return None if row is None else str(row["release"])


def rows_of(warehouse: Warehouse, release: str) -> Mapping[str, DataFrame]:
    """The rows of a release by table, without the columns that only say which release it is."""
    return {
        table: tables.read_or_empty(warehouse, table).where(F.col("release") == release).drop("release")
        for table in ROW_TABLES
    }


@_of_few_rows
def row_of(warehouse: Warehouse, release: str, *, flag: str = "--release") -> dict[str, Any]:
    """The row of a release that was given as ``flag``; :class:`InputError` names the ones there are."""
    known = tables.read_or_empty(warehouse, "releases")
    row = known.where(F.col("release") == release).first()
    if row is None:
        names = sorted(one["release"] for one in known.select("release").collect())
        listed = f"there are: {', '.join(names)}" if names else "there is none yet"
        raise InputError(f"{flag} {release}: no such release; {listed}")
    return row.asDict(recursive=True)


@_of_few_rows
def notices(warehouse: Warehouse, release: str) -> list[dict[str, Any]]:
    """The rows of ``release_notices`` about a release, oldest first."""
    rows = tables.read_or_empty(warehouse, "release_notices").where(F.col("release") == release)
    return [row.asDict() for row in rows.orderBy("noticed_at").collect()]


@_of_few_rows
def files_of(warehouse: Warehouse, release: str) -> set[str]:
    """The data files, by path below the warehouse, that the tables read the rows of a release from."""
    return {
        f"{table}/release={release}/{unquote(file).rsplit('/', 1)[-1]}"
        for table, df in rows_of(warehouse, release).items()
        for file in df.inputFiles()
    }


def earlier_images(warehouse: Warehouse) -> DataFrame | None:
    """The rows of every registered release, without what an unfinished freeze left; None where there is none."""
    registered = tables.read_or_empty(warehouse, "releases").select("release")
    if registered.isEmpty():
        return None
    return tables.read(warehouse, "release_images").join(
        F.broadcast(registered), on="release", how="left_semi"
    )
