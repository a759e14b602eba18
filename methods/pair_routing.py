"""The banded join over a cluster: each hash goes to the few tasks where its partners can be.

Tasks are numbered by band and by the first bits (*prefix*) of the band. A hash is at home where its own prefix
is, and visits the smaller prefixes that its allowed flips lead to. Two hashes that agree on a band up to its
flips then meet in exactly one task: at home where their prefixes are equal, else at the smaller one's. So rows
are replicated by bands and prefix flips only, and no pair needs to be made distinct afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import IntegerType, LongType, StringType, StructField, StructType

from synlake.methods.banded_join import (
    EVERYTHING,
    Bands,
    Hashes,
    Pairs,
    bits_of,
    choose_bands,
    cost,
    cross_pairs,
    first_seen,
    flip_masks,
    self_pairs,
)

#: Hashes at home in one task, about. A task holds its hashes, their visitors and some arrays as long: 200 MB.
HASHES_PER_TASK = 1_000_000
_MAX_PREFIX_BITS = 12

#: Pairs of near hashes of one scope; ``hash_l < hash_r`` as signed numbers, each pair once.
HASH_PAIRS = StructType(
    [
        StructField("scope", StringType(), False),
        StructField("hash_l", LongType(), False),
        StructField("hash_r", LongType(), False),
        StructField("distance_bits", IntegerType(), False),
    ]
)


@dataclass(frozen=True)
class Plan:
    """How a join of ``n_hashes`` within ``max_bits`` is cut: bands, and prefix bits of each that choose the task."""

    n_hashes: int
    max_bits: int
    bands: Bands
    prefix_bits: int

    @property
    def n_routes(self) -> int:
        """Different tasks of one scope."""
        return len(self.bands.widths) << self.prefix_bits

    def describe(self) -> str:
        """The plan and its expected cost, for a person."""
        expected = cost(self.bands, self.n_hashes, self.n_hashes**2 / 2)
        widths, flips = self.bands.widths, self.bands.flips
        how = f"{len(widths)} bands of {'/'.join(map(str, sorted(set(widths))))} bits, flips {flips}"
        if len(widths) == 1 and widths[0] == self.prefix_bits:
            how = "all against all in blocks (no bands are cheaper at this distance)"
        return (
            f"{self.n_hashes:,} hashes, pairs within {self.max_bits} bits: {how}; {self.n_routes} tasks,"
            f" about {expected.n_comparisons:.2g} comparisons, {expected.seconds:.2g} core seconds"
        )


def plan_join(n_hashes: int, max_bits: int, *, hashes_per_task: int = HASHES_PER_TASK) -> Plan:
    """The cheapest bands, with as many prefix bits as keep a task's hashes within ``hashes_per_task``."""
    bands = choose_bands(n_hashes, max_bits)
    prefix_bits = min(_MAX_PREFIX_BITS, max(0, (max(1, n_hashes) - 1) // hashes_per_task).bit_length())
    if bands == EVERYTHING:  # a prefix is a block then; its flips lead to every other block
        bands = Bands((prefix_bits,), (prefix_bits,))
    else:
        prefix_bits = min(prefix_bits, *bands.widths)
    return replace(Plan(n_hashes, max_bits, bands, 0), prefix_bits=prefix_bits)


def near_hashes(hashes: DataFrame, plan: Plan, *, n_all: int | None = None) -> DataFrame:
    """Every pair of near hashes of one scope, as :data:`HASH_PAIRS`, from distinct ``scope, hash, is_known``.

    Pairs of two known hashes are left out without being compared: what is new is compared with itself and
    with what is known. One shuffle of 30-byte rows, then one kernel a task. ``n_all`` is the number of
    hashes where there are more scopes than one, of which the plan is for the largest.
    """
    routed = hashes.select(
        "scope", "hash", "is_known", F.explode(_routes(F.col("hash"), plan)).alias("route")
    )
    cores = hashes.sparkSession.sparkContext.defaultParallelism
    n_tasks = max(plan.n_routes, 2 * cores, len(plan.bands.widths) * (n_all or 0) // HASHES_PER_TASK)
    # Routes of one scope go to different tasks, so that no two of them share one by the chance of a hash.
    task = F.pmod(F.xxhash64("scope") + F.col("route"), F.lit(n_tasks)).cast("int")

    def join(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for scope, route, part in _parts(list(batches)):
            signed, known = part.column("hash").to_numpy(), part.column("is_known").to_numpy()
            yield _to_batch(scope, *join_route(signed.view(np.uint64), known, route, plan))

    return routed.repartitionById(n_tasks, task).mapInArrow(join, HASH_PAIRS)


def _routes(hash_bits: Column, plan: Plan) -> Column:
    """The routes of a hash: its home in each band, and the smaller prefixes that it visits."""
    homes, visits = [], []
    for band, width in enumerate(plan.bands.widths):
        first = F.lit(band << plan.prefix_bits)
        shift = plan.bands.shift(band) + width - plan.prefix_bits
        prefix = F.lit(0)
        if plan.prefix_bits:
            prefix = (
                F.shiftrightunsigned(hash_bits, shift)
                .bitwiseAND(F.lit((1 << plan.prefix_bits) - 1))
                .cast("int")
            )
        homes.append(first + prefix)
        for mask in flip_masks(plan.prefix_bits, plan.bands.flips[band])[1:]:
            other = prefix.bitwiseXOR(F.lit(mask))
            visits.append(F.when(other < prefix, first + other))
    return F.array_compact(F.array(*homes, *visits)) if visits else F.array(*homes)


def join_route(
    hashes: Hashes, known: npt.NDArray[np.bool_], route: int, plan: Plan
) -> tuple[Hashes, Hashes, npt.NDArray[np.int64]]:
    """The pairs that meet in one task: (left hashes, right hashes, distances)."""
    band, own = route >> plan.prefix_bits, route & ((1 << plan.prefix_bits) - 1)
    width, flips = plan.bands.widths[band], plan.bands.flips[band]
    low = width - plan.prefix_bits
    prefixes = bits_of(hashes, plan.bands.shift(band) + low, plan.prefix_bits)
    n_flipped = np.bitwise_count(prefixes ^ np.uint64(own))
    keys = bits_of(hashes, plan.bands.shift(band), low)

    def side(chosen: npt.NDArray[np.bool_]) -> tuple[Hashes, Hashes]:
        return keys[chosen], hashes[chosen]

    found: list[tuple[Hashes, Hashes, npt.NDArray[np.int64]]] = []

    def keep(pairs: list[Pairs], left: Hashes, right: Hashes) -> None:
        for one in pairs:
            i, j, distance = first_seen(one, left, right, plan.bands, band)
            found.append((left[i], right[j], distance))

    home = n_flipped == 0
    masks = flip_masks(low, min(low, flips))
    new_home, old_home = side(home & ~known), side(home & known)
    keep(self_pairs(new_home, masks, plan.max_bits), new_home[1], new_home[1])
    keep(cross_pairs(new_home, old_home, masks, plan.max_bits), new_home[1], old_home[1])
    for n in range(1, min(plan.prefix_bits, flips) + 1):
        masks = flip_masks(low, min(low, flips - n))
        new, old = side((n_flipped == n) & ~known), side((n_flipped == n) & known)
        for visitors, residents in ((new, new_home), (new, old_home), (old, new_home)):
            keep(cross_pairs(visitors, residents, masks, plan.max_bits), visitors[1], residents[1])
    return _joined(found)


def _joined(
    found: list[tuple[Hashes, Hashes, npt.NDArray[np.int64]]],
) -> tuple[Hashes, Hashes, npt.NDArray[np.int64]]:
    if not found:
        return np.zeros(0, np.uint64), np.zeros(0, np.uint64), np.zeros(0, np.int64)
    left, right, distance = (np.concatenate(list(column)) for column in zip(*found, strict=True))
    return left, right, distance


def _parts(batches: list[pa.RecordBatch]) -> Iterator[tuple[str, int, pa.Table]]:
    """The rows of a task by scope and route. A task mostly has one route of one scope, or many small ones."""
    if not batches:
        return
    table = pa.Table.from_batches(batches)
    scopes = table.column("scope").combine_chunks().dictionary_encode()
    codes, routes = (
        scopes.indices.to_numpy().astype(np.int64),
        table.column("route").to_numpy().astype(np.int64),
    )
    part = (codes << 32) | routes
    order = np.argsort(part, kind="stable")
    ordered = table.take(pa.array(order))
    values, starts = np.unique(part[order], return_index=True)
    for value, start, end in zip(values.tolist(), starts, np.append(starts[1:], len(part)), strict=True):
        yield scopes.dictionary[value >> 32].as_py(), value & 0xFFFFFFFF, ordered.slice(start, end - start)


def _to_batch(scope: str, left: Hashes, right: Hashes, distance: npt.NDArray[np.int64]) -> pa.RecordBatch:
    signed_left, signed_right = left.view(np.int64), right.view(np.int64)
    return pa.RecordBatch.from_arrays(
        [
            pa.array([scope], pa.string()).take(pa.array(np.zeros(len(left), np.int32))),
            pa.array(np.minimum(signed_left, signed_right)),
            pa.array(np.maximum(signed_left, signed_right)),
            pa.array(distance.astype(np.int32)),
        ],
        names=HASH_PAIRS.names,
    )
