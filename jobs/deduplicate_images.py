"""Drop duplicates within each synset or across all, then hold every synset to its floor and quota of images.

An image is dropped when a kept image that ranks before it (in an earlier release, then more pixels, earlier
retrieval, id) has a pHash less than tau bits away. Nothing is deleted: table pool says of each image whether it is
kept, and why not; with strategy phash, table duplicate_pairs has every pair of images less than tau bits apart.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import output, registry, tables
from synlake.config import bad_name, option
from synlake.errors import InputError, UsageError
from synlake.jobs import released
from synlake.jobs.duplicates import Found, find
from synlake.local_rows import local_rows
from synlake.methods import hash_graph
from synlake.methods.deduplication import (
    OTHERS,
    SCOPES,
    STRATEGIES,
    give_reason,
    held_out_rows,
    ranked,
    release_precedence,
    to_pool,
    was_compared,
    with_hashes,
)
from synlake.methods.quotas import apply_floor, apply_quota
from synlake.methods.synset_dedup import ROWS_PER_TASK
from synlake.schemas import TABLES
from synlake.spread import few_rows, held
from synlake.stage import Control, Outcome, flagged_outcome, standing_config
from synlake.warehouse import Warehouse

EXAMPLE = "deduplicate-images --strategy phash --tau 8 --scope global --quota 1300"


@dataclass(frozen=True)
class Config:
    """Settings of deduplicate-images."""

    strategy: str = option("phash", "what makes a duplicate: nothing, pixels, pHash", choices=STRATEGIES)
    tau: int = option(8, "images less than tau bits apart are duplicates", minimum=1, maximum=64)
    scope: str = option("synset", "compare within each synset, or all images", choices=SCOPES)
    against: str | None = option(
        None,
        "release, or folder of a Delta table with image_id and phash, that no kept image may be near to",
        placeholder="RELEASE|DIR",
    )
    prefer: str | None = option(
        None,
        "release whose images rank before those of all others, which come next",
        check=bad_name,
        placeholder="RELEASE",
    )
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


def main(warehouse: Warehouse, settings: Config) -> Outcome:
    """Read ``candidates`` and ``fingerprints``, deduplicate, write ``duplicate_pairs`` and ``pool``."""
    with ExitStack() as stack:
        candidates, prints = (tables.read(warehouse, name) for name in ("candidates", "fingerprints"))
        # Delta knows how many there are without reading them; a table to compare against may be of any size.
        is_small = not settings.against and candidates.count() <= ROWS_PER_TASK
        if is_small:  # what is in one partition is grouped and joined without shuffles
            stack.enter_context(few_rows(warehouse.spark))
            candidates, prints = candidates.coalesce(1), prints.coalesce(1)
        rows = stack.enter_context(held(to_pool(candidates, prints)))
        if settings.strategy == "pixel":
            _check_pixels(rows)
        images = _images(warehouse, rows.where("reject_reason IS NULL"), settings)
        # To compare few images is quicker than to look up which of them were compared before.
        earlier = None if is_small else _earlier(warehouse, images, settings)
        found = find(images, stack, strategy=settings.strategy, tau=settings.tau, earlier=earlier)
        pairs, notes = _write_pairs(warehouse, found, settings)
        tables.overwrite(warehouse, "pool", _to_pool_rows(rows, found.images, settings))
        pool = tables.read(replace(warehouse, pins={}), "pool")
        return flagged_outcome(pool, controls=(pairs,), notes=notes)


def _images(warehouse: Warehouse, usable: DataFrame, settings: Config) -> DataFrame:
    """The rows that are compared: usable candidates, and those that they must not be near to."""
    images = ranked(usable, scope=settings.scope, released=_released(warehouse, settings))
    if not settings.against:
        return images
    others = _others(warehouse, settings.against, scope=settings.scope)
    return images.unionByName(held_out_rows(others, images, scope=settings.scope))


def _others(warehouse: Warehouse, against: str, *, scope: str) -> DataFrame:
    """The images of --against with their hashes and classes, those of a release that it is published without too.

    Raises :class:`InputError` where there are none to compare with.
    """
    others = tables.read_release_or_folder(warehouse, against, flag="--against")
    prints = tables.read(warehouse, "fingerprints")
    if "/" not in against:
        others = with_hashes(_of_release(warehouse, against) if scope == "synset" else others, prints)
    missing = {"image_id", "phash", *(["synset_id"] if scope == "synset" else [])} - set(others.columns)
    if missing:
        raise InputError(
            f"--against {against}: has no column {', '.join(sorted(missing))}\n"
            "  next: give image_id, phash and, for --scope synset, synset_id"
        )
    if "hash_mode" in others.columns:
        _check_modes(others, prints, against)
    _check_hashed(others, against)
    return others


def _of_release(warehouse: Warehouse, release: str) -> DataFrame:
    """The images of a release with their classes, also of a holdout that is published without."""
    now = replace(warehouse, pins={})
    try:
        return released.labelled_images(now, registry.row_of(now, release))
    except InputError:
        raise InputError(
            f"--against {release}: wanted the classes of its holdout, which are withheld and not in this warehouse\n"
            "  next: --scope global, which needs no classes"
        ) from None


def _check_hashed(others: DataFrame, against: str) -> None:
    n, n_without = others.agg(F.count(F.lit(1)), F.count_if(F.col("phash").isNull())).collect()[0]
    if n and n == n_without:
        raise InputError(
            f"--against {against}: wanted images with a pHash, none of the {n:,} has one\n"
            "  next: import the release from a folder of images (a list has no bytes), then fingerprint-images"
        )
    if n_without:
        output.say(
            f"  {n_without:,} of the {n:,} images of {against} have no pHash: only they themselves are held out"
        )


def _released(warehouse: Warehouse, settings: Config) -> DataFrame | None:
    """``image_id, precedence`` of the images in releases: of --prefer first, then the earliest; None: no releases.

    They are read as they are now, and are no reason to run again: a release takes kept images, and those stay
    kept when they rank first.
    """
    if settings.prefer:
        tables.read_release(warehouse, settings.prefer, flag="--prefer")
    if not tables.exists(warehouse, "releases"):
        return None
    now = replace(warehouse, pins={})
    releases, images = tables.read(now, "releases"), tables.read(now, "release_images")
    return release_precedence(releases, images, first=settings.prefer)


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
    compared = was_compared(tables.read(now, "pool")).select("image_id", "synset_id")
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
    empty = local_rows(warehouse.spark, [], TABLES["duplicate_pairs"].schema)
    if found.hash_pairs is None or found.nodes is None:
        tables.overwrite_unstaged(warehouse, "duplicate_pairs", empty)
        return Control("n_duplicate_pairs", 0), ()
    n_most = found.n_images * (found.n_images - 1) / 2
    if n_most > settings.max_pairs:  # else there is no need to count them before they are made
        counted = hash_graph.n_image_pairs(found.nodes, found.hash_pairs).first()
        assert counted is not None  # an aggregate without groups has one row
        n_most = counted["n"]
    if n_most > settings.max_pairs:
        tables.overwrite_unstaged(warehouse, "duplicate_pairs", empty)
        note = (
            f"duplicate_pairs is left empty: {n_most:,.0f} pairs, more than --max-pairs {settings.max_pairs:,};"
            " the pool is complete all the same"
        )
        return Control("n_duplicate_pairs", n_most, settings.max_pairs, is_ok=False), (note,)
    pairs = hash_graph.image_pairs(found.images, found.hash_pairs)
    tables.overwrite_unstaged(warehouse, "duplicate_pairs", pairs)
    n_pairs = tables.read(replace(warehouse, pins={}), "duplicate_pairs").count()
    return Control("n_duplicate_pairs", n_pairs, settings.max_pairs), ()


def _to_pool_rows(rows: DataFrame, flagged: DataFrame, settings: Config) -> DataFrame:
    """Rows of ``pool``: those rejected before, and those compared, after floor and quota."""
    found = ("duplicate_of", "distance_bits", "is_held_out")
    nothing = {
        "precedence": F.lit(OTHERS),
        "duplicate_of": F.lit(None),
        "distance_bits": F.lit(None),
        "is_held_out": F.lit(False),
    }
    before = rows.where("reject_reason IS NOT NULL").withColumns(nothing)
    compared = flagged.where("precedence >= 0").select(*rows.columns, "precedence", *found)
    judged = give_reason(compared.unionByName(before), strategy=settings.strategy)
    kept = apply_quota(apply_floor(judged, floor=settings.floor), quota=settings.quota, seed=settings.seed)
    complete = kept.withColumn("is_kept", F.col("reject_reason").isNull())
    return complete.select(*TABLES["pool"].schema.names)
