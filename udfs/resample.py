"""The 32×32 grey thumbnail that pHash is made from, bit for bit as Pillow makes it, in a quarter of the time.

``resample.c`` does it, where it was compiled when synlake was installed (:func:`is_compiled`), else Pillow itself.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from synlake import compiled

#: Side of the square that imagehash's pHash reduces an image to: hash_size × highfreq_factor.
THUMBNAIL_PX = 32


def is_compiled() -> bool:
    """Whether ``resample.c`` does the work here."""
    return _library() is not None


def thumbnail(image: Image.Image) -> npt.NDArray[np.uint8]:
    """(32, 32) of a loaded image, bit for bit ``image.convert("L").resize((32, 32), LANCZOS)``."""
    library = _library()
    array = _array(image) if image.mode in ("RGB", "L") else None
    if array is None:
        image = image.convert("L")
        array = _array(image)
    is_tall = image.height > 100 * image.width  # Pillow reduces columns first then
    if library is None or array is None or is_tall:
        size = (THUMBNAIL_PX, THUMBNAIL_PX)
        return np.asarray(image.convert("L").resize(size, Image.Resampling.LANCZOS))
    reduced = np.empty((THUMBNAIL_PX, THUMBNAIL_PX), np.uint8)
    if library.make_thumbnail(_pointer(array), *image.size, reduced.ctypes.data):
        raise MemoryError(f"no memory to reduce an image of {image.width} × {image.height} pixels")
    return reduced


def packed_rgb(image: Image.Image) -> bytes | memoryview:
    """(height, width, 3) bytes of a loaded image of mode RGB, as ``image.tobytes()`` has them."""
    library, array = _library(), _array(image)
    if library is None or array is None:
        return image.tobytes()
    n_px = image.width * image.height
    packed = np.empty(3 * n_px, np.uint8)
    library.pack_rgb(_pointer(array), n_px, packed.ctypes.data)
    return packed.data


def _array(image: Image.Image) -> Any:
    """A capsule with the image's own memory as an Arrow array, which is valid for as long as the capsule is held.

    None where Pillow has the image in pieces (above 16 MB), or in memory that is not its own.
    """
    if image.readonly:  # Pillow 12.3 crashes if asked for it
        return None
    try:
        return image.__arrow_c_array__()[1]
    except ValueError:
        return None


def _pointer(array: Any) -> int:
    address: int = _capsule_pointer(array, b"arrow_array")
    return address


_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.argtypes, _capsule_pointer.restype = (ctypes.py_object, ctypes.c_char_p), ctypes.c_void_p


@lru_cache(maxsize=1)
def _library() -> ctypes.PyDLL | None:
    # PyDLL keeps Python's lock, so that calls come one by one.
    library = compiled.load("synlake.udfs", "resample", ctypes.PyDLL)
    if library is not None:
        pointer, number = ctypes.c_void_p, ctypes.c_int32
        library.make_thumbnail.argtypes = (pointer, number, number, pointer)
        library.pack_rgb.argtypes, library.pack_rgb.restype = (pointer, ctypes.c_int64, pointer), None
    return library
