"""Report on a release: one HTML page that needs no network, to read, print and publish beside the data.

It shows what is in the release and how it came about, as of the tables that it was frozen from. The same release
and settings give the same page.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import faults, output, region_files, registry, tables
from synlake.config import bad_name, option
from synlake.errors import EnvironmentFault, InputError
from synlake.intake import read_rows
from synlake.jobs import PIPELINE, released, report_history, report_pictures
from synlake.jobs.past import Seen, as_recorded
from synlake.methods import release_report as counted
from synlake.methods.region_balance import balance
from synlake.methods.release_tree import tree_of
from synlake.methods.withholding import WITHHELD
from synlake.report.page import SPLITS, render
from synlake.schemas import TABLES
from synlake.spread import held
from synlake.suiting import suited_to_tables
from synlake.warehouse import Warehouse

EXAMPLE = "report-release --release v1.0.0 --output report.html"
NEEDS_WAREHOUSE = True
COLUMNS = ("release", "file", "size_bytes", "n_images", "n_classes", "n_mosaics")
#: Hosts, countries and their like that are listed; all others are one line.
N_LISTED = 15
_TENTHS = [k / 10 for k in range(11)]
_BOX = ("x_min", "y_min", "x_max", "y_max")


@dataclass(frozen=True)
class Config:
    """Settings of report-release."""

    release: str = option(None, "the release", check=bad_name, is_needed=True)
    output: str = option(None, "the HTML file to write", is_needed=True, placeholder="FILE")
    picture_bytes: int = option(2_500_000, "of all sample images in the page, bytes", minimum=0)
    max_share: float = option(0.5, "a region with more of the images is flagged", minimum=0, maximum=1)
    regions: str | None = option(None, "CSV of country, region and target_share", is_file=True)
    boxes: str | None = option(
        None, "CSV, JSON lines or Parquet of image_id,x_min,y_min,x_max,y_max, for object scale", is_file=True
    )
    authors: str | None = option(None, "who to cite")
    url: str | None = option(None, "where the release is published")
    license: str = option("unknown: each image has that of its source", "what the page says")
    note: str | None = option(None, "a remark at the top, such as: synthetic pictures")
    seed: int = option(7, "decides which samples are shown")


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Read what is known of the release, write the page; print how large it is."""
    row = released.chosen(warehouse, settings.release)
    regions = region_files.regions(settings.regions)
    path = os.path.abspath(os.path.expanduser(settings.output))
    _check_place(path)
    rows = registry.rows_of(warehouse, settings.release)
    read = (name for name in TABLES if name != "image_bytes")
    with suited_to_tables(warehouse, read), held(rows["release_images"]) as images:
        content = _release(warehouse, {**rows, "release_images": images}, row, settings)
        hidden = images.where(F.col("label") == WITHHELD).select("image_id")
        content |= _history(warehouse, row, hidden, settings)
        content |= _origins(warehouse, images, row, regions, settings)
    content |= {
        "row": row,
        "settings": asdict(settings),
        "notices": registry.notices(warehouse, settings.release),
    }
    size = _write(path, render(content))
    shown = (
        settings.release,
        settings.output,
        size,
        row["n_images"],
        row["n_synsets"],
        len(content["mosaics"]),
    )
    output.emit(COLUMNS, [shown], arguments.format)
    return 0


def _release(
    warehouse: Warehouse, rows: Mapping[str, DataFrame], row: Mapping[str, Any], settings: Config
) -> dict[str, Any]:
    """What the release itself says: classes, splits, hierarchy, sizes, samples."""
    images = rows["release_images"]
    per_class = images.groupBy("label").agg(
        F.count(F.lit(1)).alias("n"),
        *(F.count_if(F.col("split") == split).alias(split) for split in SPLITS),
        F.avg("confidence").alias("confidence"),
    )
    known = rows["release_synsets"].select(F.col("synset_id").alias("label"), "name", "lemmas", "gloss")
    classes = [
        one.asDict() for one in known.join(per_class, on="label", how="full").orderBy("label").collect()
    ]
    nodes = rows["release_hierarchy"].collect()
    names = {node["synset_id"]: node["name"] for node in nodes}
    parents = {node["synset_id"]: node["parent_ids"] for node in nodes}
    sizes = {one["label"]: one["n"] or 0 for one in classes if one["label"] in names}
    sources = images.groupBy("label_source").count().orderBy(F.desc("count"), "label_source")
    return {
        "classes": classes,
        "tree": tree_of(names, parents, sizes),
        "label_sources": [tuple(one) for one in sources.collect()],
        "formats": [tuple(one) for one in counted.shares_of(images, "format", N_LISTED).collect()],
        "mosaics": report_pictures.class_mosaics(
            warehouse, images, n_classes=len(classes), max_bytes=settings.picture_bytes, seed=settings.seed
        )
        if settings.picture_bytes
        else {},
        "sizes": counted.size_quantiles(images).collect()[0].asDict(),
        "sides": [tuple(one) for one in counted.side_histogram(images).orderBy("from_px").collect()],
        "scales": _object_scales(warehouse, images, settings.boxes) if settings.boxes else None,
    }


