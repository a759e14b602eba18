"""Say that a release should not be used any more, and why. It stays as it is: nothing is ever deleted."""

from __future__ import annotations

import argparse
import datetime as dt
from dataclasses import dataclass

from synlake import output, registry, tables
from synlake.config import bad_name, moment, option
from synlake.local_rows import local_rows
from synlake.schemas import TABLES
from synlake.warehouse import Warehouse

EXAMPLE = 'deprecate-release --release v1.0.0 --reason "labels of n02110958 were wrong" --use-instead v2.0.0'
NEEDS_WAREHOUSE = True


@dataclass(frozen=True)
class Config:
    """Settings of deprecate-release."""

    release: str = option(None, "the release", check=bad_name, is_needed=True)
    reason: str = option(None, "why", is_needed=True)
    use_instead: str | None = option(None, "the release to use", check=bad_name, placeholder="RELEASE")
    as_of: dt.datetime | None = option(None, "time of the notice, UTC; default: now")


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Add to ``release_notices``; print the notice."""
    registry.row_of(warehouse, settings.release)
    if settings.use_instead:
        registry.row_of(warehouse, settings.use_instead, flag="--use-instead")
    schema = TABLES["release_notices"].schema
    row = (settings.release, moment(settings.as_of), settings.reason, settings.use_instead)
    tables.append(warehouse, "release_notices", local_rows(warehouse.spark, [row], schema))
    output.emit(schema.names, [row], arguments.format)
    return 0
