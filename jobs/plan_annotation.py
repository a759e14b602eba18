"""Plan the crowd's tasks: one question a kept image, gold questions mixed in; exported as CSV.

The CSV never says which tasks are gold, or what is expected.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import tables
from synlake.config import bad_name, option
from synlake.intake import read_rows
from synlake.methods.annotation import plan_tasks
from synlake.stage import Control, Outcome
from synlake.tables import Warehouse

EXAMPLE = "plan-annotation --n-votes 5 --export tasks.csv"
EXPORTED = ("task_id", "hit_id", "position", "image_id", "synset_id", "question", "gloss", "n_votes_wanted")


@dataclass(frozen=True)
class Config:
    """Settings of plan-annotation."""

    n_votes: int = option(3, "answers to collect for each task, by different workers", minimum=1)
    hit_size: int = option(48, "tasks on one page", minimum=1)
    n_gold_per_hit: int = option(6, "of which gold, on average; 0: none", minimum=0)
    gold_file: str | None = option(
        None, "CSV of image_id,synset_id,expected_answer (yes or no) known beforehand", is_file=True
    )
    export: str | None = option(None, "CSV file for the crowd; default: exports/tasks.csv in the warehouse")
    seed: int = option(7, "decides which gold is used, and the order of tasks")
    selection_id: str = option("default", "the selection that tasks are for", check=bad_name)


def main(warehouse: Warehouse, settings: Config) -> Outcome:
    """Read ``pool`` and ``synsets``, plan, write ``tasks`` and the CSV."""
    kept = tables.read(warehouse, "pool").where("is_kept").select("image_id", "synset_id")
    synsets = tables.read(warehouse, "synsets").where(F.col("selection_id") == settings.selection_id)
    tasks = plan_tasks(
        kept,
        synsets,
        _gold(warehouse, settings.gold_file),
        n_gold_per_hit=settings.n_gold_per_hit,
        hit_size=settings.hit_size,
        n_votes=settings.n_votes,
        seed=settings.seed,
    )
    n_tasks = tables.overwrite(warehouse, "tasks", tasks)
    written = tables.read(warehouse, "tasks")
    target = settings.export or f"{warehouse.root}/exports/tasks.csv"
    tables.export_csv(written.select(*EXPORTED).orderBy("hit_id", "position"), target)
    n_gold = written.where("is_gold").count()
    return Outcome(n_tasks, n_tasks, controls=(Control("n_gold", n_gold),), notes=(f"tasks are in {target}",))


def _gold(warehouse: Warehouse, path: str | None) -> DataFrame:
    names = ("image_id", "synset_id", "expected_answer")
    if path is None:
        return warehouse.spark.createDataFrame([], ", ".join(f"{name} string" for name in names))
    rows = read_rows(warehouse.spark, path, {name: name for name in names}, {})
    return rows.where(F.col("raw").isNull() & F.col("expected_answer").isin("yes", "no")).select(*names)
