"""Compare the strategies none, pixel and phash on one pool: what each takes out, what it leaves, what it costs.

Nothing is written. With --truth-file, a CSV of image_id,duplicate_of that says which images are known to be copies
of which original, it also tells what share of the copies a strategy suppressed (of an original and its copies one is
to stay, whichever), and how many images it dropped for one that they are no copy of.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import output, tables
from synlake.config import option
from synlake.errors import InputError
from synlake.jobs.duplicates import find
from synlake.methods.class_sizes import TAIL_SHARE
from synlake.methods.deduplication import SCOPES, STRATEGIES, ranked, to_pool
from synlake.spread import held
from synlake.warehouse import Warehouse

EXAMPLE = "compare-deduplication --tau 8 --scope global"
NEEDS_WAREHOUSE = True
COLUMNS = (
    "strategy",
    "n_images",
    "n_dropped",
    "n_kept",
    "suppressed",
    "false_drops",
    "tail_kept",
    "seconds",
)


@dataclass(frozen=True)
class Config:
    """Settings of compare-deduplication."""

    tau: int = option(8, "images less than tau bits apart are duplicates", minimum=1, maximum=64)
    scope: str = option("synset", "compare within each synset, or all images", choices=SCOPES)
    truth_file: str | None = option(None, "CSV of image_id,duplicate_of: the known copies", is_file=True)


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Print one row a strategy."""
    pool = to_pool(tables.read(warehouse, "candidates"), tables.read(warehouse, "fingerprints"))
    usable = pool.where("reject_reason IS NULL")
    truth = _truth(warehouse, settings.truth_file) if settings.truth_file else None
    with held(ranked(usable, scope=settings.scope)) as images:
        output.emit(COLUMNS, _compared(images, truth, settings), arguments.format)
    return 0


def _compared(images: DataFrame, truth: DataFrame | None, settings: Config) -> Iterator[tuple[object, ...]]:
    images.count()  # read before the first clock starts
    has_pixels = images.where("pixels IS NULL").isEmpty()
    for strategy in STRATEGIES:
        if strategy == "pixel" and not has_pixels:
            output.say("pixel: left out, table fingerprints has images without pixel_sha256")
            continue
        start = time.monotonic()
        with ExitStack() as stack:
            found = find(images, stack, strategy=strategy, tau=settings.tau).images
            kept_for = found.select("image_id", "synset_id", "scope", "duplicate_of")
            flagged = stack.enter_context(held(kept_for))
            n_images = flagged.count()
            seconds = time.monotonic() - start
            yield (strategy, n_images, *_counted(flagged, truth), round(seconds, 1))


def _counted(flagged: DataFrame, truth: DataFrame | None) -> tuple[object, ...]:
    """n_dropped, n_kept, suppressed, false_drops, tail_kept."""
    is_dropped = F.col("duplicate_of").isNotNull()
    totals = flagged.agg(F.count_if(is_dropped).alias("dropped"), F.count_if(~is_dropped).alias("kept"))
    sizes = flagged.groupBy("synset_id").agg(
        F.count(F.lit(1)).alias("n"), F.count_if(~is_dropped).alias("kept")
    )
    limit = F.percentile("n", F.lit(TAIL_SHARE)).alias("limit")
    tail = sizes.join(F.broadcast(sizes.agg(limit)), F.col("n") <= F.col("limit"))
    shares = tail.agg((F.sum("kept") / F.sum("n")).alias("tail"))
    row = totals.crossJoin(shares).first()
    assert row is not None  # aggregates without groups have one row
    suppressed, false = (None, None) if truth is None else _held_against(flagged, truth)
    tail_kept = None if row["tail"] is None else round(row["tail"], 4)
    return row["dropped"], row["kept"], suppressed, false, tail_kept


def _held_against(flagged: DataFrame, truth: DataFrame) -> tuple[float | None, int]:
    """(share of what could be dropped and was, images dropped for one that they are no copy of).

    An original and its copies are a family, of which any one may stay: the rule keeps the first in rank.
    """
    kept = truth.select(F.col("image_id").alias("duplicate_of"), F.col("family").alias("kept_family"))
    named = flagged.join(truth, on="image_id", how="left").join(kept, on="duplicate_of", how="left")
    families = named.select(
        "scope",
        F.coalesce("family", "image_id").alias("family"),
        (F.coalesce("kept_family", "duplicate_of") == F.coalesce("family", "image_id")).alias("is_right"),
    )
    by_family = families.groupBy("scope", "family").agg(
        (F.count(F.lit(1)) - 1).alias("most"),
        F.count_if("is_right").alias("right"),
        F.count_if(~F.col("is_right")).alias("false"),
    )
    seen = by_family.agg(*(F.sum(name).alias(name) for name in ("most", "right", "false"))).first()
    assert seen is not None  # an aggregate without groups has one row
    return (round(seen["right"] / seen["most"], 4) if seen["most"] else None), seen["false"]


def _truth(warehouse: Warehouse, path: str) -> DataFrame:
    """``image_id, family``: the images that the file says are copies, each once, and their original."""
    read = warehouse.spark.read.option("header", True).csv(path)
    missing = {"image_id", "duplicate_of"} - set(read.columns)
    if missing:
        raise InputError(
            f"--truth-file {path}: has no column {', '.join(sorted(missing))}, has {', '.join(read.columns)}\n"
            "  next: give a CSV with a header and the columns image_id,duplicate_of"
        )
    copies = read.where("image_id IS NOT NULL AND duplicate_of IS NOT NULL")
    return copies.groupBy("image_id").agg(F.min("duplicate_of").alias("family"))
