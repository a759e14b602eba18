"""The whole pipeline at a small size, stage by stage, for tests of what it leaves behind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pyspark.sql import functions as F

from synlake import config, stage, tables
from synlake.demo import crowd
from synlake.demo.planted import Planted
from synlake.demo.pool import SYNSETS
from synlake.jobs import PIPELINE
from synlake.stage import Report
from synlake.warehouse import Warehouse

RELEASE = "small"
#: Tables that record runs; all others hold the dataset.
RECORDS = ("stage_metrics", "stage_runs")


def settings_of(folder: Path, planted: Planted) -> dict[str, dict[str, str]]:
    """Flags of every stage."""
    return {
        "select-synsets": {"wnids": ",".join(SYNSETS), "n_synsets": str(len(SYNSETS))},
        "ingest-images": {"input": str(planted.folder), "name": "pool"},
        "deduplicate-images": {"quota": "12", "floor": "3"},
        "plan-annotation": {"n_votes": "5", "export": str(folder / "tasks.csv")},
        "import-votes": {"input": str(folder / "votes.csv")},
        "review-labels": {
            "decisions_file": str(folder / "decisions.csv"),
            "export": str(folder / "review.csv"),
        },
        "freeze-release": {"release": RELEASE, "n_val": "2", "n_test": "3"},
    }


def run_all(
    warehouse: Warehouse,
    folder: Path,
    planted: Planted,
    *,
    force: bool = False,
    first: int = 0,
    last: int = 99,
) -> list[Report]:
    """Run the stages ``first`` to ``last`` in order; simulated people answer where real ones would."""
    folder.mkdir(exist_ok=True)
    flags = settings_of(folder, planted)
    reports = []
    for place, one in enumerate(PIPELINE):
        if not first <= place <= last:
            continue
        if one.name == "import-votes":
            votes = crowd.simulate_votes(right_answers(warehouse, planted), workers=crowd.crowd(9), n_votes=5)
            crowd.write_csv(folder / "votes.csv", votes, crowd.Vote)
        if one.name == "review-labels":
            crowd.write_csv(folder / "decisions.csv", decisions(warehouse, planted), crowd.Decision)
        chosen = config.build(one.module.Config, one.name, {}, flags.get(one.name, {}))
        is_frozen = one.name == "freeze-release"
        reports.append(stage.run_stage(warehouse, one, chosen, force=force and not is_frozen))
    return reports


def right_answers(warehouse: Warehouse, planted: Planted) -> dict[str, str]:
    tasks = tables.read(warehouse, "tasks").select("task_id", "image_id", "synset_id").orderBy("task_id")
    return crowd.right_answers((row.asDict() for row in tasks.collect()), planted.shown())


def decisions(warehouse: Warehouse, planted: Planted) -> list[crowd.Decision]:
    truth = right_answers(warehouse, planted)
    escalated = tables.read(warehouse, "labels").where("is_escalated AND NOT is_gold").orderBy("item_id")
    return crowd.simulate_experts({row["item_id"]: truth[row["item_id"]] for row in escalated.collect()})


def contents(
    warehouse: Warehouse,
    names: Iterable[str] = tuple(tables.TABLES),
    *,
    without: Mapping[str, tuple[str, ...]] | None = None,
) -> dict[str, Any]:
    """Every row of every table that holds the dataset, as text, sorted; image bytes by their hash."""
    found = {}
    for name in names:
        if name in RECORDS or not tables.exists(warehouse, name):
            continue
        df = tables.read(warehouse, name).drop(*(without or {}).get(name, ()))
        if "bytes" in df.columns:
            df = df.withColumn("bytes", F.sha2("bytes", 256))
        found[name] = sorted(str(row) for row in df.collect())
    return found


def checksum(warehouse: Warehouse) -> str:
    row = tables.read(warehouse, "releases").where(F.col("release") == RELEASE).first()
    assert row is not None
    return str(row["content_checksum"])
