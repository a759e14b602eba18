"""The folder of an export: what a run before has finished there, and writing the rest."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import table_files, tables
from synlake.errors import InputError
from synlake.local_rows import dealt_rows, local_rows
from synlake.methods.export_plan import with_shards
from synlake.spread import by_weight, held
from synlake.suiting import suited_to_tables
from synlake.udfs.export_images import WRITTEN, write_folders, write_shards
from synlake.udfs.place_tar import finish_shards, place_images, with_places
from synlake.udfs.shards import finished
from synlake.warehouse import Warehouse

if TYPE_CHECKING:
    from synlake.jobs.export_release import Config

ENDINGS = {"webdataset": "tar", "parquet": "parquet", "tfrecord": "tfrecord"}
#: The settings that decide what is in a file.
_DECIDING = ("layout", "split", "resize", "max_bytes", "shard_bytes")


def records_folder(root: str, release: Mapping[str, Any], settings: Config) -> str:
    """Where an export keeps what it has finished; :class:`InputError` where ``root`` holds another, or other files."""
    about = {"release": release["release"], "content_checksum": release["content_checksum"]}
    about |= {name: getattr(settings, name) for name in _DECIDING}
    text = json.dumps(about, sort_keys=True, indent=1)
    folder = Path(root, f".export-{hashlib.sha256(text.encode()).hexdigest()[:12]}")
    for other in Path(root).glob(".export-*"):
        if other != folder:
            raise InputError(
                f"--output {root}: holds another export, of other settings or another release"
                f" (see {other.name}/export.json)\n  next: choose another folder, or empty this one"
            )
    if not folder.is_dir() and (there := sorted(entry.name for entry in Path(root).iterdir())):
        raise InputError(
            f"--output {root}: holds what no export wrote, such as {there[0]}\n"
            "  next: choose a new folder, or an empty one"
        )
    folder.mkdir(exist_ok=True)
    (folder / "export.json").write_text(text + "\n", encoding="utf-8")
    return str(folder)


def write(
    warehouse: Warehouse,
    images: DataFrame,
    settings: Config,
    *,
    root: str,
    records_dir: str,
    labels: Sequence[str],
) -> DataFrame:
    """The files of the layout, a row each, those that were finished before among them."""
    if settings.layout == "imagefolder":
        stored = tables.read(warehouse, "image_bytes").select("image_id", "bytes")
        spread = by_weight(images, "size_bytes", "image_id").join(stored, on="image_id")
        return write_folders(spread, root=root, shorter_px=settings.resize, max_bytes=settings.max_bytes)
    plan = with_shards(images, shard_bytes=settings.shard_bytes, ending=ENDINGS[settings.layout])
    there = local_rows(warehouse.spark, finished(root, records_dir), WRITTEN)
    left = plan.join(F.broadcast(there.select(F.col("path").alias("shard"))), on="shard", how="left_anti")
    is_placed = settings.layout == "webdataset" and not settings.resize and not settings.max_bytes
    located = table_files.locate(warehouse, "image_bytes") if is_placed else None
    if located is not None:
        with suited(warehouse):
            return there.unionByName(_placed(left, located, root=root, records_dir=records_dir))
    return there.unionByName(
        _streamed(warehouse, left, settings, root=root, records_dir=records_dir, labels=labels)
    )


def suited(warehouse: Warehouse) -> AbstractContextManager[None]:
    """Spark's settings for a block that works on what is known of images, without their bytes."""
    return suited_to_tables(warehouse, ("release_images", "candidates", "search_results"))


def _streamed(
    warehouse: Warehouse,
    plan: DataFrame,
    settings: Config,
    *,
    root: str,
    records_dir: str,
    labels: Sequence[str],
) -> DataFrame:
    """Rows are spread by their bytes, which are joined to them, and each task writes shards one after another."""
    stored = tables.read(warehouse, "image_bytes").select("image_id", "bytes")
    spread = by_weight(plan.join(stored, on="image_id"), "size_bytes", "shard")
    return write_shards(
        spread.sortWithinPartitions("shard", "image_id", "label"),
        root=root,
        records_dir=records_dir,
        shorter_px=settings.resize,
        max_bytes=settings.max_bytes,
        class_names=list(labels),
    )


def _placed(plan: DataFrame, located: DataFrame, *, root: str, records_dir: str) -> DataFrame:
    """Each image is written straight to its place in its shard; see :mod:`synlake.udfs.place_tar`."""
    spark = plan.sparkSession
    columns = ("shard", "split", "label", "class_index", "image_id", "size_bytes")
    ordered = plan.select(*columns).repartition("shard").sortWithinPartitions("shard", "image_id", "label")
    with held(with_places(ordered)) as places:
        shards = (
            places.groupBy("shard").agg(F.max("end").alias("end"), F.count(F.lit(1)).alias("n")).collect()
        )
        _forget_lost(records_dir, [row["shard"] for row in shards])
        with held(places.join(located, on="image_id")) as rows:
            files = rows.groupBy("path").agg(F.sum("size_bytes").alias("size_bytes"))
            paths = [row["path"] for row in files.orderBy(F.desc("size_bytes"), "path").collect()]
            tasks = local_rows(spark, ((path, n) for n, path in enumerate(paths)), "path string, task int")
            # One task a data file, the largest first.
            numbered = rows.join(F.broadcast(tasks), on="path")
            spread = numbered.repartitionById(max(1, len(paths)), F.col("task"))
            by_file = spread.sortWithinPartitions("path", "row_index")
            place_images(by_file, records_dir=records_dir).agg(F.sum("n")).collect()
    # Placed, but not yet hashed and renamed: that is work by shard.
    dealt = dealt_rows(spark, shards, "shard string, end long, n long")
    return local_rows(spark, finish_shards(dealt, root=root, records_dir=records_dir).collect(), WRITTEN)


def _forget_lost(records_dir: str, shards: Sequence[str]) -> None:
    """Where an unfinished shard is gone, what was read for it has to be read again."""
    if not all(os.path.exists(os.path.join(records_dir, f"{shard}.placed")) for shard in shards):
        for note in Path(records_dir).glob("*.read"):
            note.unlink()


def clean(records_dir: str) -> None:
    """Take away what only an unfinished export needs: marks of data files read, parts of shards."""
    for entry in os.scandir(records_dir):
        if entry.name.endswith((".read", ".part", ".placed", ".tmp")):
            os.unlink(entry.path)
