"""EM over any number of votes: rounds of one pass over packed votes each, until the objective stands still.

The driver holds the model and its statistics only: at most workers × labels² numbers for a confusion model,
workers × labels × nodes for the others; :data:`MAX_MODEL` bounds it. Votes and posteriors stay on executors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from synlake.errors import InputError
from synlake.methods import em_steps
from synlake.methods.em_steps import Statistics, Tables
from synlake.methods.vote_blocks import ROUND_COLUMNS, Block, Floats, Packed, blocks_of

#: Numbers in a model: 32 million are 256 MiB on the driver and on each executor.
MAX_MODEL = 32_000_000
#: Numbers in one row of partial statistics, and blocks whose statistics the driver adds up by itself.
_CHUNK = 1 << 17
_DRIVER_BLOCKS = 16

MStep = Callable[[Statistics, Tables | None], tuple[Tables, float]]
#: A block's statistics as one vector.
Summary = Callable[[Block], Floats]


@dataclass(frozen=True)
class Model:
    """``maximise`` gives tables and their log-prior. ``node_shares``: one entry a node; None: confusion."""

    maximise: MStep
    node_shares: Floats | None = None

    @property
    def n_nodes(self) -> int:
        """Hidden levels of an item; 0 for a confusion model."""
        return 0 if self.node_shares is None else len(self.node_shares)


@dataclass(frozen=True)
class Fit:
    """What EM arrived at. ``objective[i]`` is log-likelihood + log-prior after round i + 1."""

    tables: Tables
    objective: tuple[float, ...]
    is_converged: bool


def fit(packed: Packed, model: Model, *, max_rounds: int, tolerance: float) -> Fit:
    """Alternate M and E until a round adds less than ``tolerance`` an item to the objective.

    The loop is bounded by ``max_rounds``; each round is one Spark job over the blocks, which should be
    persisted. Nothing accumulates in the plan: the tables of a round go to executors as data.
    """
    check_size(len(packed.workers), len(packed.labels), model.n_nodes)
    tables: Tables | None = None
    objective: list[float] = []
    is_converged = False
    found = _pass(packed, model, tables)
    for _ in range(max_rounds):
        tables, log_prior = model.maximise(found, tables)
        found = _pass(packed, model, tables)
        objective.append(found.log_likelihood + log_prior)
        n_items = max(1.0, float(found.by_label.sum()))
        is_converged = len(objective) > 1 and objective[-1] - objective[-2] < tolerance * n_items
        if is_converged:
            break
    assert tables is not None  # max_rounds is at least 1
    return Fit(tables, tuple(objective), is_converged)


def check_size(n_workers: int, n_labels: int, n_nodes: int) -> None:
    """Raise :class:`InputError` where the model would not fit the driver, naming a method that does."""
    size = n_workers * n_labels * (n_labels if n_nodes == 0 else 2 * n_nodes)
    if size > MAX_MODEL:
        raise InputError(
            f"{n_workers} workers and {n_labels} labels make a model of {size} numbers; at most {MAX_MODEL} fit\n"
            "  next: --method one_coin keeps one number a worker, --method majority none"
        )


def sum_over_blocks(packed: Packed, summary: Summary) -> Floats:
    """The sum of ``summary(block)`` over all blocks; a second stage adds up where there are many of them."""
    n_labels = len(packed.labels)

    def summarise(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for block in blocks_of(batch, n_labels):
                vector = summary(block)
                starts = range(0, len(vector), _CHUNK)
                parts = [vector[i : i + _CHUNK].tobytes() for i in starts]
                yield _as_batch(list(range(len(parts))), parts)

    def add_up(table: pa.Table) -> pa.Table:
        parts = [np.frombuffer(value.as_buffer()) for value in table["part"]]
        total = np.sum(parts, axis=0).tobytes()
        return pa.Table.from_batches([_as_batch([table["chunk"][0].as_py()], [total])])

    partial = packed.blocks.select(*ROUND_COLUMNS).mapInArrow(summarise, "chunk int, part binary")
    if packed.n_blocks > _DRIVER_BLOCKS:
        partial = partial.groupBy("chunk").applyInArrow(add_up, "chunk int, part binary")
    chunks: dict[int, Floats] = {}
    for row in partial.collect():  # chunks of the model, never votes
        part = np.frombuffer(row["part"])
        chunks[row["chunk"]] = chunks[row["chunk"]] + part if row["chunk"] in chunks else part
    return np.concatenate([chunks[i] for i in sorted(chunks)])


def _pass(packed: Packed, model: Model, tables: Tables | None) -> Statistics:
    """The E-step under ``tables`` and the sums for the next M-step, in one pass over the votes."""
    node_shares, n_cells = model.node_shares, packed.n_cells
    sent = packed.blocks.sparkSession.sparkContext.broadcast(tables)

    def summary(block: Block) -> Floats:
        known = sent.value
        shares = np.ones(1) if node_shares is None else node_shares
        truth, likelihood = (
            (em_steps.start(block, shares), 0.0) if known is None else em_steps.posterior(block, known)
        )
        return em_steps.statistics(
            block, truth, likelihood, n_cells=n_cells, nodes=node_shares is not None
        ).flat()

    flat = sum_over_blocks(packed, summary)
    sent.destroy()
    return Statistics.from_flat(flat, n_labels=len(packed.labels), n_nodes=model.n_nodes)


def _as_batch(chunks: list[int], parts: list[bytes]) -> pa.RecordBatch:
    arrays = [pa.array(chunks, pa.int32()), pa.array(parts, pa.binary())]
    return pa.RecordBatch.from_arrays(arrays, ["chunk", "part"])
