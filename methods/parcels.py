"""Parcels: thousands of rows that travel between tasks as one, since a shuffle's cost is its rows, not its bytes."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

#: Rows that are packed at once. With a dozen routes for each of as many hashes, 40 MB.
PACKED_AT_ONCE = 1 << 17


def to_pack(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The rows of many batches, :data:`PACKED_AT_ONCE` or some more at a time, each column in one piece."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) >= PACKED_AT_ONCE:
            yield pa.Table.from_batches(waiting).combine_chunks()
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting).combine_chunks()
