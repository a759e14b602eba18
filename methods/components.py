"""Connected components of a graph too large for one machine."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def connected_components(edges: DataFrame) -> DataFrame:
    """``id, component`` of every node of ``edges`` (``id_l, id_r``, undirected): component is its least id.

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
