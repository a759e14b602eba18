"""From posteriors to an answer an item: the label, how sure, whether another is as likely."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from synlake.methods.vote_blocks import Block, Floats, Packed, blocks_of

ITEM_SCHEMA = (
    "item_id string, label string, confidence double, posterior map<string,double>, n_votes bigint,"
    " is_tie boolean, difficulty double"
)
#: Probabilities below it are left out of ``posterior``, and ones closer than it are a tie.
LEAST = 1e-9


def decide(packed: Packed, judge: Callable[[Block], tuple[Floats, Floats | None]]) -> DataFrame:
    """One row (:data:`ITEM_SCHEMA`) an item; ``judge`` gives items × labels, and difficulties or None."""
    labels = pa.array(packed.labels, pa.string())

    def decide_blocks(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for row, block in enumerate(blocks_of(batch, len(labels))):
                yield _answers(batch.column("item_ids")[row].values, block, labels, *judge(block))

    return packed.blocks.mapInArrow(decide_blocks, ITEM_SCHEMA)


def _answers(
    item_ids: pa.Array, block: Block, labels: pa.Array, truth: Floats, difficulty: Floats | None
) -> pa.RecordBatch:
    top = truth.max(axis=1, keepdims=True)
    is_top = truth >= top - LEAST
    chosen = is_top.argmax(axis=1)  # the first in label order
    columns = {
        "item_id": item_ids,
        "label": labels.take(pa.array(chosen)),
        "confidence": pa.array(np.minimum(top[:, 0], 1.0)),
        "posterior": _as_maps(truth, labels),
        "n_votes": pa.array(np.bincount(block.items, minlength=block.n_items)),
        "is_tie": pa.array(is_top.sum(axis=1) > 1),
        "difficulty": pa.nulls(len(chosen), pa.float64()) if difficulty is None else pa.array(difficulty),
    }
    return pa.RecordBatch.from_pydict(columns)


def _as_maps(truth: Floats, labels: pa.Array) -> pa.MapArray:
    present = truth >= LEAST
    offsets = np.concatenate([[0], present.sum(axis=1).cumsum()]).astype(np.int32)
    keys = labels.take(pa.array(np.nonzero(present)[1]))
    return pa.MapArray.from_arrays(pa.array(offsets), keys, pa.array(truth[present]))
