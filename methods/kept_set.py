"""The kept set of a graph of near hashes: the first maximal independent set in rank order.

A hash is dropped when a kept hash that ranks before it is its neighbour. Edges point from the earlier to the
later in rank, so there is no cycle, and each hash can be decided once all its earlier neighbours are: those
without any are kept, their later neighbours dropped, and so on.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import LongType, StringType, StructField, StructType

Ints = npt.NDArray[np.int64]
#: Edges that one task may hold: about 1 GB with the arrays that decide them.
EDGES_IN_ONE_TASK = 5_000_000

_DROPPED = StructType([StructField("scope", StringType(), False), StructField("later", LongType(), False)])


def dropped_nodes(earlier: Ints, later: Ints, n_nodes: int) -> npt.NDArray[np.bool_]:
    """(n_nodes,) whether a node is dropped, from edges between node numbers; time linear in the edges.

    Each turn takes the nodes whose earlier neighbours are all decided. No node and no edge is looked at twice,
    so that a chain of a million nodes takes a million short turns and not a million passes.

    >>> dropped_nodes(np.array([0, 1]), np.array([1, 2]), 3)  # a chain: 0 drops 1, which then drops nothing
    array([False,  True, False])
    """
    order = np.argsort(earlier, kind="stable")
    neighbours = later[order]
    first = np.searchsorted(earlier[order], np.arange(n_nodes + 1))
    n_undecided = np.bincount(later, minlength=n_nodes)
    is_dropped = np.zeros(n_nodes, bool)
    turn = np.flatnonzero(n_undecided == 0)
    while len(turn):  # ends: every turn decides nodes, and none is decided twice
        newly = np.unique(_neighbours(turn[~is_dropped[turn]], first, neighbours))
        is_dropped[newly] = True
        reached = _neighbours(turn, first, neighbours)
        np.subtract.at(n_undecided, reached, 1)
        turn = np.unique(reached[n_undecided[reached] == 0])
    return is_dropped


def _neighbours(nodes: Ints, first: Ints, neighbours: Ints) -> Ints:
    counts = first[nodes + 1] - first[nodes]
    starts = np.repeat(first[nodes] - (np.cumsum(counts) - counts), counts)
    found: Ints = neighbours[starts + np.arange(int(counts.sum()))]
    return found


def dropped_hashes(edges: DataFrame, *, in_one_task: int = EDGES_IN_ONE_TASK) -> DataFrame:
    """``scope, later``: the dropped hashes of a graph of ``scope, earlier, later``.

    While the graph is too large for one task, each round of the loop decides the hashes that have no earlier
    neighbour, drops their neighbours, and takes both out; a round decides at least the first hash in rank of
    every component, and with ranks independent of the hashes halves the graph (Blelloch, Fineman and Shun,
    "Greedy sequential maximal independent set and matching are parallel on average", SPAA 2012). The test for
    the end is one count a round. Lineage is cut every round, or the plan would double with each.
    """
    left = edges.select("scope", "earlier", "later").localCheckpoint()
    dropped = []
    while left.count() > in_one_task:
        free = left.select("scope", F.col("earlier").alias("node")).join(
            left.select("scope", F.col("later").alias("node")).distinct(),
            on=["scope", "node"],
            how="left_anti",
        )
        newly = (
            left.join(free.distinct().withColumnRenamed("node", "earlier"), on=["scope", "earlier"])
            .select("scope", "later")
            .distinct()
            .localCheckpoint()
        )
        dropped.append(newly)
        left = (
            left.join(newly, on=["scope", "later"], how="left_anti")
            .join(newly.withColumnRenamed("later", "earlier"), on=["scope", "earlier"], how="left_anti")
            .select("scope", "earlier", "later")
            .localCheckpoint()
        )
    rest = left.coalesce(1).mapInArrow(_decide, _DROPPED)
    for some in dropped:
        rest = rest.unionByName(some)
    return rest


def _decide(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    held = list(batches)
    if not held:
        return
    table = pa.Table.from_batches(held)
    scopes = table.column("scope").combine_chunks().dictionary_encode()
    codes = np.tile(scopes.indices.to_numpy().astype(np.int64), 2)
    ends = np.concatenate([table.column("earlier").to_numpy(), table.column("later").to_numpy()])
    # Number the nodes: equal (scope, hash) are side by side in this order, and get the same number.
    order = np.lexsort((ends, codes))
    is_new = np.append(True, (np.diff(ends[order]) != 0) | (np.diff(codes[order]) != 0))
    node = np.empty(len(ends), np.int64)
    node[order] = np.cumsum(is_new) - 1
    n_edges = len(table)
    is_dropped = dropped_nodes(node[:n_edges], node[n_edges:], int(is_new.sum()))
    chosen = order[is_new][is_dropped]
    names = scopes.dictionary.take(pa.array(codes[chosen]))
    yield pa.RecordBatch.from_arrays([names, pa.array(ends[chosen])], names=_DROPPED.names)
