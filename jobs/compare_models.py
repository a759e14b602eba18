"""Compare two models on one frozen release: the difference of top-1 and top-5, and whether it is chance.

ΔR is the model's share of right images minus the baseline's, on exactly the same images; between releases
there is none, since it would mix the change of model with the change of images.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import output
from synlake.config import bad_name, option
from synlake.errors import InputError
from synlake.jobs import released, scoring
from synlake.methods.evaluation import paired_table, score_images
from synlake.methods.share_interval import paired_difference
from synlake.spread import held
from synlake.warehouse import Warehouse

EXAMPLE = "compare-models --release imagenetv2 --baseline alexnet --model densenet121"
NEEDS_WAREHOUSE = True
COLUMNS = (
    "release",
    "split",
    "metric",
    "baseline",
    "model",
    "n_images",
    "baseline_score",
    "model_score",
    "delta",
    "delta_low",
    "delta_high",
    "p_value",
    "n_only_baseline",
    "n_only_model",
)


@dataclass(frozen=True)
class Config:
    """Settings of compare-models."""

    release: str = option(None, "the release both were scored on", check=bad_name, is_needed=True)
    baseline: str = option(
        None, "the model to compare with", check=bad_name, is_needed=True, placeholder="MODEL"
    )
    model: str = option(None, "the model", check=bad_name, is_needed=True)
    baseline_release: str | None = option(None, "the baseline's release, if it were another", check=bad_name)
    seed: int = option(7, "of the bootstrap")


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Score both models image by image; print ΔR, its 95 % interval and McNemar's p."""
    _check_release(settings, settings.release)
    release = released.chosen(warehouse, settings.release)
    guesses_l = scoring.predictions_of(warehouse, settings.release, settings.baseline)
    guesses_r = scoring.predictions_of(warehouse, settings.release, settings.model)
    split = _common_split(settings, guesses_l, guesses_r)
    images = scoring.images_for(warehouse, release, guesses_l)
    with (
        scoring.suited([guesses_l, guesses_r]),
        held(score_images(images, guesses_l)) as scored_l,
        held(score_images(images, guesses_r)) as scored_r,
    ):
        rows = [_compared(settings, split, name, scored_l, scored_r) for name in ("top1", "top5")]
    output.emit(
        COLUMNS, [[scoring.shown(v, arguments.format) for v in row] for row in rows], arguments.format
    )
    return 0


def _check_release(settings: Config, release: str) -> None:
    if settings.baseline_release not in (None, release):
        raise InputError(
            f"--baseline-release {settings.baseline_release}: ΔR is defined on one and the same frozen release;"
            f" {settings.baseline} on {settings.baseline_release} and {settings.model} on {release} saw other images,"
            " so their difference is not the models' alone\n"
            f"  next: import-predictions --release {release} --model {settings.baseline} --input FILE"
        )


def _common_split(settings: Config, guesses_l: DataFrame, guesses_r: DataFrame) -> str:
    splits = [df.agg(F.min("split")).collect()[0][0] for df in (guesses_l, guesses_r)]
    if splits[0] != splits[1]:
        raise InputError(
            f"{settings.baseline} predicted {splits[0]}, {settings.model} predicted {splits[1]}: not the same images\n"
            "  next: import the predictions of one of them again, with the other's --split"
        )
    return str(splits[0])


def _shown_p(p: float) -> float | str:
    """A p that a double cannot tell from 0 is not 0.

    >>> _shown_p(0.25), _shown_p(1e-7), _shown_p(0.0)
    (0.25, '1.0e-07', '<1e-300')
    """
    return p if p >= 1e-6 else f"{p:.1e}" if p else "<1e-300"


def _compared(
    settings: Config, split: str, name: str, scored_l: DataFrame, scored_r: DataFrame
) -> tuple[object, ...]:
    cells = paired_table(scored_l, scored_r, column=f"is_{name}").collect()[0]
    n = sum(cells)
    delta, low, high, p = paired_difference(*cells, seed=settings.seed)
    score_l = (cells["n_both"] + cells["n_only_l"]) / n
    score_r = (cells["n_both"] + cells["n_only_r"]) / n
    return (
        settings.release,
        split,
        name,
        settings.baseline,
        settings.model,
        n,
        score_l,
        score_r,
        delta,
        low,
        high,
        _shown_p(p),
        cells["n_only_l"],
        cells["n_only_r"],
    )
