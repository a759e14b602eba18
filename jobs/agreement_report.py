"""Report how much workers agree beyond chance: Krippendorff's alpha and Fleiss' kappa over the votes that count."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from synlake import output, tables
from synlake.methods.agreement import agreement_table
from synlake.warehouse import Warehouse

EXAMPLE = "agreement-report --format csv"
NEEDS_WAREHOUSE = True


@dataclass(frozen=True)
class Config:
    """Settings of agreement-report: none."""


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Print one row; only items with two votes or more say anything."""
    votes = tables.read(warehouse, "votes").where("reject_reason IS NULL")
    found = agreement_table(votes)
    output.emit(found.columns, found.collect(), arguments.format)  # one row
    return 0
