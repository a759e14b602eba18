"""EM over any number of votes: rounds of one pass over packed votes each, until the objective stands still.

The driver holds the model and its statistics only: at most workers × labels² numbers for a confusion model,
workers × labels × nodes for the others; :data:`MAX_MODEL` bounds it. Votes and posteriors stay on executors.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

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
#: Numbers in a model that a single task may fit by itself and hand over in one piece: 8 MiB.
_ONE_TASK = 1 << 20

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
    """What EM arrived at. ``objective[i]`` is log-likelihood + log-prior after round i + 1.

    ``confusion[t, cell]``: expected votes by truth; None where the model does not count them.
    """

    tables: Tables
    objective: tuple[float, ...]
    is_converged: bool
    confusion: Floats | None = None


def fit(packed: Packed, model: Model, *, max_rounds: int, tolerance: float) -> Fit:
    """Alternate M and E until a round adds less than ``tolerance`` a vote to the objective.

    Each round is one Spark job over the blocks, which should be persisted; the tables of a round go to
    executors as data, so nothing accumulates in the plan. Votes that fit in one block are fitted by one task.
    """
    size = check_size(len(packed.workers), len(packed.labels), model.n_nodes)
    if packed.n_blocks == 1 and size <= _ONE_TASK:
        return _fit_in_one_task(packed, model, max_rounds=max_rounds, tolerance=tolerance)
    return climb(
        lambda tables: _pass(packed, model, tables), model, max_rounds=max_rounds, tolerance=tolerance
    )


def climb(
    look: Callable[[Tables | None], Statistics], model: Model, *, max_rounds: int, tolerance: float
) -> Fit:
    """EM's loop, bounded by ``max_rounds``; ``look`` is an E-step and its sums over all votes."""
    tables: Tables | None = None
    objective: list[float] = []
    is_converged = False
    found = look(None)
    for _ in range(max_rounds):
        tables, log_prior = model.maximise(found, tables)
        found = look(tables)
        objective.append(found.log_likelihood + log_prior)
        is_converged = len(objective) > 1 and objective[-1] - objective[-2] < tolerance * found.n_votes
        if is_converged:
            break
    assert tables is not None  # max_rounds is at least 1
    return Fit(tables, tuple(objective), is_converged, found.confusion)


def check_size(n_workers: int, n_labels: int, n_nodes: int) -> int:
    """Numbers in the model; :class:`InputError` where it would not fit the driver, naming a method that does."""
    size = n_workers * n_labels * (n_labels if n_nodes == 0 else 2 * n_nodes)
    if size > MAX_MODEL:
        raise InputError(
            f"{n_workers} workers and {n_labels} labels make a model of {size} numbers; at most {MAX_MODEL} fit\n"
            "  next: --method one_coin keeps one number a worker, --method majority none"
        )
    return size


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

    sums = packed.blocks.select(*ROUND_COLUMNS).mapInArrow(summarise, "chunk int, part binary")
    if packed.n_blocks > _DRIVER_BLOCKS:
        sums = sums.groupBy("chunk").applyInArrow(add_up, "chunk int, part binary")
    chunks: dict[int, Floats] = {}
    for row in sums.collect():  # chunks of the model, never votes
        part = np.frombuffer(row["part"])
        chunks[row["chunk"]] = chunks[row["chunk"]] + part if row["chunk"] in chunks else part
    return np.concatenate([chunks[i] for i in sorted(chunks)])


def _pass(packed: Packed, model: Model, tables: Tables | None) -> Statistics:
    """The E-step under ``tables`` and the sums for the next M-step, in one pass over the votes."""
    n_cells = packed.n_cells
    sent = packed.blocks.sparkSession.sparkContext.broadcast(tables)
    flat = sum_over_blocks(packed, lambda block: _look(block, model, sent.value, n_cells).flat())
    sent.destroy()
    return Statistics.from_flat(flat, n_labels=len(packed.labels), n_nodes=model.n_nodes)


def _look(block: Block, model: Model, tables: Tables | None, n_cells: int) -> Statistics:
    shares = np.ones(1) if model.node_shares is None else model.node_shares
    truth, likelihood = (
        (em_steps.start(block, shares), 0.0) if tables is None else em_steps.posterior(block, tables)
    )
    return em_steps.statistics(block, truth, likelihood, n_cells=n_cells, nodes=model.n_nodes > 0)


def _fit_in_one_task(packed: Packed, model: Model, *, max_rounds: int, tolerance: float) -> Fit:
    """The whole loop beside the only block: a job a round costs more than the round where votes are few."""
    n_labels, n_cells = len(packed.labels), packed.n_cells

    def fit_block(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for block in blocks_of(batch, n_labels):
                found = climb(
                    partial(_look, block, model, n_cells=n_cells),
                    model,
                    max_rounds=max_rounds,
                    tolerance=tolerance,
                )
                yield _as_batch([0], [_fit_as_bytes(found)])

    (row,) = packed.blocks.select(*ROUND_COLUMNS).mapInArrow(fit_block, "chunk int, part binary").collect()
    with np.load(io.BytesIO(row["part"])) as parts:  # arrays by name; nothing pickled
        named = {name: parts[name] for name in parts.files}
    objective, is_converged = named.pop("objective").tolist(), bool(named.pop("is_converged"))
    confusion = named.pop("confusion", None)
    return Fit(Tables(**named), tuple(objective), is_converged, confusion)


def _fit_as_bytes(found: Fit) -> bytes:
    named = {name: array for name, array in vars(found.tables).items() if array is not None}
    if found.confusion is not None:
        named["confusion"] = found.confusion
    buffer = io.BytesIO()
    np.savez(buffer, objective=found.objective, is_converged=found.is_converged, **named)
    return buffer.getvalue()


def _as_batch(chunks: list[int], parts: list[bytes]) -> pa.RecordBatch:
    arrays = [pa.array(chunks, pa.int32()), pa.array(parts, pa.binary())]
    return pa.RecordBatch.from_arrays(arrays, ["chunk", "part"])