def _history(
    warehouse: Warehouse, row: Mapping[str, Any], hidden: DataFrame, settings: Config
) -> dict[str, Any]:
    """How it came about, as of the versions that the release, or the one it derives from, recorded.

    ``hidden`` has the ``image_id``s whose labels are withheld: no example may tell their synset.
    """
    origin = origin_of(warehouse, row)
    is_ours = origin["kind"] == "frozen"
    versions = origin["input_versions"] if is_ours else {}
    imported = Seen[Any](note="The release was imported: no stage of this pipeline stands behind it.")

    def seen(needed: tuple[str, ...], compute: Any, optional: tuple[str, ...] = ()) -> Seen[Any]:
        return as_recorded(warehouse, versions, needed, compute, optional=optional) if is_ours else imported

    examples = seen(("pool",), lambda then: _examples(then, hidden, settings))
    pairs = examples.found or []

    return {
        "origin": origin,
        "funnel": seen(
            ("stage_runs",), lambda then: report_history.funnel(then, origin["release"], PIPELINE)
        ),
        "pool_sizes": seen(("pool",), report_history.pool_sizes),
        "duplicates": seen(("pool",), report_history.duplicates),
        "pairs": pairs,
        "pair_pictures": report_pictures.pair_pictures(warehouse, pairs) if settings.picture_bytes else {},
        "crowd": seen(("votes", "workers"), report_history.votes_and_workers),
        "escalations": seen(("labels",), report_history.escalations, ("reviews", "synsets")),
    }


def origin_of(warehouse: Warehouse, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The release that the pipeline froze, or that was imported, and from which ``row`` derives; or ``row``."""
    while row["kind"] == "derived" and row["parent"]:
        row = registry.row_of(warehouse, row["parent"])
    return row


def _examples(warehouse: Warehouse, hidden: DataFrame, settings: Config) -> list[dict[str, Any]]:
    pool = tables.read(warehouse, "pool")
    for column in ("image_id", "duplicate_of"):
        pool = pool.join(hidden.withColumnRenamed("image_id", column), on=column, how="left_anti")
    found = counted.duplicate_examples(pool, n=report_pictures.N_PAIRS, seed=settings.seed).collect()
    return [one.asDict() for one in found]


def _origins(
    warehouse: Warehouse,
    images: DataFrame,
    row: Mapping[str, Any],
    regions: tuple[Mapping[str, str], Mapping[str, float]],
    settings: Config,
) -> dict[str, Any]:
    """Where the images come from, and whether one region has more of them than it should."""

    def compute(then: Warehouse) -> dict[str, Any]:
        candidates, found, queries = (
            tables.read_or_empty(then, name) for name in ("candidates", "search_results", "queries")
        )
        if "country" not in found.columns:  # a table that an earlier synlake wrote
            found = found.withColumn("country", F.lit(None).cast("string"))
        with held(counted.origins_of(images, candidates, found, queries)) as origins:
            listed = {
                column: [tuple(one) for one in counted.shares_of(origins, column, N_LISTED).collect()]
                for column in counted.ORIGINS
            }
            by_country = counted.shares_of(origins.where("country IS NOT NULL"), "country", 1000).collect()
        countries = {one["value"]: one["n_images"] for one in by_country}
        return {"listed": listed, "regions": balance(countries, *regions, max_share=settings.max_share)}

    origin = origin_of(warehouse, row)
    optional = ("search_results", "queries")
    versions = origin["input_versions"]
    return {"origins": as_recorded(warehouse, versions, ("candidates",), compute, optional=optional)}


def _object_scales(warehouse: Warehouse, images: DataFrame, path: str) -> dict[str, Any]:
    """How much of its image the largest object covers, from a file of boxes."""
    given = read_rows(warehouse.spark, path, {name: name for name in ("image_id", *_BOX)}, {})
    boxes = given.select("image_id", *(F.col(name).try_cast("double").alias(name) for name in _BOX), "raw")
    is_bad = " OR ".join(["raw IS NOT NULL", *(f"{name} IS NULL" for name in _BOX)])
    bad = boxes.where(is_bad).select(
        F.lit("not four numbers").alias("fault"), F.coalesce("image_id", "raw", F.lit("?")).alias("key")
    )
    faults.raise_listed(bad, f"--boxes {path}", "correct the file; no report was written")
    with held(counted.object_scales(images, boxes)) as scales:
        bins = {one["bin"]: one["n"] for one in counted.histogram(scales, "scale", _TENTHS).collect()}
        quantiles = F.percentile("scale", F.array(*map(F.lit, counted.QUANTILES))).alias("quantiles")
        row = scales.agg(F.count("scale").alias("n"), F.avg("scale").alias("mean"), quantiles).collect()[0]
    return row.asDict() | {"bins": {f"{10 * k}–{10 * k + 10} %": bins.get(k, 0) for k in range(10)}}


def _check_place(path: str) -> None:
    """Raise before the work where the page could not be written after it."""
    if os.path.isdir(path):
        raise InputError(f"--output {path}: is a folder\n  next: --output {path}/report.html")
    if not os.path.isdir(os.path.dirname(path)):
        raise InputError(f"--output {path}: there is no folder {os.path.dirname(path)}")


def _write(path: str, text: str) -> int:
    """Write the page whole or not at all; returns its bytes."""
    content = text.encode()
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as stream:
            stream.write(content)
        os.replace(temporary, path)
    except OSError as error:
        raise EnvironmentFault(f"--output {path}: cannot be written ({error.strerror})") from None
    return len(content)
