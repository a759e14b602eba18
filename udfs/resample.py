"""The 32×32 grey thumbnail that pHash is made from, as Pillow's ``resize`` makes it, in about half the time.

Pillow reduces with fixed-point weights, pixel by pixel: ``(Σ weight · pixel + 2²¹) >> 22`` along rows, then along
columns (Resample.c). Here a matrix product in single precision has the same sums but for a known error; the few
that are so near to the middle between two integers that it might round them otherwise are summed exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

Singles = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

#: Side of the square that imagehash's pHash reduces an image to: hash_size × highfreq_factor.
THUMBNAIL_PX = 32
#: Sides above this go to Pillow: such images are few, and kernels are kept (at most 70 MB, 20 around 500 pixels).
_MAX_SIDE_PX, _KEPT_KERNELS = 2048, 512
_LANCZOS_SUPPORT = 3.0
_PRECISION_BITS = 22
#: Columns of the thumbnail in one matrix product: a weight is zero for pixels further away than six columns.
_BLOCK = 8
#: Half of the spacing of single-precision numbers at 1: the most that one operation is wrong by, relatively.
_ROUNDOFF = 2.0**-24


@dataclass(frozen=True)
class _Kernel:
    """The weights that take a side to 32 pixels.

    ``first`` (32,): the first pixel that counts for each of the 32. ``weights`` (32, n): those of the pixels from there
    on. ``blocks``: the same for a few of the 32 together, with zeros in between, as factors of a matrix product.
    ``error``: what a sum in single precision may be wrong by, in grey levels.
    """

    first: npt.NDArray[np.int64]
    weights: Singles
    blocks: tuple[tuple[slice, slice, Singles], ...]
    error: float


def thumbnail(grey: Image.Image) -> npt.NDArray[np.uint8]:
    """(32, 32) of an image of mode L, bit for bit ``grey.resize((32, 32), LANCZOS)``."""
    across, down = _kernel(grey.width), _kernel(grey.height)
    if across is None or down is None:
        return np.asarray(grey.resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS))
    rows = _reduced(np.asarray(grey), across)
    return _reduced(rows.T, down).T.astype(np.uint8)


def _reduced(pixels: npt.NDArray[np.uint8] | Singles, kernel: _Kernel) -> Singles:
    """(n, side) grey levels, whole numbers from 0 to 255 → (n, 32), whole numbers too."""
    sums = np.empty((len(pixels), THUMBNAIL_PX), np.float32)
    factors = pixels.astype(np.float32, copy=False)
    for taps, columns, weights in kernel.blocks:
        np.matmul(factors[:, taps], weights, out=sums[:, columns])
    levels = np.rint(sums)
    sums -= levels  # exact: they are near each other
    doubtful = np.flatnonzero(np.abs(sums, out=sums) > 0.5 - kernel.error)
    row, column = doubtful // THUMBNAIL_PX, doubtful % THUMBNAIL_PX
    counted = pixels[row[:, None], kernel.first[column, None] + np.arange(kernel.weights.shape[1])]
    # Whole multiples of 2⁻²² below 2⁹: doubles have such sums exactly.
    exact = np.einsum("ij,ij->i", counted.astype(np.float64), kernel.weights[column].astype(np.float64))
    levels.ravel()[doubtful] = np.floor(exact + 0.5)
    return np.clip(levels, 0, 255, out=levels)


@lru_cache(maxsize=_KEPT_KERNELS)
def _kernel(side_px: int) -> _Kernel | None:
    """The weights of a side; None where Pillow is to do it."""
    if not THUMBNAIL_PX < side_px <= _MAX_SIDE_PX:
        return None
    scale = side_px / THUMBNAIL_PX
    support = _LANCZOS_SUPPORT * scale
    centre = (np.arange(THUMBNAIL_PX) + 0.5) * scale
    low = np.maximum((centre - support + 0.5).astype(int), 0)
    high = np.minimum((centre + support + 0.5).astype(int), side_px)
    n_taps = int((high - low).max())
    first = np.minimum(low, side_px - n_taps)
    tap = first[:, None] + np.arange(n_taps)
    is_inside = (tap >= low[:, None]) & (tap < high[:, None])
    real = np.where(is_inside, _lanczos((tap - centre[:, None] + 0.5) / scale), 0.0)
    scaled = real / real.sum(axis=1, keepdims=True) * (1 << _PRECISION_BITS)
    # numpy and the C library may differ in a sine's last bit: no matter, but where it decides a rounding.
    if (np.abs(scaled - np.rint(scaled)) > 0.5 - 1e-6).any():
        return None
    weights = (np.trunc(scaled + np.copysign(0.5, scaled)) * 2.0**-_PRECISION_BITS).astype(np.float32)
    dense = np.zeros((side_px, THUMBNAIL_PX), np.float32)
    np.put_along_axis(dense, tap.T, weights.T, axis=0)
    blocks = []
    for left in range(0, THUMBNAIL_PX, _BLOCK):
        columns = slice(left, left + _BLOCK)
        taps = slice(first[left], first[left + _BLOCK - 1] + n_taps)
        blocks.append((taps, columns, dense[taps, columns].copy()))
    return _Kernel(first, weights, tuple(blocks), _error(weights))


def _error(weights: Singles) -> float:
    """The most, in grey levels, by which sums in single precision are wrong, in any order of summation.

    Weights are whole multiples of 2⁻²² below 2, single precision has them: n products, n roundings
    (Higham, Accuracy and Stability of Numerical Algorithms, 2002, eq. 3.5).
    """
    relative = weights.shape[1] * _ROUNDOFF / (1 - weights.shape[1] * _ROUNDOFF)
    return 255 * float(np.abs(weights).sum(axis=1, dtype=np.float64).max()) * relative


def _lanczos(x: Doubles) -> Doubles:
    inside = (x >= -_LANCZOS_SUPPORT) & (x < _LANCZOS_SUPPORT)
    return np.where(inside, np.sinc(x) * np.sinc(x / _LANCZOS_SUPPORT), 0.0)
