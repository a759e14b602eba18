"""Report what the audit found: accuracy overall, by confidence, coarse and fine, with 95 % intervals."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from synlake import output, tables
from synlake.config import option
from synlake.errors import InputError
from synlake.methods.audit import audit_table, audited
from synlake.warehouse import Warehouse

EXAMPLE = "audit-report --min-audited 30"
NEEDS_WAREHOUSE = True


@dataclass(frozen=True)
class Config:
    """Settings of audit-report."""

    min_audited: int = option(1, "leave out parts with fewer audited items", minimum=1)


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Print one row a part: how many of its audited labels experts found right."""
    labels, reviews = tables.read(warehouse, "labels"), tables.read(warehouse, "reviews")
    found = audit_table(audited(labels, reviews), tables.read_or_empty(warehouse, "synsets"))
    if found.isEmpty():
        raise InputError(
            "no label drawn for audit has been decided on yet\n"
            "  next: ./submit.sh review-labels --audit-ratio 0.02, fill in exports/review.csv, and import it\n"
            "        with ./submit.sh review-labels --decisions-file FILE"
        )
    shown = found.where(f"n_audited >= {settings.min_audited}")
    output.emit(shown.columns, shown.toLocalIterator(), arguments.format)
    return 0
