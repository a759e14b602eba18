"""Score a model's predictions on a release: top-1, top-5 with intervals, by class, and by the hierarchy.

--by class, depth or siblings shows more than the overall scores, which are kept in table evaluations.
"""

from __future__ import annotations

import argparse
import datetime as dt
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import output, registry, tables
from synlake.config import bad_name, moment, option
from synlake.errors import InputError
from synlake.jobs import released, scoring
from synlake.local_rows import local_rows
from synlake.methods.checksum import content_checksum
from synlake.methods.evaluation import (
    by_class,
    coarse_accuracy,
    common_ancestors,
    guess_pairs,
    hierarchical_errors,
    score_images,
    sibling_confusions,
    totals,
)
from synlake.methods.share_interval import share_interval
from synlake.schemas import TABLES
from synlake.spread import held
from synlake.warehouse import Warehouse

EXAMPLE = "evaluate-predictions --release imagenetv2 --model alexnet"
NEEDS_WAREHOUSE = True
COLUMNS = tuple(TABLES["evaluations"].schema.names)[:-3]


@dataclass(frozen=True)
class Config:
    """Settings of evaluate-predictions."""

    release: str = option(None, "the release", check=bad_name, is_needed=True)
    model: str = option(None, "the model whose predictions were imported", check=bad_name, is_needed=True)
    by: str = option("overall", "what to show", choices=("overall", "class", "depth", "siblings"))
    seed: int = option(7, "of the bootstrap")
    as_of: dt.datetime | None = option(None, "time of the evaluation, UTC; default: now")


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Read predictions and release, score, write both tables of evaluations; print what was asked for."""
    release = released.chosen(warehouse, settings.release)
    predictions = scoring.predictions_of(warehouse, settings.release, settings.model)
    hierarchy = registry.rows_of(warehouse, settings.release)["release_hierarchy"]
    with (
        scoring.suited([predictions]),
        held(score_images(scoring.images_for(warehouse, release, predictions), predictions)) as scored,
        held(guess_pairs(scored)) as pairs,
    ):
        ancestors = common_ancestors(pairs.select("label", "guess").distinct(), scoring.closure_of(hierarchy))
        with held(ancestors) as above:
            row = _overall(settings, release, scored, predictions)
            row |= _by_hierarchy(pairs, above, hierarchy, row["n_images"])
            classes = by_class(scored)
            _write(warehouse, settings, row, classes)
            _show(settings, row, classes, pairs, above, hierarchy, arguments.format)
    return 0


def _overall(
    settings: Config, release: dict[str, Any], scored: DataFrame, predictions: DataFrame
) -> dict[str, Any]:
    counts = totals(scored).first()
    first = predictions.select("split").first()
    assert counts is not None  # an aggregate without groups has one row
    assert first is not None  # predictions_of has seen to that
    n = counts["n_images"]
    row = {
        "release": settings.release,
        "model": settings.model,
        "split": first["split"],
        "n_images": n,
        "n_guesses": counts["n_guesses"],
        "class_mean_top1": by_class(scored).agg(F.avg("top1")).collect()[0][0],
        "predictions_checksum": content_checksum(predictions),
        "content_checksum": release["content_checksum"],
        "evaluated_at": moment(settings.as_of),
    }
    for name in ("top1", "top5"):
        low, high = share_interval(counts[f"n_{name}"], n, seed=settings.seed)
        row |= {name: counts[f"n_{name}"] / n, f"{name}_low": low, f"{name}_high": high}
    return row


def _by_hierarchy(pairs: DataFrame, above: DataFrame, hierarchy: DataFrame, n_images: int) -> dict[str, Any]:
    """Scores by the hierarchy; null where the classes have none."""
    top_height = hierarchy.agg(F.max("height")).collect()[0][0]
    if top_height is None:
        return dict.fromkeys(("hierarchical_top1", "hierarchical_top5", "sibling_confusion"))
    errors = hierarchical_errors(pairs, above, top_height=top_height).collect()[0].asDict()
    confused = (
        sibling_confusions(pairs, hierarchy).agg(F.coalesce(F.sum("n_images"), F.lit(0))).collect()[0][0]
    )
    return {**errors, "sibling_confusion": confused / n_images}


def _write(warehouse: Warehouse, settings: Config, row: dict[str, Any], classes: DataFrame) -> None:
    where = {"release": str(settings.release), "model": str(settings.model)}
    schema = TABLES["evaluations"].schema
    one = local_rows(warehouse.spark, [tuple(row[name] for name in schema.names)], schema)
    named = classes.withColumns({"release": F.lit(settings.release), "model": F.lit(settings.model)})
    tables.overwrite(warehouse, "class_evaluations", named, where=where)
    tables.overwrite(warehouse, "evaluations", one, where=where)


def _show(
    settings: Config,
    row: dict[str, Any],
    classes: DataFrame,
    pairs: DataFrame,
    above: DataFrame,
    hierarchy: DataFrame,
    output_format: str,
) -> None:
    if settings.by == "overall":
        output.emit(COLUMNS, [[scoring.shown(row[name], output_format) for name in COLUMNS]], output_format)
        return
    if settings.by == "class":
        shown = classes.orderBy("top1", "label")
    elif row["hierarchical_top1"] is None:
        raise InputError(
            f"--by {settings.by}: the classes of release {settings.release} have no hierarchy (no wnids)"
        )
    elif settings.by == "siblings":
        shown = sibling_confusions(pairs, hierarchy).orderBy(F.desc("n_images"), "label", "guess")
    else:
        max_depth = hierarchy.agg(F.max("depth")).collect()[0][0]
        shown = coarse_accuracy(pairs, above, max_depth=max_depth).orderBy("depth")
    rows = ([scoring.shown(value, output_format) for value in one] for one in shown.collect())
    output.emit(shown.columns, rows, output_format)
