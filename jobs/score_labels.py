"""Score the labels against a file of right answers: accuracy, with its 95 % interval."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import output, tables
from synlake.config import option
from synlake.errors import InputError
from synlake.intake import read_rows
from synlake.methods.accuracy import score_labels
from synlake.warehouse import Warehouse

EXAMPLE = "score-labels --truth truth.csv --item-column question --label-column truth"
NEEDS_WAREHOUSE = True


@dataclass(frozen=True)
class Config:
    """Settings of score-labels."""

    truth: str = option(
        None, "CSV (with a header) or JSON lines of right answers", is_file=True, is_needed=True
    )
    item_column: str = option("item_id", "column with the item")
    label_column: str = option("label", "column with its right answer")


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Print one row: how many items have a right answer and a label, and how many labels are right."""
    truth = read_truth(warehouse, settings.truth, settings.item_column, settings.label_column)
    score = score_labels(tables.read(warehouse, "labels"), truth)
    records = [row.asDict() for row in score.collect()]  # one row
    if not records[0]["n_scored"]:
        raise InputError(
            f"--truth {settings.truth}: none of its {records[0]['n_truth']} items has a label\n"
            "  next: see that --item-column names what import-votes was given as --item-column"
        )
    output.emit_records(records, arguments.format)
    return 0


def read_truth(warehouse: Warehouse, path: str, item_column: str, label_column: str) -> DataFrame:
    """``item_id, truth``, one row an item; :class:`InputError` where the file gives an item two answers."""
    columns = {"item_id": item_column, "truth": label_column}
    rows = read_rows(warehouse.spark, path, columns, {})
    whole = rows.where("raw IS NULL AND item_id <> '' AND truth <> ''").select("item_id", "truth").distinct()
    twice = whole.groupBy("item_id").count().where(F.col("count") > 1).orderBy("item_id").first()
    if twice is not None:
        raise InputError(f"--truth {path}: item {twice['item_id']} has two different answers")
    return whole
