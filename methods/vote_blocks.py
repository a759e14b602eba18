"""Votes packed as integers: a Spark row holds one block of whole items, ready for numpy.

Iterating over strings would cost a join and a shuffle each round. Packed once, a round is one pass over
8 bytes a vote, and only the model (bounded by workers × labels²) travels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

BLOCK_SCHEMA = "item_ids array<string>, items binary, cells binary, gold binary"
#: Columns that a round of EM reads; the names of items are needed only at the end.
ROUND_COLUMNS = ("items", "cells", "gold")
#: Votes in a block, about, and numbers (items × labels × nodes) that a block may unfold to.
BLOCK_VOTES = 1_000_000
BLOCK_CELLS = 32_000_000


@dataclass(frozen=True)
class Block:
    """Votes on ``n_items`` items, one entry a vote.

    ``items`` is the item's place in the block, ``cells`` = worker code × ``n_labels`` + label code.
    ``gold`` has one entry an item: the code of its known answer, or −1.
    """

    items: Ints
    cells: Ints
    gold: Ints
    n_labels: int

    @property
    def n_items(self) -> int:
        """Items in the block."""
        return len(self.gold)

    @property
    def labels(self) -> Ints:
        """The label code of each vote."""
        return self.cells % np.int32(self.n_labels)

    @property
    def pairs(self) -> npt.NDArray[np.int64]:
        """Each vote's place in a flat items × labels array."""
        return self.items.astype(np.int64) * self.n_labels + self.labels


def n_blocks(n_votes: int, *, n_labels: int, n_nodes: int = 1) -> int:
    """Blocks such that each fits in a worker's memory, about 8 bytes × :data:`BLOCK_CELLS` at its peak."""
    return max(1, -(-n_votes // BLOCK_VOTES), -(-n_votes * n_labels * n_nodes // BLOCK_CELLS))


@dataclass(frozen=True)
class Packed:
    """Votes as ``blocks`` (rows of :data:`BLOCK_SCHEMA`); a code is a place in ``labels`` or ``workers``."""

    blocks: DataFrame
    n_blocks: int
    labels: tuple[str, ...]
    workers: tuple[str, ...]

    @property
    def n_cells(self) -> int:
        """(worker, label) pairs."""
        return len(self.workers) * len(self.labels)


def names_of(votes: DataFrame, gold: DataFrame) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """All labels given or expected and all workers, both sorted, and the number of votes; in one pass.

    Workers and labels come to the driver.
    """
    one = F.explode(
        F.array(
            F.struct(F.lit(True).alias("is_worker"), F.col("worker_id").alias("name")),
            F.struct(F.lit(False).alias("is_worker"), F.col("answer").alias("name")),
        )
    )
    given = votes.select(one.alias("one")).select("one.*", F.lit(1).alias("n"))
    expected = gold.select(
        F.lit(False).alias("is_worker"), F.col("expected_answer").alias("name"), F.lit(0).alias("n")
    )
    counts = given.unionByName(expected).groupBy("is_worker", "name").agg(F.sum("n").alias("n")).collect()
    workers = tuple(sorted(row["name"] for row in counts if row["is_worker"]))
    labels = tuple(sorted(row["name"] for row in counts if not row["is_worker"]))
    return labels, workers, sum(row["n"] for row in counts if row["is_worker"])


def pack(votes: DataFrame, *, labels: Sequence[str], workers: Sequence[str], n_parts: int) -> Packed:
    """``item_id, worker_id, answer, expected_answer``, one row a vote, packed into ``n_parts`` partitions.

    All votes on an item are in one block. A null ``expected_answer`` means that the truth is not known.
    """
    label_set, worker_set, n_labels = (
        pa.array(labels, pa.string()),
        pa.array(workers, pa.string()),
        len(labels),
    )

    def pack_partition(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        received = [batch for batch in batches if batch.num_rows]
        if not received:
            return
        table = pa.Table.from_batches(received)
        item = pc.dictionary_encode(table["item_id"].combine_chunks())
        places = item.indices.to_numpy(zero_copy_only=False).astype(np.int32)
        coded = [
            pc.index_in(table[name], value_set=values).combine_chunks().to_numpy(zero_copy_only=False)
            for name, values in (("worker_id", worker_set), ("answer", label_set))
        ]
        cells = (coded[0].astype(np.int64) * n_labels + coded[1]).astype(np.int32)
        expected = pc.fill_null(pc.index_in(table["expected_answer"], value_set=label_set), -1)
        gold = np.full(len(item.dictionary), -1, dtype=np.int32)
        gold[places] = expected.to_numpy()
        ids = pa.ListArray.from_arrays(pa.array([0, len(gold)], pa.int32()), item.dictionary)
        packed = [pa.array([column.tobytes()], pa.binary()) for column in (places, cells, gold)]
        yield pa.RecordBatch.from_arrays([ids, *packed], ["item_ids", "items", "cells", "gold"])

    whole = votes.select("item_id", "worker_id", "answer", "expected_answer")
    blocks = whole.repartition(n_parts, F.col("item_id")).mapInArrow(pack_partition, BLOCK_SCHEMA)
    return Packed(blocks, n_parts, tuple(labels), tuple(workers))


def blocks_of(batch: pa.RecordBatch, n_labels: int) -> Iterator[Block]:
    """The blocks in a batch that has at least :data:`ROUND_COLUMNS`."""
    for row in range(batch.num_rows):
        items, cells, gold = (
            np.frombuffer(batch.column(name)[row].as_buffer(), dtype=np.int32) for name in ROUND_COLUMNS
        )
        yield Block(items, cells, gold, n_labels)
