"""Parcels: thousands of rows that travel between tasks as one, since a shuffle's cost is its rows, not its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

#: Rows that are packed at once. With a dozen routes for each of as many hashes, 40 MB.
PACKED_AT_ONCE = 1 << 17

_Numbers = npt.NDArray[np.int64]


def to_pack(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The rows of many batches, :data:`PACKED_AT_ONCE` or some more at a time."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) >= PACKED_AT_ONCE:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)


def in_parts(part: _Numbers) -> tuple[_Numbers, list[tuple[int, slice]]]:
    """The order that brings rows of one ``part`` (n,) together, and for each part its number and rows in that order.

    >>> order, parts = in_parts(np.array([7, 3, 7]))
    >>> order.tolist(), parts
    ([1, 0, 2], [(3, slice(0, 1, None)), (7, slice(1, 3, None))])
    """
    # Numbers of 16 bits are what numpy sorts without comparing.
    is_short = part.min(initial=0) >= 0 and part.max(initial=0) < 1 << 16
    order = np.argsort(part.astype(np.uint16) if is_short else part, kind="stable")
    ordered = part[order]
    borders = [0, *(np.flatnonzero(ordered[1:] != ordered[:-1]) + 1).tolist(), len(part)]
    rows = [slice(a, b) for a, b in pairwise(borders) if a < b]
    return order, [(int(ordered[one.start]), one) for one in rows]
