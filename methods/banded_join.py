"""All pairs of 64-bit hashes within a Hamming distance: exact, by bands and a few flipped bits.

Only hashes whose bands meet (:mod:`synlake.methods.bands`) are compared, and a pair is reported by the first band on
which it agrees, so each comes once.

In arrays of bounded size; hashes are compared by ``near.c`` where it was compiled when synlake was installed, else by
numpy. :mod:`synlake.methods.pair_routing` spreads it over tasks.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from synlake import compiled
from synlake.methods.bands import Bands, Hashes, choose_bands, flip_masks

Positions = npt.NDArray[np.int64]
#: (position left, position right, distance in bits), arrays of one length.
Pairs = tuple[Positions, Positions, Positions]

#: Comparisons made at once by numpy, pairs found at once by ``near.c``: shorter arrays cost more calls, longer ones
#: leave the processor's cache.
_BLOCK = 1 << 17
_NUMBERS = np.arange(2 * _BLOCK)


@dataclass(frozen=True)
class _Index:
    """Hashes in the order of a key; ``keys`` are its distinct values, each with where its hashes start."""

    keys: Hashes
    starts: Positions
    counts: Positions
    hashes: Hashes
    positions: Positions


def _index(keys: Hashes, hashes: Hashes) -> _Index:
    order = _ascending(keys)
    ordered = keys[order]
    borders = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    starts = np.concatenate([np.zeros(min(1, len(keys)), np.int64), borders])
    counts = np.diff(np.append(starts, len(keys)))
    return _Index(ordered[starts], starts, counts, hashes[order], order)


def _ascending(keys: Hashes) -> Positions:
    """The order of keys, by one digit after another: numbers of 16 bits are what numpy sorts without comparing."""
    order = np.argsort(keys.astype(np.uint16), kind="stable")
    for shift in range(16, int(keys.max(initial=0)).bit_length(), 16):
        digits = (keys >> np.uint64(shift)).astype(np.uint16)
        order = order[np.argsort(digits[order], kind="stable")]
    return order


def near_pairs(
    hashes: Hashes, max_bits: int, *, bands: Bands | None = None, groups: Positions | None = None
) -> Pairs:
    """Every pair of (n,) hashes at most ``max_bits`` apart, once, in no order: positions and distance.

    ``groups`` (n,), small non-negative numbers, restrict pairs to hashes of one group. Equal hashes are
    pairs too; where there may be many, group them first. Memory: some arrays of length n, and the result.

    >>> left, right, distance = near_pairs(np.array([0b0000, 0b0001, 0b1111], np.uint64), 3)
    >>> sorted(zip(left.tolist(), right.tolist(), distance.tolist()))
    [(0, 1, 1), (1, 2, 3)]
    """
    if bands is None:
        sizes = np.array([len(hashes)]) if groups is None else np.bincount(groups)
        bands = choose_bands(len(hashes), max_bits, n_pairs=float((sizes.astype(np.float64) ** 2).sum() / 2))
    found = []
    for band, width in enumerate(bands.widths):
        keys = bands.keys(hashes, band)
        if groups is not None:
            keys = keys | (groups.astype(np.uint64) << np.uint64(width))
        masks = flip_masks(width, bands.flips[band])
        found += [
            first_seen(pairs, hashes, hashes, bands, band)
            for pairs in self_pairs((keys, hashes), masks, max_bits)
        ]
    left, right, distance = gathered(found)
    return np.minimum(left, right), np.maximum(left, right), distance


def cross_pairs(
    left: tuple[Hashes, Hashes], right: tuple[Hashes, Hashes], masks: tuple[int, ...], max_bits: int
) -> Iterator[Pairs]:
    """Pairs of a left and a right (keys, hashes) whose keys differ by a mask and hashes by ``max_bits``."""
    if not len(left[0]) or not len(right[0]):
        return
    left_index, right_index = _index(*left), _index(*right)
    for mask in masks:
        yield from _near(left_index, right_index, mask, max_bits)


def self_pairs(one: tuple[Hashes, Hashes], masks: tuple[int, ...], max_bits: int) -> Iterator[Pairs]:
    """The same among the hashes of one side, each unordered pair once."""
    index = _index(*one)
    for mask in masks:
        yield from _near(index, index, mask, max_bits)


def _near(left: _Index, right: _Index, mask: int, max_bits: int) -> Iterator[Pairs]:
    """Near pairs of hashes whose keys differ by ``mask``, some at a time; each unordered pair once in one index."""
    library = _library()
    if library is not None:
        found = _by_library(library, left, right, mask, max_bits)
    elif left is right:
        found = _within(left, mask, max_bits)
    else:
        found = _across(left, left.keys, right, mask, max_bits)
    for rows, others, distances in found:
        yield left.positions[rows], right.positions[others], distances


def _within(index: _Index, mask: int, max_bits: int) -> Iterator[Pairs]:
    if mask == 0:  # each hash with those that follow it under the same key
        ends = np.repeat(index.starts + index.counts, index.counts)
        following = np.arange(1, len(ends) + 1)
        yield from _compare(index, np.arange(len(ends)), index, following, ends - following, max_bits)
        return
    # Of two keys that are partners, the one whose highest flipped bit is 0 asks for the other.
    asking = (index.keys & np.uint64(1 << (mask.bit_length() - 1))) == 0
    yield from _across(index, index.keys[asking], index, mask, max_bits)


def _across(left: _Index, asked: Hashes, right: _Index, mask: int, max_bits: int) -> Iterator[Pairs]:
    """Hashes under ``asked`` keys of left with those under the partner key of right."""
    wanted = asked ^ np.uint64(mask)
    at = np.minimum(np.searchsorted(right.keys, wanted), len(right.keys) - 1)
    met = right.keys[at] == wanted
    if not met.any():
        return
    mine, theirs = np.searchsorted(left.keys, asked[met]), at[met]
    n_mine = left.counts[mine]
    rows = _ranges(left.starts[mine], n_mine)
    yield from _compare(
        left,
        rows,
        right,
        np.repeat(right.starts[theirs], n_mine),
        np.repeat(right.counts[theirs], n_mine),
        max_bits,
    )


def _compare(
    left: _Index, rows: Positions, right: _Index, starts: Positions, counts: Positions, max_bits: int
) -> Iterator[Pairs]:
    """Compare each left row with ``counts`` right rows from ``starts`` on, a block at a time."""
    ends = np.cumsum(counts)
    n_all = int(ends[-1]) if len(ends) else 0
    borders = np.searchsorted(ends, np.arange(_BLOCK, n_all + _BLOCK, _BLOCK), side="left") + 1
    first = 0
    for last in np.minimum(np.unique(borders), len(rows)).tolist():
        block = slice(first, last)
        first = last
        n = counts[block]
        values = np.repeat(left.hashes[rows[block]], n)
        others = _ranges(starts[block], n)
        distances = np.bitwise_count(values ^ right.hashes[others])
        hits = np.flatnonzero(distances <= max_bits)
        if len(hits):
            owner = np.searchsorted(np.cumsum(n), hits, side="right")
            yield rows[block][owner], others[hits], distances[hits].astype(np.int64)


class _IndexOfLibrary(ctypes.Structure):
    """An index, as ``near.c`` has it."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("hashes", "keys", "starts", "counts")),
        ("n_keys", ctypes.c_int64),
    )


