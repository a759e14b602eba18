"""Drop duplicates within each synset or across all, then hold every synset to its floor and quota of images.

An image is dropped when a kept image that ranks before it (more pixels, then earlier retrieval, then id) has
a pHash less than tau bits away. Nothing is deleted: table pool says of each image whether it is kept, and why not;
with strategy phash, table duplicate_pairs has every pair of images less than tau bits apart.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import output, tables
from synlake.config import bad_name, option
from synlake.errors import InputError, UsageError
from synlake.methods import hash_graph
from synlake.methods.deduplication import (
    SCOPES,
    STRATEGIES,
    flag_pixel_duplicates,
    give_reason,
    held_out_rows,
    ranked,
    to_pool,
)
from synlake.methods.pair_routing import near_hashes, plan_join
from synlake.methods.quotas import apply_floor, apply_quota
from synlake.methods.synset_dedup import ROWS_PER_TASK, flag_within_synsets
from synlake.schemas import TABLES
from synlake.spread import held
from synlake.stage import Control, Outcome, flagged_outcome, standing_config
from synlake.tables import Warehouse

EXAMPLE = "deduplicate-images --strategy phash --tau 8 --scope global --quota 1300"


@dataclass(frozen=True)
class Config:
    """Settings of deduplicate-images."""

    strategy: str = option("phash", "what makes a duplicate: nothing, pixels, pHash", choices=STRATEGIES)
    tau: int = option(8, "images less than tau bits apart are duplicates", minimum=1, maximum=64)
    scope: str = option("synset", "compare within each synset, or all images", choices=SCOPES)
    against: str | None = option(
        None, "release, or folder of a Delta table with image_id and phash, that no kept image may be near to"
    )
    prefer: str | None = option(None, "release whose images rank before all others", check=bad_name)
    floor: int = option(0, "a synset below it gets its least-duplicate images back", minimum=0)
    quota: int = option(0, "most images a synset keeps; 0: no limit", minimum=0)
    seed: int = option(7, "decides which images over the quota go")
    max_pairs: int = option(200_000_000, "duplicate_pairs stays empty where it would be longer", minimum=0)

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other."""
        if self.quota and self.floor > self.quota:
            raise UsageError(f"--floor: wanted at most the quota ({self.quota}), got {self.floor}")
        if self.against and self.strategy != "phash":
            raise UsageError(f"--against: compares pHashes, wanted --strategy phash, got {self.strategy}")


@dataclass(frozen=True)
class Found:
    """Images flagged with ``duplicate_of, distance_bits, is_held_out``, and what their pairs are made from."""

    images: DataFrame
    nodes: DataFrame | None = None
    hash_pairs: DataFrame | None = None


def main(warehouse: Warehouse, settings: Config) -> Outcome:
    """Read ``candidates`` and ``fingerprints``, deduplicate, write ``duplicate_pairs`` and ``pool``."""
    with ExitStack() as stack:
        prints = tables.read(warehouse, "fingerprints")
        rows = stack.enter_context(held(to_pool(tables.read(warehouse, "candidates"), prints)))
        if settings.strategy == "pixel":
            _check_pixels(rows)
        images = _images(warehouse, rows.where("reject_reason IS NULL"), settings)
        found = find(images, settings, stack, _earlier(warehouse, images, settings))
        pairs, notes = _write_pairs(warehouse, found, settings)
        tables.overwrite(warehouse, "pool", _to_pool_rows(rows, found.images, settings))
    pool = tables.read(replace(warehouse, pins={}), "pool")
    return flagged_outcome(pool, controls=(pairs,), notes=notes)


def find(
    images: DataFrame, settings: Config, stack: ExitStack, earlier: hash_graph.Earlier | None = None
) -> Found:
    """The duplicates among ``images``; what is used more than once stays on disk until ``stack`` closes.

    Pairs that ``earlier`` has are not looked for again.
    """
    nothing = {"duplicate_of": F.lit(None).cast("string"), "distance_bits": F.lit(None).cast("int")}
    if settings.strategy == "none":
        return Found(images.withColumns(nothing).withColumn("is_held_out", F.lit(False)))
    if settings.strategy == "pixel":
        return Found(flag_pixel_duplicates(images).withColumn("is_held_out", F.lit(False)))
    if settings.scope == "global" or earlier is not None:
        return _by_graph(images, settings.tau, stack, earlier)
    return _by_synset(images, settings.tau, stack)


