"""Report what votes and experts buy: accuracy of one vote, of majorities, of all votes and of the final labels.

Held against --truth, or else against the experts' decisions on the labels drawn for audit. Each row has its
95 % interval; coarse are classes without a selected sibling in the tree, fine those with one.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import output, tables
from synlake.config import option
from synlake.errors import InputError
from synlake.jobs.score_labels import read_truth
from synlake.methods.audit import audited, grains
from synlake.methods.label_quality import labellings, quality_table
from synlake.warehouse import Warehouse

EXAMPLE = "quality-report --truth truth.csv --item-column question --label-column truth"
NEEDS_WAREHOUSE = True


def _bad_redundancies(values: tuple[int, ...]) -> str | None:
    return None if values and min(values) >= 1 else f"wanted whole numbers from 1 on, got {values}"


@dataclass(frozen=True)
class Config:
    """Settings of quality-report."""

    truth: str | None = option(None, "CSV or JSON lines of right answers; default: the audit", is_file=True)
    item_column: str = option("item_id", "column with the item")
    label_column: str = option("label", "column with its right answer")
    n_votes: tuple[int, ...] = option((1, 3), "votes an item to draw, to compare", check=_bad_redundancies)
    seed: int = option(7, "decides which votes are drawn, and ties")


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Print one row a part of the items and a way to label them."""
    votes = tables.read(warehouse, "votes").where("reject_reason IS NULL")
    labels, reviews = tables.read(warehouse, "labels"), tables.read_or_empty(warehouse, "reviews")
    truth = (
        read_truth(warehouse, settings.truth, settings.item_column, settings.label_column)
        if settings.truth
        else audited(labels, reviews).select("item_id", "truth")
    )
    # What an expert says of an audited label is the truth here, and so can not be what is measured.
    counted = reviews if settings.truth else reviews.limit(0)
    ways = labellings(votes, labels, counted, redundancies=settings.n_votes, seed=settings.seed)
    found = quality_table(ways, truth, _parts(labels, tables.read_or_empty(warehouse, "synsets"))).collect()
    if not found:
        given = settings.truth or "the audit"
        raise InputError(
            f"{given}: has a right answer for none of the items that were voted on\n"
            "  next: --truth FILE with --item-column and --label-column, or review-labels --audit-ratio 0.02"
        )
    output.emit(found[0].__fields__, found, arguments.format)  # a few rows
    return 0


def _parts(labels: DataFrame, synsets: DataFrame) -> DataFrame:
    """``item_id, level, part``: of a coarse or a fine class; settled by the crowd or escalated."""
    asked = labels.where(~F.col("is_gold"))
    settled = F.when(F.col("is_escalated"), F.lit("escalated")).otherwise(F.lit("settled"))
    by_votes = asked.select("item_id", F.lit("votes").alias("level"), settled.alias("part"))
    by_grain = asked.join(grains(synsets), on="synset_id")
    return by_votes.unionByName(
        by_grain.select("item_id", F.lit("grain").alias("level"), F.col("grain").alias("part"))
    )
