"""Deduplication in one pass: the rows of a scope (a synset, or everything) meet in a task once, and leave flagged.

A task holds the rows of some scopes, about :data:`ROWS_PER_TASK` of them, and decides them together; larger
scopes go the way of :mod:`synlake.methods.hash_graph` instead, which splits them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
)

from synlake.methods.banded_join import near_pairs
from synlake.methods.kept_set import dropped_nodes

Ints = npt.NDArray[np.int64]
#: Rows of small scopes in one task, and the size of a scope that is split instead. About 250 MB in Python.
ROWS_PER_TASK = 250_000

#: What is added to a row. ``near`` are pairs of near hashes of the scope, on the first row of the left one;
#: empty on most.
ADDED = StructType(
    [
        StructField("duplicate_of", StringType(), True),
        StructField("distance_bits", IntegerType(), True),
        StructField("is_held_out", BooleanType(), False),
        StructField(
            "near",
            ArrayType(
                StructType(
                    [
                        StructField("hash_l", LongType(), False),
                        StructField("hash_r", LongType(), False),
                        StructField("distance_bits", IntegerType(), False),
                    ]
                ),
                False,
            ),
            True,
        ),
    ]
)
_ARROW_NEAR = pa.struct([("hash_l", pa.int64()), ("hash_r", pa.int64()), ("distance_bits", pa.int32())])
#: Rank within a scope: what is given precedence, more pixels, earlier retrieval, image_id, synset_id.
_SORT_KEYS = [
    ("precedence", "ascending"),
    ("n_pixels", "descending"),
    ("first_retrieved_at", "ascending"),
    ("image_id", "ascending"),
    ("synset_id", "ascending"),
]


@dataclass(frozen=True)
class Flagged:
    """The decisions on n rows: positions of the kept row that each duplicates, and bits; -1 and -1 where kept.

    ``left``, ``right`` are positions of the first rows of near hashes, ``distance`` their bits.
    """

    duplicate_of: Ints
    distance_bits: Ints
    left: Ints
    right: Ints
    distance: Ints


def flag_in_one_pass(rows: DataFrame, *, tau: int, n_tasks: int, by: str = "scope") -> DataFrame:
    """``rows`` with :data:`ADDED`: of ``by``, ``phash`` and the columns of the rank, whatever else they have.

    Compared are rows with the same ``by``.
    """
    schema = StructType([*rows.schema.fields, *ADDED.fields])

    def flag_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        held = list(batches)
        if held:
            yield from _flag_table(pa.Table.from_batches(held), tau, by).to_batches(max_chunksize=1 << 15)

    spread = rows.coalesce(1) if n_tasks <= 1 else rows.repartition(n_tasks, by)
    return spread.mapInArrow(flag_batches, schema)


def _flag_table(table: pa.Table, tau: int, by: str) -> pa.Table:
    scopes = table.column(by).combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    hashes = table.column("phash").to_numpy().view(np.uint64)
    keys = table.select([name for name, _ in _SORT_KEYS])

    def ranked(rows: Ints) -> Ints:
        chosen = keys.take(pa.array(rows))
        order: Ints = pc.sort_indices(chosen, sort_keys=_SORT_KEYS).to_numpy().astype(np.int64)
        in_rank: Ints = rows[order]
        return in_rank

    is_fixed = table.column("precedence").to_numpy() < 0
    flagged = flag(scopes, hashes, ranked, tau, is_fixed=is_fixed)
    dropped = flagged.duplicate_of >= 0
    of = pa.array(np.where(dropped, flagged.duplicate_of, 0), mask=~dropped)
    bits = pa.array(flagged.distance_bits.astype(np.int32), mask=~dropped)
    image_ids = table.column("image_id").take(of)
    is_held_out = pa.array(dropped & is_fixed[flagged.duplicate_of])
    near = _near_column(flagged, hashes.view(np.int64), len(table))
    for field, column in zip(ADDED.names, (image_ids, bits, is_held_out, near), strict=True):
        table = table.append_column(field, column)
    return table


def flag(
    scopes: Ints,
    hashes: npt.NDArray[np.uint64],
    ranked: Callable[[Ints], Ints],
    tau: int,
    *,
    is_fixed: npt.NDArray[np.bool_] | None = None,
) -> Flagged:
    """Decide n rows by the rank-ordered rule of DESIGN, each within its scope.

    ``scopes`` (n,) small numbers, ``ranked`` puts positions of rows into rank order (only rows that have a
    neighbour are asked about), ``is_fixed`` (n,) rows that come first in rank and are kept whatever they
    are near to. A duplicate names the nearest kept row, of equally near ones the first in rank, among those
    that rank before the first row with its hash.
    """
    node, node_scope, node_hash = _nodes(scopes, hashes)
    left, right, distance = near_pairs(node_hash, tau - 1, groups=node_scope)
    is_involved = np.bincount(node, minlength=len(node_hash)) > 1
    is_involved[left] = is_involved[right] = True
    in_order = ranked(np.flatnonzero(is_involved[node]))
    first_row, rank = np.full(len(node_hash), -1, np.int64), np.full(len(node_hash), -1, np.int64)
    seen, at = np.unique(node[in_order], return_index=True)
    first_row[seen], rank[seen] = in_order[at], at
    if is_fixed is not None:  # two that are kept anyway are nothing to decide
        open_ = ~(is_fixed[first_row[left]] & is_fixed[first_row[right]])
        left, right, distance = left[open_], right[open_], distance[open_]
    is_left_first = rank[left] < rank[right]
    earlier, later = np.where(is_left_first, left, right), np.where(is_left_first, right, left)
    # What is near to a fixed row says so, whatever else it is near to.
    is_open = np.ones(len(rank), bool) if is_fixed is None else ~is_fixed[first_row]
    node_of, node_bits = _nearest_kept(earlier, later, distance, rank, is_open)
    of, bits = np.where(node_of >= 0, first_row[node_of], -1)[node], node_bits[node]
    # Of equal hashes the first row stands for all; the others duplicate it, or what it duplicates itself.
    repeats = in_order[first_row[node[in_order]] != in_order]
    copies = repeats[of[repeats] < 0]
    of[copies], bits[copies] = first_row[node[copies]], 0
    return Flagged(of, bits, first_row[left], first_row[right], distance)


def _nodes(scopes: Ints, hashes: npt.NDArray[np.uint64]) -> tuple[Ints, Ints, npt.NDArray[np.uint64]]:
    """Number the distinct (scope, hash): (n,) node of each row, and scope and hash of each node."""
    order = np.lexsort((hashes, scopes))
    sorted_scopes, sorted_hashes = scopes[order], hashes[order]
    is_new = np.ones(len(order), bool)
    is_new[1:] = (sorted_scopes[1:] != sorted_scopes[:-1]) | (sorted_hashes[1:] != sorted_hashes[:-1])
    node = np.empty(len(order), np.int64)
    node[order] = np.cumsum(is_new) - 1
    return node, sorted_scopes[is_new], sorted_hashes[is_new]


def _nearest_kept(
    earlier: Ints, later: Ints, distance: Ints, rank: Ints, is_open: npt.NDArray[np.bool_]
) -> tuple[Ints, Ints]:
    """(node, bits) that each dropped node duplicates; -1 and -1 for a kept one."""
    n_nodes = len(rank)
    of, bits = np.full(n_nodes, -1, np.int64), np.full(n_nodes, -1, np.int64)
    is_dropped = dropped_nodes(earlier, later, n_nodes)
    by_kept = np.flatnonzero(~is_dropped[earlier])
    near = earlier[by_kept]
    best_first = by_kept[np.lexsort((rank[near], distance[by_kept], is_open[near], later[by_kept]))]
    dropped, at = np.unique(later[best_first], return_index=True)
    of[dropped], bits[dropped] = earlier[best_first[at]], distance[best_first[at]]
    return of, bits


def _near_column(flagged: Flagged, hashes: Ints, n_rows: int) -> pa.Array:
    """The pairs as one list a row, on the left row of each."""
    order = np.argsort(flagged.left, kind="stable")
    left, right = flagged.left[order], flagged.right[order]
    low, high = np.minimum(hashes[left], hashes[right]), np.maximum(hashes[left], hashes[right])
    bits = flagged.distance[order].astype(np.int32)
    pairs = pa.StructArray.from_arrays(
        [pa.array(low), pa.array(high), pa.array(bits)], fields=list(_ARROW_NEAR)
    )
    offsets = np.searchsorted(left, np.arange(n_rows + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pairs)
