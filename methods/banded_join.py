"""All pairs of 64-bit hashes within a Hamming distance: exact, by bands and a few flipped bits.

Cut a hash into m bands and let band b differ in up to f_b bits, with Σ(f_b + 1) = d + 1. Two hashes that
differed in more than f_b bits in every band would be at least Σ(f_b + 1) > d apart, so any pair within d
agrees on some band up to f_b flips (the general pigeonhole principle: Qin et al., "GPH", ICDE 2018, lemma 1;
with equal f it is ⌊d/m⌋, as in Norouzi et al., "Multi-Index Hashing", CVPR 2012, eq. 6). Only hashes whose
bands meet are compared, and a pair is reported by the first band on which it agrees, so each comes once.

numpy only, in arrays of bounded size; :mod:`synlake.methods.pair_routing` spreads it over tasks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.int64]
#: (position left, position right, distance in bits), arrays of one length.
Pairs = tuple[Positions, Positions, Positions]

HASH_BITS = 64
#: Comparisons made at once: shorter arrays cost more calls, longer ones leave the processor's cache.
_BLOCK = 1 << 17
_NUMBERS = np.arange(2 * _BLOCK)
_MAX_BANDS = 16
_WIDEST = 32


@dataclass(frozen=True)
class Bands:
    """Widths in bits and allowed flips of the bands, from the highest bit down.

    A single band of no bits means: compare everything.
    """

    widths: tuple[int, ...]
    flips: tuple[int, ...]

    def shift(self, band: int) -> int:
        """How far right a hash is shifted so that the band is lowest."""
        return HASH_BITS - sum(self.widths[: band + 1])

    def keys(self, hashes: Hashes, band: int) -> Hashes:
        """The bits of a band of each hash, as numbers."""
        return bits_of(hashes, self.shift(band), self.widths[band])

    def agree(self, differing: Hashes, band: int) -> npt.NDArray[np.bool_]:
        """Whether two hashes agree on a band up to its flips, given the bits in which they differ."""
        agreed: npt.NDArray[np.bool_] = np.bitwise_count(self.keys(differing, band)) <= self.flips[band]
        return agreed


def bits_of(hashes: Hashes, shift: int, width: int) -> Hashes:
    """``width`` bits of each hash from bit ``shift`` up; zeros where width is 0."""
    if width == 0:
        return np.zeros(len(hashes), np.uint64)
    return (hashes >> np.uint64(shift)) & np.uint64((1 << width) - 1)


def bands_for(n_bands: int, max_bits: int) -> Bands:
    """``n_bands`` bands that together find every pair within ``max_bits``.

    >>> bands_for(4, 7)
    Bands(widths=(16, 16, 16, 16), flips=(1, 1, 1, 1))
    >>> bands_for(3, 7)
    Bands(widths=(22, 21, 21), flips=(2, 2, 1))
    """
    flips, n_more = divmod(max_bits + 1, n_bands)
    if flips == 0:
        raise ValueError(f"{n_bands} bands for {max_bits} bits: wanted at most {max_bits + 1} bands")
    # A band need not be longer to be selective, and above it there is room for the number of a group.
    width, n_wider = divmod(min(HASH_BITS, _WIDEST * n_bands), n_bands)
    return Bands(
        widths=tuple(width + (band < n_wider) for band in range(n_bands)),
        flips=tuple(flips - 1 + (band < n_more) for band in range(n_bands)),
    )


#: Compares all pairs.
EVERYTHING = Bands((0,), (0,))


@cache
def flip_masks(width: int, flips: int) -> tuple[int, ...]:
    """Every number of ``width`` bits with at most ``flips`` bits set, fewest bits first.

    >>> flip_masks(3, 1)
    (0, 1, 2, 4)
    """
    return tuple(
        sum(1 << bit for bit in bits) for n in range(flips + 1) for bits in combinations(range(width), n)
    )


def n_masks(width: int, flips: int) -> int:
    """How many masks :func:`flip_masks` has."""
    return sum(comb(width, n) for n in range(min(width, flips) + 1))


@dataclass(frozen=True)
class Cost:
    """What a join is expected to take on one core, for hashes that are spread evenly."""

    n_comparisons: float
    n_lookups: float
    seconds: float


#: Seconds of one comparison, of one look-up of a band with a flip, of sorting one hash by one band; measured
#: on one core of a 2-core cloud machine. Only their ratios matter to the choice.
_COMPARE, _LOOKUP, _SORT = 5e-9, 6e-8, 2e-7


def cost(bands: Bands, n_hashes: int, n_pairs: float) -> Cost:
    """The cost of joining ``n_hashes``, ``n_pairs`` of which may be compared (n²/2, or less within groups)."""
    comparisons = lookups = 0.0
    for width, flips in zip(bands.widths, bands.flips, strict=True):
        masks = n_masks(width, flips)
        comparisons += n_pairs * masks / 2.0**width
        lookups += min(n_hashes, 2.0**width * max(1.0, n_hashes**2 / (2 * n_pairs + 1))) * masks
    seconds = comparisons * _COMPARE + lookups * _LOOKUP + n_hashes * len(bands.widths) * _SORT
    return Cost(comparisons, lookups, seconds)


def choose_bands(n_hashes: int, max_bits: int, *, n_pairs: float | None = None) -> Bands:
    """The bands of least cost; comparing everything is one of the choices, and the one for a large distance."""
    pairs = n_hashes**2 / 2 if n_pairs is None else n_pairs
    choices = [EVERYTHING]
    choices += [bands_for(n, max_bits) for n in range(2, min(_MAX_BANDS, max_bits + 1) + 1)]
    choices += [bands_for(1, 0)] if max_bits == 0 else []
    # Masks are enumerated one by one: beyond some thousands of them a band is no help.
    usable = [b for b in choices if max(map(n_masks, b.widths, b.flips)) <= 1 << 14]
    return min(usable, key=lambda bands: cost(bands, n_hashes, pairs).seconds)


@dataclass(frozen=True)
class _Index:
    """Hashes in the order of a key; ``keys`` are its distinct values, each with where its hashes start."""

    keys: Hashes
    starts: Positions
    counts: Positions
    hashes: Hashes
    positions: Positions


def _index(keys: Hashes, hashes: Hashes) -> _Index:
    order = np.argsort(keys, kind="stable")
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
            yield (
                left.positions[rows[block][owner]],
                right.positions[others[hits]],
                distances[hits].astype(np.int64),
            )


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
