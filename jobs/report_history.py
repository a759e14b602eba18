"""How a release came about, for its report: stages, class sizes, duplicates, the crowd.

Everything is read as of the versions that the release recorded; see :mod:`synlake.jobs.past`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyspark.sql import functions as F

from synlake import tables
from synlake.methods.agreement import agreement_table
from synlake.methods.audit import audit_table, audited
from synlake.methods.class_sizes import SIZES, distribution, sizes_by_synset
from synlake.methods.experts import expert_answers
from synlake.methods.release_report import histogram
from synlake.spread import held
from synlake.stage import Stage
from synlake.warehouse import Warehouse

#: Points of the curves of class sizes.
_STEPS = 100
_TENTHS = [k / 10 for k in range(11)]
#: How good a worker seems, the surest measure first.
_WORKER_MEASURES = {
    "gold_accuracy": "right on gold questions",
    "accuracy": "expected to be right, by the model of workers",
    "agreement": "equal to the aggregated label",
}
#: The terms of U(D), which freeze-release measures; see methods/objective.py.
UTILITY = ("c_cov", "c_hier", "q_label", "c_cost", "utility")


def funnel(warehouse: Warehouse, release: str, pipeline: Sequence[Stage]) -> list[dict[str, Any]]:
    """One entry a stage: rows in, kept, rejected by reason, and its controls. The last run of each counts."""
    runs = tables.read(warehouse, "stage_runs")
    newest = runs.groupBy("stage").agg(F.max(F.struct("started_at", "run_id")).alias("last"))
    by_stage = {row["stage"]: row["last"]["run_id"] for row in newest.collect()}
    own = _freeze_run(warehouse, release)
    by_stage = {name: run for name, run in by_stage.items() if name != "freeze-release"} | own
    now = Warehouse(warehouse.spark, warehouse.root)  # the freeze is recorded after what it recorded
    metrics = tables.read(now, "stage_metrics").where(F.col("run_id").isin(*by_stage.values()))
    rows = metrics.orderBy("stage", "metric").collect()
    entries = []
    for stage in pipeline:
        mine = [row for row in rows if row["run_id"] == by_stage.get(stage.name)]
        values = {row["metric"]: row["value"] for row in mine}
        if not values:
            continue
        plain = ("rows_in", "rows_kept", "seconds", *UTILITY)
        controls = [r for r in mine if r["metric"] not in plain and not r["metric"].startswith("rejected:")]
        rejected = {
            m.removeprefix("rejected:"): int(v) for m, v in values.items() if m.startswith("rejected:")
        }
        entries.append(
            {
                "stage": stage.name,
                "rows_in": int(values["rows_in"]),
                "rows_kept": int(values["rows_kept"]),
                "rejected": sorted(rejected.items(), key=lambda one: (-one[1], one[0])),
                "utility": {name: values[name] for name in UTILITY if name in values},
                "controls": [(c["metric"], c["value"], c["threshold"], c["is_ok"]) for c in controls],
            }
        )
    return entries


def _freeze_run(warehouse: Warehouse, release: str) -> dict[str, str]:
    runs = tables.read(Warehouse(warehouse.spark, warehouse.root), "stage_runs").where(
        (F.col("stage") == "freeze-release") & (F.get_json_object("config", "$.release") == release)
    )
    last = runs.orderBy(F.desc("started_at"), "run_id").first()
    return {} if last is None else {"freeze-release": last["run_id"]}


def pool_sizes(warehouse: Warehouse) -> dict[str, Any]:
    """``table``: a row a stage of how even the classes are; ``curves``: sizes from the largest class down."""
    names = list(SIZES)
    steps = F.array(*(F.lit(1 - k / _STEPS) for k in range(_STEPS + 1)))
    with held(sizes_by_synset(tables.read(warehouse, "pool"))) as sizes:
        rows = [row.asDict() | {"stage": names[row["stage"]]} for row in distribution(sizes).collect()]
        curves = sizes.groupBy("stage").agg(F.percentile("n", steps).alias("curve")).orderBy("stage")
        return {"table": rows, "curves": {names[row["stage"]]: row["curve"] for row in curves.collect()}}


def duplicates(warehouse: Warehouse) -> dict[str, Any]:
    """Images by what became of them, and duplicates by distance."""
    pool = tables.read(warehouse, "pool")
    outcome = F.coalesce("reject_reason", F.lit("kept")).alias("outcome")
    counts = pool.groupBy(outcome).agg(F.count(F.lit(1)).alias("n")).orderBy(F.desc("n"), "outcome")
    found = pool.where("duplicate_of IS NOT NULL AND duplicate_of <> image_id")
    by_bits = found.where("distance_bits IS NOT NULL").groupBy("distance_bits")
    bits = by_bits.agg(F.count(F.lit(1)).alias("n")).orderBy("distance_bits")
    summed = pool.agg(F.sum(F.col("n_sources") - 1).alias("n_copies"), F.count_if("is_restored").alias("n"))
    row = summed.collect()[0]
    return {
        "outcomes": [(one["outcome"], one["n"]) for one in counts.collect()],
        "by_bits": {str(one["distance_bits"]): one["n"] for one in bits.collect()},
        "n_exact_copies": row["n_copies"] or 0,
        "n_restored": row["n"],
    }


def votes_and_workers(warehouse: Warehouse) -> dict[str, Any]:
    """Agreement beyond chance over the votes that count, and how good the workers are."""
    votes = tables.read(warehouse, "votes").where("reject_reason IS NULL")
    workers = tables.read(warehouse, "workers")
    measured = {}
    for column, says in _WORKER_MEASURES.items():
        quantiles = F.percentile(column, F.array(F.lit(0.1), F.lit(0.5), F.lit(0.9))).alias("q")
        row = workers.agg(F.count(column).alias("n"), quantiles).collect()[0]
        if row["n"]:
            bins = {one["bin"]: one["n"] for one in histogram(workers, column, _TENTHS).collect()}
            shown = {f"{10 * k}–{10 * k + 10} %": bins.get(k, 0) for k in range(10)}
            measured[column] = {"says": says, "n": row["n"], "q": row["q"], "bins": shown}
    excluded = workers.where("exclusion_reason IS NOT NULL").groupBy("exclusion_reason").count()
    return {
        "agreement": agreement_table(votes).collect()[0].asDict(),
        "n_workers": workers.count(),
        "measures": measured,
        "excluded": sorted((row[0], row[1]) for row in excluded.collect()),
    }


def escalations(warehouse: Warehouse) -> dict[str, Any]:
    """Items that went to experts, by reason; and what the audit of the others found."""
    labels = tables.read(warehouse, "labels").where(~F.col("is_gold"))
    reviews = tables.read_or_empty(warehouse, "reviews")
    decided = expert_answers(reviews).select("item_id")
    marked = labels.join(decided.withColumn("is_decided", F.lit(True)), on="item_id", how="left")
    by_reason = marked.where("is_escalated").groupBy("escalation_reason")
    counts = by_reason.agg(F.count(F.lit(1)).alias("n"), F.count("is_decided").alias("n_decided"))
    rows = counts.orderBy(F.desc("n"), "escalation_reason").collect()
    audit = audit_table(audited(labels, reviews), tables.read_or_empty(warehouse, "synsets"))
    levels = audit.where("level IN ('all', 'confidence')").collect()
    return {
        "n_items": labels.count(),
        "by_reason": [tuple(row) for row in rows],
        "audit": [row.asDict() for row in levels],
    }