def _by_graph(
    images: DataFrame, tau: int, stack: ExitStack, earlier: hash_graph.Earlier | None = None
) -> Found:
    nodes = stack.enter_context(held(hash_graph.nodes_of(images)))
    sizes = nodes.groupBy("scope").agg(F.count(F.lit(1)).alias("n"))
    total = sizes.agg(F.coalesce(F.max("n"), F.lit(0)).alias("most"), F.sum("n").alias("all")).first()
    assert total is not None  # an aggregate without groups has one row
    plan = plan_join(total["most"], tau - 1)
    output.say(f"  {plan.describe()}")
    if earlier is None:
        near = near_hashes(nodes, plan, n_all=total["all"] or 0)
    else:
        output.say("  only what is new since the last run is compared")
        marked = hash_graph.mark_known(nodes, earlier)
        near = near_hashes(marked, plan, n_all=total["all"] or 0).unionByName(earlier.hash_pairs)
    pairs = stack.enter_context(held(near))
    decided = hash_graph.decisions(hash_graph.oriented(pairs, nodes), nodes)
    return Found(hash_graph.flag_by_hash(images, decided), nodes, pairs)


def _by_synset(images: DataFrame, tau: int, stack: ExitStack) -> Found:
    """Small synsets in one pass; those too large for one task as a graph each."""
    sizes = stack.enter_context(held(images.groupBy("synset_id").agg(F.count(F.lit(1)).alias("n"))))
    total = sizes.agg(
        F.coalesce(F.sum("n"), F.lit(0)).alias("all"), F.coalesce(F.max("n"), F.lit(0)).alias("most")
    ).first()
    assert total is not None  # an aggregate without groups has one row
    large = sizes.where(F.col("n") > ROWS_PER_TASK).select("synset_id")
    has_large = total["most"] > ROWS_PER_TASK
    small = images.join(F.broadcast(large), on="synset_id", how="left_anti") if has_large else images
    cores = images.sparkSession.sparkContext.defaultParallelism
    n_tasks = max(cores, -(-total["all"] // ROWS_PER_TASK))
    flagged = stack.enter_context(held(flag_within_synsets(small, tau=tau, n_tasks=n_tasks)))
    pairs = flagged.select("scope", F.inline("near"))
    nodes = hash_graph.nodes_of(images)
    if not has_large:
        return Found(flagged.drop("near"), nodes, pairs)
    split = _by_graph(images.join(F.broadcast(large), on="synset_id", how="left_semi"), tau, stack)
    assert split.hash_pairs is not None  # strategy phash has them
    return Found(flagged.drop("near").unionByName(split.images), nodes, pairs.unionByName(split.hash_pairs))


def _images(warehouse: Warehouse, usable: DataFrame, settings: Config) -> DataFrame:
    """The rows that are compared: usable candidates, and those that they must not be near to."""
    preferred = None
    if settings.prefer:
        preferred = tables.read_release(warehouse, settings.prefer, flag="--prefer")
    images = ranked(usable, scope=settings.scope, preferred=preferred)
    if not settings.against:
        return images
    others = tables.read_release_or_folder(warehouse, settings.against, flag="--against")
    missing = {"image_id", "phash", *(["synset_id"] if settings.scope == "synset" else [])} - set(
        others.columns
    )
    if missing:
        raise InputError(
            f"--against {settings.against}: has no column {', '.join(sorted(missing))}\n"
            "  next: give image_id, phash and, for --scope synset, synset_id"
        )
    if "hash_mode" in others.columns:
        _check_modes(others, tables.read(warehouse, "fingerprints"), settings.against)
    return images.unionByName(held_out_rows(others, images, scope=settings.scope))


def _earlier(warehouse: Warehouse, images: DataFrame, settings: Config) -> hash_graph.Earlier | None:
    """What the last run compared, where its pairs are all there and answer the same question; else None."""
    last = standing_config(warehouse, "deduplicate-images")
    same = ("strategy", "scope", "against")
    if last is None or settings.strategy != "phash" or settings.against or settings.tau > last["tau"]:
        return None
    if any(last[name] != getattr(settings, name) for name in same):
        return None
    now = replace(warehouse, pins={})
    pairs = tables.read(now, "duplicate_pairs")
    if pairs.isEmpty():  # there are none, or too many: not worth telling apart
        return None
    compared = tables.read(now, "pool").select("image_id", "synset_id")
    return hash_graph.earlier_of(images, compared, pairs.where(F.col("distance_bits") < settings.tau))


def _check_pixels(rows: DataFrame) -> None:
    if not rows.where("reject_reason IS NULL AND pixels IS NULL").isEmpty():
        raise InputError(
            "--strategy pixel: table fingerprints has images without pixel_sha256\n"
            "  next: --strategy phash; or, in a new warehouse, fingerprint-images with --pixel-sha256 true"
        )


def _check_modes(others: DataFrame, prints: DataFrame, against: str) -> None:
    """Hashes of mode exact and mode fast are not to be compared."""
    ours, theirs = (df.agg(F.collect_set("hash_mode").alias("modes")).first() for df in (prints, others))
    assert ours is not None  # an aggregate without groups has one row
    assert theirs is not None
    if len({*ours["modes"], *theirs["modes"]}) > 1:
        raise InputError(
            f"--against {against}: has hashes of mode {', '.join(sorted(theirs['modes']))}, this warehouse of mode"
            f" {', '.join(sorted(ours['modes']))}\n  next: fingerprint both in one mode"
        )


def _write_pairs(warehouse: Warehouse, found: Found, settings: Config) -> tuple[Control, tuple[str, ...]]:
    """Write ``duplicate_pairs``, unless a crowd of equal hashes would make it too long."""
    empty = warehouse.spark.createDataFrame([], TABLES["duplicate_pairs"].schema)
    if found.hash_pairs is None or found.nodes is None:
        tables.overwrite_unstaged(warehouse, "duplicate_pairs", empty)
        return Control("n_duplicate_pairs", 0), ()
    counted = hash_graph.n_image_pairs(found.nodes, found.hash_pairs).first()
    assert counted is not None  # an aggregate without groups has one row
    is_ok = counted["n"] <= settings.max_pairs
    pairs = hash_graph.image_pairs(found.images, found.hash_pairs) if is_ok else empty
    tables.overwrite_unstaged(warehouse, "duplicate_pairs", pairs)
    notes = (
        ()
        if is_ok
        else (
            f"duplicate_pairs is left empty: {counted['n']:,.0f} pairs, more than --max-pairs {settings.max_pairs:,};"
            " the pool is complete all the same",
        )
    )
    return Control("n_duplicate_pairs", counted["n"], settings.max_pairs, is_ok), notes


def _to_pool_rows(rows: DataFrame, flagged: DataFrame, settings: Config) -> DataFrame:
    """Rows of ``pool``: those rejected before, and those compared, after floor and quota."""
    found = ("duplicate_of", "distance_bits", "is_held_out")
    nothing = {"duplicate_of": F.lit(None), "distance_bits": F.lit(None), "is_held_out": F.lit(False)}
    before = rows.where("reject_reason IS NOT NULL").withColumns(nothing)
    compared = flagged.where("precedence >= 0").select(*rows.columns, *found)
    judged = give_reason(compared.unionByName(before), strategy=settings.strategy)
    kept = apply_quota(apply_floor(judged, floor=settings.floor), quota=settings.quota, seed=settings.seed)
    complete = kept.withColumn("is_kept", F.col("reject_reason").isNull())
    return complete.select(*TABLES["pool"].schema.names)
