"""Show how even the classes are: images a synset before and after deduplication, and after floor and quota.

gini is 0 where all synsets have as many images; head_share is the share of images in the largest tenth of the
synsets, tail_share in the smaller half of them.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import output, tables
from synlake.config import option
from synlake.errors import InputError
from synlake.methods.class_sizes import SIZES, distribution, sizes_by_synset
from synlake.methods.plots import line_chart
from synlake.spread import held
from synlake.warehouse import Warehouse

EXAMPLE = "class-sizes --plot sizes.svg"
NEEDS_WAREHOUSE = True
#: Points of a curve.
_STEPS = 100


@dataclass(frozen=True)
class Config:
    """Settings of class-sizes."""

    plot: str | None = option(
        None, "where to write the sizes from largest to smallest, SVG", placeholder="FILE"
    )


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Print one row a stage; with ``plot``, draw the curves of sizes too."""
    names = list(SIZES)
    with held(sizes_by_synset(tables.read(warehouse, "pool"))) as sizes:
        found = distribution(sizes)
        rows = [(names[row["stage"]], *row[1:]) for row in found.toLocalIterator()]
        output.emit(found.columns, rows, arguments.format)
        if settings.plot:
            _plot(sizes, settings.plot)
    return 0


def _plot(sizes: DataFrame, path: str) -> None:
    steps = [1 - k / _STEPS for k in range(_STEPS + 1)]
    curves = sizes.groupBy("stage").agg(F.percentile("n", F.array(*map(F.lit, steps))).alias("curve"))
    named = {list(SIZES)[row["stage"]]: row["curve"] for row in curves.orderBy("stage").toLocalIterator()}
    chart = line_chart(
        named, title="Images a synset", x_title="synsets, from the largest to the smallest", y_title="images"
    )
    try:
        Path(path).write_text(chart, encoding="utf-8")
    except OSError as error:
        raise InputError(f"--plot {path}: cannot be written ({error.strerror})") from None
