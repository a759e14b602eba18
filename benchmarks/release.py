"""Freezing, verifying, comparing and querying a release of ILSVRC's size, against Spark copying the same rows.

    python benchmarks/release.py --n 1280000

Synthetic rows, no bytes: 1000 classes of WordNet with equally many images, random hashes, every label confirmed,
a tenth of the pool not kept. The peer reads the release's rows and writes them to another Delta table. A second
release adds a hundredth and inherits the splits of the first.

A small release in a warehouse of its own is frozen, and copied, first: what Java takes to load and compile is told by
it, and is hardly in the others.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from common import Measured, machine, measured, middle, ratios, scratch, session
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BooleanType, DataType, MapType, StringType, TimestampType

from synlake import registry, tables, views, wordnet
from synlake.jobs import freeze_release, verify_release
from synlake.methods.release_diff import changes_by_class, diff_images
from synlake.schemas import TABLES
from synlake.warehouse import Warehouse, open_warehouse

_SEED = 11


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=1_280_000, help="images of the first release")
    parser.add_argument("--n-small", type=int, default=20_000, help="images of the release before it")
    parser.add_argument("--copies", type=int, default=3, help="runs of the peer; the median counts")
    given = parser.parse_args(arguments)
    print(machine())
    with scratch() as folder, session(threads=2, memory="4g") as spark:
        small = open_warehouse(spark, str(folder / "small"))
        add_images(small, add_synsets(small), 0, given.n_small)
        timed(f"first freeze of the session, {given.n_small:,} images", lambda: frozen(small, "v1.0.0"))
        timed("  plain copy", lambda: copy(small, folder))
        warehouse = open_warehouse(spark, str(folder / "warehouse"))
        classes = add_synsets(warehouse)
        add_images(warehouse, classes, 0, given.n)
        freeze = timed(f"freeze v1.0.0, {given.n:,} images", lambda: frozen(warehouse, "v1.0.0"))
        copies = [timed("  plain copy", lambda: copy(warehouse, folder)) for _ in range(given.copies)]
        print(f"ratio freeze / copy of the same rows: {ratios(freeze, middle(copies))}")
        add_images(warehouse, classes, given.n, given.n + given.n // 100)
        timed("freeze v1.1.0 (inherits the splits of v1.0.0)", lambda: frozen(warehouse, "v1.1.0"))
        timed("verify v1.0.0", lambda: verified(warehouse, "v1.0.0"))
        timed("diff v1.0.0 v1.1.0", lambda: compared(warehouse, "v1.0.0", "v1.1.0"))
        ask(warehouse, classes)
        show_sizes(Path(warehouse.root))
    return 0


def timed(what: str, run: Callable[[], object]) -> Measured:
    with measured() as found:
        run()
    print(f"{what}: {found}", flush=True)
    return found


def frozen(warehouse: Warehouse, release: str) -> None:
    freeze_release.main(warehouse, freeze_release.Config(release=release))


def copy(warehouse: Warehouse, folder: Path) -> None:
    rows = tables.read(warehouse, "release_images").where("release = 'v1.0.0'")
    rows.write.format("delta").mode("overwrite").save(str(folder / "copy"))


def verified(warehouse: Warehouse, release: str) -> None:
    faults = [one for one in verify_release.check(warehouse, release, deep=False) if not one[1]]
    if faults:
        raise SystemExit(f"verify-release found faults: {faults}")


def compared(warehouse: Warehouse, old: str, new: str) -> None:
    one, other = (registry.rows_of(warehouse, name)["release_images"] for name in (old, new))
    changes_by_class(diff_images(one, other)).collect()


def ask(warehouse: Warehouse, classes: list[str]) -> None:
    """Time to the answer, the second time that each is asked."""
    views.register(warehouse)
    queries = {
        "images of a split": "SELECT split, count(*) FROM v1_0_0.images GROUP BY split",
        "classes with counts": "SELECT * FROM v1_0_0.classes",
        "images of one class": f"SELECT * FROM v1_0_0.images WHERE label = '{classes[500]}'",
        "one image": "SELECT * FROM v1_0_0.images WHERE image_id = 'none'",
    }
    for name, query in queries.items():
        warehouse.spark.sql(query).collect()
        timed(f"query: {name}", lambda query=query: warehouse.spark.sql(query).collect())  # type: ignore[misc]


def show_sizes(root: Path) -> None:
    for place in ("release_images", "release_synsets", "release_hierarchy", "releases", "manifests"):
        files = [path for path in (root / place).rglob("*") if path.is_file()]
        print(f"size: {place}: {sum(path.stat().st_size for path in files) / 1e6:.1f} MB, {len(files)} files")


def add_synsets(warehouse: Warehouse) -> list[str]:
    """A thousand leaves of WordNet are selected, all other nouns are there; returns the thousand."""
    nouns = {noun.synset_id: noun for noun in wordnet.nouns()}
    inner = {parent for noun in nouns.values() for parent in noun.parent_ids}
    leaves = sorted(key for key, noun in nouns.items() if key not in inner and noun.parent_ids)
    chosen = leaves[:: len(leaves) // 1000][:1000]
    taken = set(chosen)
    rows = [
        (n.synset_id, n.name, list(n.lemmas), n.gloss, list(n.parent_ids), n.synset_id in taken)
        for n in nouns.values()
    ]
    schema = (
        "synset_id string, name string, lemmas array<string>, gloss string, parent_ids array<string>,"
        " is_selected boolean"
    )
    reason = F.when(~F.col("is_selected"), "over_target")
    columns = {"selection_id": F.lit("default"), "reject_reason": reason}
    df = warehouse.spark.createDataFrame(rows, schema).withColumns(columns)
    tables.overwrite(warehouse, "synsets", filled(df, "synsets"))
    return chosen


def add_images(warehouse: Warehouse, classes: list[str], first: int, last: int) -> None:
    """Images ``first`` to ``last`` in the tables that freeze-release reads."""
    images = synthetic(warehouse.spark, classes, first, last)
    kept = images.where("is_kept")
    hashed = kept.select(
        "image_id",
        F.lit("exact").alias("hash_mode"),
        F.lit("JPEG").alias("format"),
        F.lit(500).alias("width_px"),
        F.lit(375).alias("height_px"),
        F.xxhash64("image_id", F.lit(_SEED)).alias("phash"),
    )
    confirmed = kept.select(
        F.substring("image_id", 1, 20).alias("item_id"),
        "image_id",
        "synset_id",
        F.lit("yes").alias("label"),
        F.lit(1.0).alias("confidence"),
        F.create_map(F.lit("yes"), F.lit(1.0)).alias("posterior"),
        F.lit(3).cast("long").alias("n_votes"),
    )
    for table, df in (("pool", images), ("fingerprints", hashed), ("labels", confirmed)):
        tables.append(warehouse, table, filled(df, table))


def synthetic(spark: SparkSession, classes: list[str], first: int, last: int) -> DataFrame:
    names = F.array(*map(F.lit, classes))
    ids = spark.range(first, last + (last - first) // 10)
    return ids.select(
        F.sha2(F.concat(F.lit(f"{_SEED} "), "id").cast("binary"), 256).alias("image_id"),
        F.get(names, F.pmod("id", F.lit(len(classes))).cast("int")).alias("synset_id"),
        (F.col("id") < last).alias("is_kept"),
        F.when(F.col("id") >= last, F.lit("over_quota")).alias("reject_reason"),
        F.lit(1).alias("n_sources"),
    )


def filled(df: DataFrame, table: str) -> DataFrame:
    """``df`` with the columns of a table that it lacks: null, or a plain value where they may not be."""

    def plain(kind: DataType) -> Column:
        if isinstance(kind, ArrayType | MapType):
            raise TypeError(f"{table}: give a value for {kind}")
        values: dict[type[DataType], object] = {StringType: "", BooleanType: False}
        moment = F.lit("2026-01-01").cast("timestamp")
        value = moment if isinstance(kind, TimestampType) else F.lit(values.get(type(kind), 0)).cast(kind)
        return value

    columns = [
        F.col(field.name)
        if field.name in df.columns
        else F.lit(None).cast(field.dataType).alias(field.name)
        if field.nullable
        else plain(field.dataType).alias(field.name)
        for field in TABLES[table].schema
    ]
    return df.select(*columns)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
