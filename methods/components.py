"""Connected components of a graph: in one task where it fits, by rounds over the cluster where it does not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components as components_of

#: Edges that one task may hold: about 500 MB with their ids.
EDGES_IN_ONE_TASK = 1_000_000


def connected_components(edges: DataFrame, *, n_edges: int | None = None) -> DataFrame:
    """``id, component`` of every node of ``edges`` (``id_l, id_r``, undirected): component is its least id.

    ``n_edges`` is their number where it is known: few of them are worked through in one task.
    """
    if n_edges is not None and n_edges <= EDGES_IN_ONE_TASK:
        pairs = edges.select("id_l", "id_r").repartition(1)
        return pairs.mapInArrow(_in_one_task, "id string, component string")
    return _by_rounds(edges)


def _in_one_task(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    held = list(batches)
    if not held:
        return
    table = pa.Table.from_batches(held)
    # Ids in order, so that the first node of a component has the least.
    both = pa.chunked_array([*table.column("id_l").chunks, *table.column("id_r").chunks])
    ids, numbers = np.unique(both.to_numpy(zero_copy_only=False).astype(str), return_inverse=True)
    left, right = numbers[: len(table)], numbers[len(table) :]
    graph = coo_array((np.ones(len(table), np.int8), (left, right)), shape=(len(ids), len(ids)))
    _, labels = components_of(graph, directed=False)
    _, first = np.unique(labels, return_index=True)
    columns = [pa.array(ids.tolist(), pa.string()), pa.array(ids[first[labels]].tolist(), pa.string())]
    yield pa.RecordBatch.from_arrays(columns, names=["id", "component"])


def _by_rounds(edges: DataFrame) -> DataFrame:
    """The same at any size.

    Each round a node takes the least label among its own and its neighbours', and then the label of that
    label (pointer jumping), so that a chain of n nodes settles in about log n rounds. The loop ends when
    a round changes nothing; its test is one small count a round. Lineage is cut each round, because a plan
    that doubles with every round would never be made.
    """
    both = edges.select(F.col("id_l").alias("id"), F.col("id_r").alias("neighbour"))
    both = both.unionByName(both.select(F.col("neighbour").alias("id"), F.col("id").alias("neighbour")))
    both = both.distinct().localCheckpoint()
    labels = (
        both.groupBy("id").agg(F.least(F.col("id"), F.min("neighbour")).alias("component")).localCheckpoint()
    )
    while True:
        around = (
            both.join(labels.withColumnRenamed("id", "neighbour"), on="neighbour")
            .groupBy("id")
            .agg(F.min("component").alias("nearby"))
        )
        stepped = labels.join(around, on="id").select(
            "id", F.least("component", "nearby").alias("step"), "component"
        )
        jumps = labels.select(F.col("id").alias("step"), F.col("component").alias("jump"))
        moved = (
            stepped.join(jumps, on="step", how="left")
            .select("id", F.coalesce("jump", "step").alias("new"), "component")
            .localCheckpoint()
        )
        labels = moved.select("id", F.col("new").alias("component"))
        if moved.where(F.col("new") != F.col("component")).isEmpty():
            return labels
