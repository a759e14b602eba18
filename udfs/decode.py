"""Decoding untrusted image bytes within limits. Whatever the bytes are, the answer is a value.

What Python cannot stop, a decoder that hangs or brings the process down, is :mod:`synlake.udfs.isolation`'s care.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from synlake.udfs.resample import THUMBNAIL_PX, packed_rgb, thumbnail

#: Decoders that untrusted bytes may reach. Formats that run programs (EPS) or are rare in datasets are not here.
#: (MPO, the stereo JPEG of cameras, is opened as JPEG.)
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
_ORIENTATION = 0x0112
#: Where Pillow looks for the orientation of a JPEG.
_JPEG_METADATA = ("exif", "xmp", "Raw profile type exif", "XML:com.adobe.xmp")
#: Shorter side, at the least, of a JPEG decoded at reduced scale in fast mode.
_FAST_SIDE_PX = 2 * THUMBNAIL_PX

# Pillow warns of what it puts up with in broken files; here a fault is a value.
warnings.filterwarnings("ignore", module=r"PIL\.")

#: exact: bit for bit imagehash's pHash. fast: JPEGs are decoded at reduced scale, and some bits differ.
MODES = ("exact", "fast")
#: What imagehash computes beside pHash, where asked for: name → hash of a decoded image.
EXTRA_HASHES: Mapping[str, Callable[[Image.Image], imagehash.ImageHash]] = {
    "ahash": imagehash.average_hash,
    "dhash": imagehash.dhash,
    "whash": imagehash.whash,
    "phash256": lambda image: imagehash.phash(image, hash_size=16),
}


@dataclass(frozen=True)
class Limits:
    """What one image may cost."""

    max_pixels: int = 100_000_000
    min_side_px: int = 8
    decode_seconds: float = 20.0


@dataclass(frozen=True)
class Wanted:
    """What is computed from the pixels. In fast mode the pixels are never all there: thumbnail only."""

    mode: str = "exact"
    pixel_sha256: bool = True
    extra_hashes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decoded:
    """What one decode found. ``thumbnail`` is (32, 32) uint8, or None with a ``reject_reason``."""

    format: str | None = None
    mode: str | None = None
    width_px: int | None = None
    height_px: int | None = None
    exif_orientation: int | None = None
    is_animated: bool | None = None
    pixel_sha256: str | None = None
    thumbnail: npt.NDArray[np.uint8] | None = None
    extra_hashes: Mapping[str, str] = field(default_factory=dict)
    reject_reason: str | None = None
    reject_detail: str | None = None


def decode(content: bytes | None, limits: Limits, wanted: Wanted | None = None) -> Decoded | None:
    """One image from its bytes; null in, null out. A reason is one of ``schemas.reasons.FINGERPRINT``."""
    if content is None:
        return None
    if not content:
        return Decoded(reject_reason="empty_file")
    seen: Mapping[str, Any] = {}
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            seen = _header(image)
            fault = _size_fault(image.size, limits)
            if fault:
                return Decoded(**seen, reject_reason=fault)
            image.decodermaxblock = len(content)  # it is in memory: no need to read it in pieces
            return Decoded(**seen, **_pixels(image, wanted or Wanted()))
    except UnidentifiedImageError:
        return Decoded(reject_reason="not_an_image")
    except Image.DecompressionBombError as error:
        return Decoded(**seen, reject_reason="too_many_pixels", reject_detail=_detail(error))
    except Exception as error:  # decoders raise anything at all on broken data
        return Decoded(**seen, reject_reason=_reason(error), reject_detail=_detail(error))


def _header(image: Image.Image) -> Mapping[str, Any]:
    """Fields of Decoded that are known before the pixels are."""
    return {
        "format": image.format,
        "mode": image.mode,
        "width_px": image.width,
        "height_px": image.height,
        "is_animated": bool(getattr(image, "is_animated", False)),
    }


def _orientation(image: Image.Image) -> int | None:
    """EXIF orientation of a loaded image: of a PNG, ``getexif`` would load the pixels by itself."""
    if image.format == "JPEG" and image.info.keys().isdisjoint(_JPEG_METADATA):
        return None  # as most are
    try:
        found = image.getexif().get(_ORIENTATION)
    except Exception:  # broken EXIF is no reason to lose the image
        return None
    return found if found in range(1, 9) else None


def _size_fault(size: tuple[int, int], limits: Limits) -> str | None:
    width, height = size
    if width * height > limits.max_pixels:
        return "too_many_pixels"
    return "too_small" if min(width, height) < limits.min_side_px else None


def _pixels(image: Image.Image, wanted: Wanted) -> Mapping[str, Any]:
    """Fields of Decoded for which the pixels are loaded; the thumbnail is what imagehash.phash makes of them."""
    if wanted.mode == "fast":
        # Grey straight from the file's luma, if it has one; other formats than JPEG take no notice.
        image.draft("L" if image.mode == "RGB" else None, (_FAST_SIDE_PX, _FAST_SIDE_PX))
    image.load()
    orientation = _orientation(image)
    return {
        "exif_orientation": orientation,
        "pixel_sha256": _pixel_sha256(image, orientation) if wanted.pixel_sha256 else None,
        "thumbnail": thumbnail(image),
        "extra_hashes": {name: str(EXTRA_HASHES[name](image)) for name in wanted.extra_hashes},
    }


def _pixel_sha256(image: Image.Image, orientation: int | None) -> str:
    upright = ImageOps.exif_transpose(image) if orientation not in (None, 1) else image
    # Pillow turns 16-bit and float pixels to RGB by cutting them off at 255: those count as they are.
    as_is = upright.mode == "RGB" or upright.mode[0] in "IF"
    rgb = upright if as_is else upright.convert("RGB")
    return hashlib.sha256(packed_rgb(rgb) if rgb.mode == "RGB" else rgb.tobytes()).hexdigest()


def _reason(error: Exception) -> str:
    text = str(error).lower()
    return "truncated" if "truncated" in text or isinstance(error, EOFError) else "corrupt"


def _detail(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
