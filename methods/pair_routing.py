"""The banded join over a cluster: each hash goes to the few tasks where its partners can be.

Tasks are numbered by band and by the first bits (*prefix*) of the band. A hash is at home where its own prefix
is, and visits the smaller prefixes that its allowed flips lead to. Two hashes that agree on a band up to its
flips then meet in exactly one task: at home where their prefixes are equal, else at the smaller one's. So rows
are replicated by bands and prefix flips only, and no pair needs to be made distinct afterwards.

Between tasks hashes travel in parcels (:mod:`synlake.methods.parcels`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import IntegerType, LongType, StringType, StructField, StructType

from synlake.methods.banded_join import Pairs, cross_pairs, first_seen, self_pairs
from synlake.methods.bands import (
    EVERYTHING,
    Bands,
    Hashes,
    bits_of,
    choose_bands,
    cost,
    flip_masks,
)
from synlake.methods.parcels import in_parts, to_pack

#: Hashes at home in one task, about. A task holds its hashes, their visitors and some arrays as long: 200 MB.
HASHES_PER_TASK = 1_000_000
_MAX_PREFIX_BITS = 12
_PARCELS = "task int, rows binary"

#: Pairs of near hashes of one scope; ``hash_l <= hash_r`` as signed numbers, each pair once.
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


def near_hashes(
    hashes: DataFrame, plan: Plan, *, n_all: int | None = None, is_distinct: bool = True
) -> DataFrame:
    """Every pair of near hashes of one scope, as :data:`HASH_PAIRS`, from ``scope, hash, is_known``.

    Pairs of two known hashes are left out without being compared: what is new is compared with itself and
    with what is known. One shuffle of parcels, then one kernel a task. ``n_all`` is the number of hashes
    where there are more scopes than one, of which the plan is for the largest.

    Rows are distinct, or ``is_distinct`` is false: a new hash of several rows is then paired with itself too, and one
    that is also known is new.
    """
    cores = hashes.sparkSession.sparkContext.defaultParallelism
    n_tasks = max(plan.n_routes, 2 * cores, len(plan.bands.widths) * (n_all or 0) // HASHES_PER_TASK)

    def pack(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for rows in to_pack(batches):
            yield _parcels(rows if is_distinct else _twice_at_most(rows), plan, n_tasks)

    def join(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for scope, route, part in _parts([rows for batch in batches for rows in _unpacked(batch)]):
            values, known = part.column("hash").to_numpy().view(np.uint64), part.column("is_known").to_numpy()
            repeated = values[:0]
            if not is_distinct:
                values, known, repeated = _distinct(values, known)
            # They are told where they are at home in the first band.
            twins = repeated[_prefixes(repeated, plan, 0) == route]
            found = join_route(values, known, route, plan)
            yield _to_batch(scope, *_joined([found, (twins, twins, np.zeros(len(twins), np.int64))]))

    parcels = hashes.select("scope", "hash", "is_known").mapInArrow(pack, _PARCELS)
    return parcels.repartitionById(n_tasks, F.col("task")).mapInArrow(join, HASH_PAIRS)


def _twice_at_most(rows: pa.Table) -> pa.Table:
    """Of rows that are the same, however many, two: a hash that millions of images have is no task's load."""
    scopes = rows.column("scope").combine_chunks().dictionary_encode()
    columns = [
        rows.column("hash").to_numpy(),
        rows.column("is_known").to_numpy(),
        scopes.indices.to_numpy(),
    ]
    order = np.lexsort(columns)
    ordered = [column[order] for column in columns]
    is_third = np.zeros(len(rows), bool)
    is_third[2:] = np.logical_and.reduce([column[2:] == column[:-2] for column in ordered])
    return rows.take(pa.array(order[~is_third]))


def _distinct(hashes: Hashes, known: npt.NDArray[np.bool_]) -> tuple[Hashes, npt.NDArray[np.bool_], Hashes]:
    """Each hash once, whether it is known only, and the new ones that were there several times."""
    new, counts = np.unique(hashes[~known], return_counts=True)
    old = np.setdiff1d(hashes[known], new) if known.any() else hashes[:0]
    is_known = np.arange(len(new) + len(old)) >= len(new)
    return np.concatenate([new, old]), is_known, new[counts > 1]


