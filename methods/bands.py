"""Bands of a hash, with bits that may be flipped in each: which find every pair within a distance, at what cost.

Cut a hash into m bands and let band b differ in up to f_b bits, with Σ(f_b + 1) = d + 1. Two hashes that
differed in more than f_b bits in every band would be at least Σ(f_b + 1) > d apart, so any pair within d
agrees on some band up to f_b flips (the general pigeonhole principle: Qin et al., "GPH", ICDE 2018, lemma 1;
with equal f it is ⌊d/m⌋, as in Norouzi et al., "Multi-Index Hashing", CVPR 2012, eq. 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

HASH_BITS = 64
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


#: Seconds of one comparison, of one look-up of a band with a flip, of sorting one hash by one band; measured of
#: ``near.c`` in tasks, on one core of a 2-core cloud machine. Only their ratios matter to the choice.
_COMPARE, _LOOKUP, _SORT = 1e-9, 3.5e-8, 5e-8


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
