"""The 32×32 grey thumbnail that pHash is made from, as Pillow's ``resize`` makes it, in less than half the time.

Pillow reduces with fixed-point weights, pixel by pixel: ``(Σ weight · pixel + 2²¹) >> 22`` along rows, then along
columns (Resample.c). The same sums are integers below 2⁵³, so a matrix product of doubles has them exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

Doubles = npt.NDArray[np.float64]

#: Side of the square that imagehash's pHash reduces an image to: hash_size × highfreq_factor.
THUMBNAIL_PX = 32
#: Sides above this go to Pillow: such images are few, and kernels are kept (at most 60 MB of them).
_MAX_SIDE_PX = 2048
_LANCZOS_SUPPORT = 3.0
_PRECISION_BITS = 22
#: Columns of the thumbnail in one matrix product: a weight is zero for pixels further away than six columns.
_BLOCK = 8
#: Rows in one matrix product: what the processor's cache holds.
_ROWS = 128


@dataclass(frozen=True)
class _Kernel:
    """Weights in units of 2⁻²²: ``weights`` (n, 32), and the parts of them that are not zero."""

    weights: Doubles
    blocks: tuple[tuple[slice, slice, Doubles], ...]


def thumbnail(grey: Image.Image) -> npt.NDArray[np.uint8]:
    """(32, 32) of an image of mode L, bit for bit ``grey.resize((32, 32), LANCZOS)``."""
    across, down = _kernel(grey.width), _kernel(grey.height)
    if across is None or down is None:
        return np.asarray(grey.resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS))
    pixels = np.asarray(grey)
    rows = np.empty((grey.height, THUMBNAIL_PX))
    for top in range(0, grey.height, _ROWS):
        part = pixels[top : top + _ROWS].astype(np.float64)
        for taps, columns, weights in across.blocks:
            np.matmul(part[:, taps], weights, out=rows[top : top + _ROWS, columns])
    reduced: npt.NDArray[np.uint8] = _rounded(down.weights.T @ _rounded(rows)).astype(np.uint8)
    return reduced


def _rounded(sums: Doubles) -> Doubles:
    """Fixed-point sums to the pixels that Pillow stores, in place."""
    sums += 1 << (_PRECISION_BITS - 1)
    sums *= 2.0**-_PRECISION_BITS
    return np.clip(np.floor(sums, out=sums), 0, 255, out=sums)


@lru_cache(maxsize=256)
def _kernel(side_px: int) -> _Kernel | None:
    """The weights that take ``side_px`` pixels to 32; None where Pillow is to do it."""
    if not THUMBNAIL_PX < side_px <= _MAX_SIDE_PX:
        return None
    scale = side_px / THUMBNAIL_PX
    support = _LANCZOS_SUPPORT * scale
    centre = (np.arange(THUMBNAIL_PX) + 0.5) * scale
    low = np.maximum((centre - support + 0.5).astype(int), 0)
    high = np.minimum((centre + support + 0.5).astype(int), side_px)
    tap = np.arange(side_px)[:, None]
    is_inside = (tap >= low) & (tap < high)
    exact = np.where(is_inside, _lanczos((tap - centre + 0.5) / scale), 0.0)
    scaled = exact / exact.sum(axis=0) * (1 << _PRECISION_BITS)
    # numpy and the C library may differ in a sine's last bit: no matter, but where it decides a rounding.
    if (np.abs(np.abs(scaled) % 1 - 0.5) < 1e-6).any():
        return None
    weights = np.trunc(scaled + np.copysign(0.5, scaled))
    blocks = []
    for first in range(0, THUMBNAIL_PX, _BLOCK):
        columns = slice(first, first + _BLOCK)
        taps = slice(int(low[first]), int(high[first + _BLOCK - 1]))
        blocks.append((taps, columns, np.ascontiguousarray(weights[taps, columns])))
    return _Kernel(weights, tuple(blocks))


def _lanczos(x: Doubles) -> Doubles:
    inside = (x >= -_LANCZOS_SUPPORT) & (x < _LANCZOS_SUPPORT)
    return np.where(inside, np.sinc(x) * np.sinc(x / _LANCZOS_SUPPORT), 0.0)