def _parcels(rows: pa.Table, plan: Plan, n_tasks: int) -> pa.RecordBatch:
    """One row a task: those of ``scope, hash, is_known`` that it gets, with their ``route``, as an Arrow stream."""
    scopes = rows.column("scope").combine_chunks().dictionary_encode()
    at, route = routes(rows.column("hash").to_numpy().view(np.uint64), plan)
    # Routes of one scope go to different tasks, so that no two of them share one by the chance of a hash.
    first_task = np.array([crc32(name.encode()) for name in scopes.dictionary.to_pylist()], np.int64)
    task = (first_task[scopes.indices.to_numpy()[at]] + route) % n_tasks
    order, parts = in_parts(task)
    plain = pa.table([scopes, rows.column("hash"), rows.column("is_known")], ["scope", "hash", "is_known"])
    sent = plain.take(pa.array(at[order])).append_column("route", pa.array(route[order].astype(np.int32)))
    tasks = [number for number, _ in parts]
    streams = [_packed(sent.slice(mine.start, mine.stop - mine.start)) for _, mine in parts]
    return pa.RecordBatch.from_arrays(
        [pa.array(tasks, pa.int32()), pa.array(streams, pa.binary())], ["task", "rows"]
    )


def _packed(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    return bytes(sink.getvalue())


def _unpacked(parcels: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    for parcel in parcels.column("rows"):
        yield from pa.ipc.open_stream(parcel.as_buffer())


def routes(hashes: Hashes, plan: Plan) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(positions, routes), arrays of one length: each hash's home in each band, and the smaller prefixes it visits."""
    at: list[npt.NDArray[np.int64]] = []
    found: list[npt.NDArray[np.int64]] = []
    everyone = np.arange(len(hashes))
    for band in range(len(plan.bands.widths)):
        first = band << plan.prefix_bits
        prefix = _prefixes(hashes, plan, band)
        at.append(everyone)
        found.append(first + prefix.astype(np.int64))
        for mask in flip_masks(plan.prefix_bits, plan.bands.flips[band])[1:]:
            other = prefix ^ np.uint64(mask)
            visitors = np.flatnonzero(other < prefix)
            at.append(visitors)
            found.append(first + other[visitors].astype(np.int64))
    return np.concatenate(at), np.concatenate(found)


def _prefixes(hashes: Hashes, plan: Plan, band: int) -> Hashes:
    first_bit = plan.bands.shift(band) + plan.bands.widths[band] - plan.prefix_bits
    return bits_of(hashes, first_bit, plan.prefix_bits)


def join_route(
    hashes: Hashes, known: npt.NDArray[np.bool_], route: int, plan: Plan
) -> tuple[Hashes, Hashes, npt.NDArray[np.int64]]:
    """The pairs that meet in one task: (left hashes, right hashes, distances)."""
    band, own = route >> plan.prefix_bits, route & ((1 << plan.prefix_bits) - 1)
    width, flips = plan.bands.widths[band], plan.bands.flips[band]
    low = width - plan.prefix_bits
    n_flipped = np.bitwise_count(_prefixes(hashes, plan, band) ^ np.uint64(own))
    keys = bits_of(hashes, plan.bands.shift(band), low)

    def side(chosen: npt.NDArray[np.bool_]) -> tuple[Hashes, Hashes]:
        return keys[chosen], hashes[chosen]

    found: list[tuple[Hashes, Hashes, npt.NDArray[np.int64]]] = []

    def keep(pairs: Iterator[Pairs], left: Hashes, right: Hashes) -> None:
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
    order, parts = in_parts((codes << 32) | routes)
    ordered = table if len(parts) == 1 else table.take(pa.array(order))
    for number, mine in parts:
        scope, route = scopes.dictionary[number >> 32].as_py(), number & 0xFFFFFFFF
        yield scope, route, ordered.slice(mine.start, mine.stop - mine.start)


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
