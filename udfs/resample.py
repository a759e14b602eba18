"""The 32×32 grey thumbnail that pHash is made from, bit for bit as Pillow makes it, in a quarter of the time.

``resample.c`` does it, where it was compiled when synlake was installed (:func:`is_compiled`), else Pillow itself.
"""

from __future__ import annotations

import ctypes
import sys
import sysconfig
from functools import lru_cache
from importlib import resources

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image

#: Side of the square that imagehash's pHash reduces an image to: hash_size × highfreq_factor.
THUMBNAIL_PX = 32
#: Kernels of sides up to this are kept: at most 30 MB, 7 around 500 pixels.
_KEPT_SIDE_PX, _KEPT_KERNELS = 2048, 512
#: Lanczos looks three pixels of the thumbnail to either side.
_SUPPORT = 3
#: Taps are counted in whole vectors of the processor.
_TAPS_TOGETHER = 16


class _Kernel(ctypes.Structure):
    """``Kernel`` in resample.c: the weights that take a side to 32 pixels."""

    _fields_ = (
        ("n_taps", ctypes.c_int32),
        ("first", ctypes.c_void_p),
        ("high", ctypes.c_void_p),
        ("low", ctypes.c_void_p),
    )

    def __init__(self, side_px: int) -> None:
        n_taps = 2 * _SUPPORT * max(side_px, THUMBNAIL_PX) // THUMBNAIL_PX + 2
        n_taps += -n_taps % _TAPS_TOGETHER
        self._first = np.zeros(THUMBNAIL_PX, np.int32)
        self._weights = np.zeros((2, THUMBNAIL_PX, n_taps), np.int16)
        super().__init__(n_taps, *map(_address, (self._first, *self._weights)))


def is_compiled() -> bool:
    """Whether ``resample.c`` does the work here."""
    return _library() is not None


def thumbnail(image: Image.Image) -> npt.NDArray[np.uint8]:
    """(32, 32) of a loaded image, bit for bit ``image.convert("L").resize((32, 32), LANCZOS)``."""
    library = _library()
    pixels = _pixels(image) if image.mode in ("RGB", "L") else None
    if pixels is None:
        image = image.convert("L")
        pixels = _pixels(image)
    is_tall = image.height > 100 * image.width  # Pillow reduces columns first then
    if library is None or pixels is None or is_tall:
        size = (THUMBNAIL_PX, THUMBNAIL_PX)
        return np.asarray(image.convert("L").resize(size, Image.Resampling.LANCZOS))
    return _reduced(library, pixels, image.size, n_bands=4 if image.mode == "RGB" else 1)


def packed_rgb(image: Image.Image) -> bytes | memoryview:
    """(height, width, 3) bytes of a loaded image of mode RGB, as ``image.tobytes()`` has them."""
    library, pixels = _library(), _pixels(image)
    if library is None or pixels is None:
        return image.tobytes()
    n_px = image.width * image.height
    packed = np.empty(3 * n_px, np.uint8)
    library.pack_rgb(pixels.address, n_px, _address(packed))
    return packed.data


def _pixels(image: Image.Image) -> pa.Buffer | None:
    """The image's own memory, 4 bytes a pixel or 1; None where Pillow has it in pieces (above 16 MB) or borrows it."""
    if image.readonly:  # Pillow 12.3 crashes if asked for it
        return None
    try:
        array = pa.array(image)
    except ValueError:
        return None
    return (array.values if isinstance(array, pa.FixedSizeListArray) else array).buffers()[1]


def _reduced(
    library: ctypes.CDLL, pixels: pa.Buffer, size: tuple[int, int], n_bands: int
) -> npt.NDArray[np.uint8]:
    width, height = size
    across, down = _kernel(width), _kernel(height)
    row = np.zeros(width + across.n_taps, np.int16)
    rows = np.empty((height, THUMBNAIL_PX), np.uint8)
    reduced = np.empty((THUMBNAIL_PX, THUMBNAIL_PX), np.uint8)
    library.make_thumbnail(
        *(pixels.address, width, height, n_bands, ctypes.byref(across), ctypes.byref(down)),
        *map(_address, (row, rows, reduced)),
    )
    return reduced


def _kernel(side_px: int) -> _Kernel:
    return _kept_kernel(side_px) if side_px <= _KEPT_SIDE_PX else _filled_kernel(side_px)


def _filled_kernel(side_px: int) -> _Kernel:
    library, kernel = _library(), _Kernel(side_px)
    assert library is not None
    scratch = np.empty(kernel.n_taps)
    library.fill_kernel(side_px, ctypes.byref(kernel), _address(scratch))
    return kernel


_kept_kernel = lru_cache(maxsize=_KEPT_KERNELS)(_filled_kernel)


def _address(array: npt.NDArray[np.generic]) -> int:
    """Where the array is, for as long as its caller holds it."""
    return array.ctypes.data


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL | None:
    return _loaded("synlake.udfs")


def _loaded(package: str) -> ctypes.CDLL | None:
    """``resample.c``, compiled; None where it is not. On a cluster's nodes it is inside a zip."""
    compiled = resources.files(package) / _name()
    if sys.byteorder != "little" or not compiled.is_file():
        return None
    with resources.as_file(compiled) as path:
        try:
            library = ctypes.CDLL(str(path))
        except OSError:  # compiled for another kind of processor
            return None
    pointer, number = ctypes.c_void_p, ctypes.c_int32
    library.fill_kernel.argtypes = (number, pointer, pointer)
    library.make_thumbnail.argtypes = (pointer, *[number] * 3, *[pointer] * 5)
    library.pack_rgb.argtypes = (pointer, ctypes.c_int64, pointer)
    for function in (library.fill_kernel, library.make_thumbnail, library.pack_rgb):
        function.restype = None
    return library


def _name() -> str:
    """What setup.py's extension is called here: the version of Python and the kind of machine are in it."""
    return f"_resample{sysconfig.get_config_var('EXT_SUFFIX')}"