def _by_library(
    library: ctypes.CDLL, left: _Index, right: _Index, mask: int, max_bits: int
) -> Iterator[Pairs]:
    """What :func:`_within` and :func:`_across` find, by ``near.c``."""
    sides = [
        _IndexOfLibrary(
            *(a.ctypes.data for a in (one.hashes, one.keys, one.starts, one.counts)), len(one.keys)
        )
        for one in (left, right)
    ]
    at = np.zeros(3, np.int64)
    room = np.empty((3, max(_BLOCK, int(right.counts.max(initial=0)))), np.int64)
    arrays = [row.ctypes.data for row in room]
    while at[0] < len(left.keys):
        n = library.find_near(
            *map(ctypes.byref, sides), mask, left is right, max_bits, at.ctypes.data, room.shape[1], *arrays
        )
        if n:
            rows, others, distances = room[:, :n].copy()
            yield rows, others, distances


def is_compiled() -> bool:
    """Whether ``near.c`` does the comparing here."""
    return _library() is not None


@cache
def _library() -> ctypes.CDLL | None:
    library = compiled.load("synlake.methods", "near", ctypes.CDLL)
    if library is not None:
        pointer, long, number = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32
        library.find_near.argtypes = (
            pointer, pointer, ctypes.c_uint64, number, number, pointer, long, *[pointer] * 3
        )  # fmt: skip
        library.find_near.restype = long
    return library


def _ranges(starts: Positions, counts: Positions) -> Positions:
    """``starts[i], starts[i] + 1, …`` (``counts[i]`` of them) for every i, one after another.

    Added in place, to numbers that are there already: making one array more costs more than all the sums.
    """
    before = np.cumsum(counts) - counts
    flat: Positions = np.repeat(starts - before, counts)
    flat += _NUMBERS[: len(flat)] if len(flat) <= len(_NUMBERS) else np.arange(len(flat))
    return flat


def first_seen(pairs: Pairs, left: Hashes, right: Hashes, bands: Bands, band: int) -> Pairs:
    """The pairs that agree on no earlier band: each is reported by one band only."""
    differing = left[pairs[0]] ^ right[pairs[1]]
    fresh = np.ones(len(differing), bool)
    for earlier in range(band):
        fresh &= ~bands.agree(differing, earlier)
    return pairs[0][fresh], pairs[1][fresh], pairs[2][fresh]


def gathered(found: list[Pairs]) -> Pairs:
    """Many arrays of pairs as one."""
    empty = (np.zeros(0, np.int64),) * 3
    columns = zip(*found, strict=True) if found else ([part] for part in empty)
    left, right, distance = (np.concatenate(list(column)) for column in columns)
    return left, right, distance
