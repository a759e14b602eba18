"""Plan the search queries of the selected synsets: their lemmas, and lemmas with a parent's word."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import functions as F

from synlake import tables
from synlake.config import bad_name, option
from synlake.methods.queries import plan_queries
from synlake.stage import Outcome
from synlake.tables import Warehouse

EXAMPLE = "plan-queries --format csv"


@dataclass(frozen=True)
class Config:
    """Settings of plan-queries."""

    selection_id: str = option("default", "the selection to plan for", check=bad_name)


def main(warehouse: Warehouse, settings: Config) -> Outcome:
    """Read ``synsets``, plan, write ``queries``."""
    synsets = tables.read(warehouse, "synsets").where(F.col("selection_id") == settings.selection_id)
    n_queries = tables.overwrite(warehouse, "queries", plan_queries(synsets))
    return Outcome(rows_in=n_queries, rows_kept=n_queries)
