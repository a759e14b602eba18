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
    is_short = int(keys.max(initial=0)) < 1 << 16  # numpy sorts numbers of 16 bits by their digits
    order = np.argsort(keys.astype(np.uint16) if is_short else keys, kind="stable")
    ordered = keys[order]
    borders = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    starts = np.concatenate([np.zeros(min(1, len(keys)), np.int64), borders])
    counts = np.diff(np.append(starts, len(keys)))
    return _Index(ordered[starts], starts, counts, hashes[order], order)


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
        index = _index(keys, hashes)
        for mask in flip_masks(width, bands.flips[band]):
            found += [
                first_seen(pairs, hashes, hashes, bands, band) for pairs in _within(index, mask, max_bits)
            ]
    left, right, distance = gathered(found)
    return np.minimum(left, right), np.maximum(left, right), distance


def cross_pairs(
    left: tuple[Hashes, Hashes], right: tuple[Hashes, Hashes], masks: tuple[int, ...], max_bits: int
) -> list[Pairs]:
    """Pairs of a left and a right (keys, hashes) whose keys differ by a mask and hashes by ``max_bits``."""
    if not len(left[0]) or not len(right[0]):
        return []
    left_index, right_index = _index(*left), _index(*right)
    return [
        pairs for mask in masks for pairs in _across(left_index, left_index.keys, right_index, mask, max_bits)
    ]


def self_pairs(one: tuple[Hashes, Hashes], masks: tuple[int, ...], max_bits: int) -> list[Pairs]:
    """The same among the hashes of one side, each unordered pair once."""
    index = _index(*one)
    return [pairs for mask in masks for pairs in _within(index, mask, max_bits)]


def _within(index: _Index, mask: int, max_bits: int) -> Iterator[Pairs]:
    if mask == 0:  # each hash with those that follow it under the same key
        everyone = np.arange(len(index.keys))
        yield from _compare(_Groups(index, everyone, index, everyone), max_bits)
        return
    # Of two keys that are partners, the one whose highest flipped bit is 0 asks for the other.
    asking = (index.keys & np.uint64(1 << (mask.bit_length() - 1))) == 0
    yield from _across(index, index.keys[asking], index, mask, max_bits)


def _across(left: _Index, asked: Hashes, right: _Index, mask: int, max_bits: int) -> Iterator[Pairs]:
    """Hashes under ``asked`` keys of left with those under the partner key of right."""
    wanted = asked ^ np.uint64(mask)
    at = np.minimum(np.searchsorted(right.keys, wanted), len(right.keys) - 1)
    met = right.keys[at] == wanted
    if met.any():
        yield from _compare(_Groups(left, np.searchsorted(left.keys, asked[met]), right, at[met]), max_bits)


@dataclass(frozen=True)
class _Groups:
    """What is compared: hashes of ``left`` under its ``mine[i]``-th key with those of ``right`` under ``theirs[i]``.

    Where both are one group of one index, each hash with those that follow it.
    """

    left: _Index
    mine: Positions
    right: _Index
    theirs: Positions

    @property
    def is_within(self) -> bool:
        return self.left is self.right and bool(np.array_equal(self.mine, self.theirs))


def _compare(groups: _Groups, max_bits: int) -> Iterator[Pairs]:
    """The near pairs of ``groups``, some at a time."""
    library = _library()
    found = _by_numpy(groups, max_bits) if library is None else _by_library(library, groups, max_bits)
    for rows, others, distances in found:
        yield groups.left.positions[rows], groups.right.positions[others], distances


def _by_numpy(groups: _Groups, max_bits: int) -> Iterator[Pairs]:
    """Rows of near pairs: each left row is held against the right rows of its group, a block at a time."""
    left, right = groups.left, groups.right
    n_mine = left.counts[groups.mine]
    rows = _ranges(left.starts[groups.mine], n_mine)
    starts, counts = right.starts[groups.theirs], right.counts[groups.theirs]
    ends_of_right = np.repeat(starts + counts, n_mine)
    starts = rows + 1 if groups.is_within else np.repeat(starts, n_mine)
    counts = ends_of_right - starts
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


class _Side(ctypes.Structure):
    """One side of groups, as ``near.c`` has it."""

    _fields_ = tuple((name, ctypes.c_void_p) for name in ("hashes", "starts", "counts"))


def _by_library(library: ctypes.CDLL, groups: _Groups, max_bits: int) -> Iterator[Pairs]:
    """The same by ``near.c``."""
    held = [
        (one.hashes, one.starts[keys], one.counts[keys])
        for one, keys in ((groups.left, groups.mine), (groups.right, groups.theirs))
    ]
    sides = [_Side(*(array.ctypes.data for array in arrays)) for arrays in held]
    n_groups, most = len(groups.mine), int(held[1][2].max(initial=0))
    at = np.zeros(2, np.int64)
    room = np.empty((3, max(_BLOCK, most)), np.int64)
    while at[0] < n_groups:
        n = library.find_near(
            *sides, n_groups, groups.is_within, max_bits, at.ctypes.data, room.shape[1],
            *(row.ctypes.data for row in room),
        )  # fmt: skip
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
        library.find_near.argtypes = (_Side, _Side, long, number, number, pointer, long, *[pointer] * 3)
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
