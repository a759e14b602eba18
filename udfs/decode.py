"""Decoding untrusted image bytes within limits. Whatever the bytes are, the answer is a value."""

from __future__ import annotations

import hashlib
import io
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

#: Decoders that untrusted bytes may reach. Formats that run programs (EPS) or are rare in datasets are not here.
#: (MPO, the stereo JPEG of cameras, is opened as JPEG.)
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
_ORIENTATION = 0x0112
#: Side of the square that imagehash's pHash reduces an image to: hash_size × highfreq_factor.
THUMBNAIL_PX = 32


@dataclass(frozen=True)
class Limits:
    """What one image may cost."""

    max_pixels: int = 100_000_000
    min_side_px: int = 8
    decode_seconds: float = 20.0


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
    reject_reason: str | None = None
    reject_detail: str | None = None


class _TookTooLongError(Exception):
    pass


def decode(content: bytes | None, limits: Limits) -> Decoded | None:
    """One image from its bytes; null in, null out. A reason is one of ``schemas.reasons.FINGERPRINT``."""
    if content is None:
        return None
    if not content:
        return Decoded(reject_reason="empty_file")
    seen = Decoded()
    try:
        with _deadline(limits.decode_seconds), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                seen = _header(image)
                fault = _size_fault(seen, limits)
                if fault:
                    return replace(seen, reject_reason=fault)
                return _pixels(image, seen)
    except _TookTooLongError:
        return replace(seen, reject_reason="decode_timeout", reject_detail=f"{limits.decode_seconds} s")
    except UnidentifiedImageError:
        return Decoded(reject_reason="not_an_image")
    except Image.DecompressionBombError as error:
        return replace(seen, reject_reason="too_many_pixels", reject_detail=_detail(error))
    except Exception as error:  # decoders raise anything at all on broken data
        return replace(seen, reject_reason=_reason(error), reject_detail=_detail(error))


def _header(image: Image.Image) -> Decoded:
    return Decoded(
        format=image.format,
        mode=image.mode,
        width_px=image.width,
        height_px=image.height,
        is_animated=bool(getattr(image, "is_animated", False)),
    )


def _orientation(image: Image.Image) -> int | None:
    """EXIF orientation of a loaded image: of a PNG, ``getexif`` would load the pixels by itself."""
    try:
        found = image.getexif().get(_ORIENTATION)
    except Exception:  # broken EXIF is no reason to lose the image
        return None
    return found if found in range(1, 9) else None


def _size_fault(seen: Decoded, limits: Limits) -> str | None:
    width, height = seen.width_px or 0, seen.height_px or 0
    if width * height > limits.max_pixels:
        return "too_many_pixels"
    return "too_small" if min(width, height) < limits.min_side_px else None


def _pixels(image: Image.Image, seen: Decoded) -> Decoded:
    """Load the pixels once; the thumbnail is what imagehash.phash makes of the image as stored."""
    image.load()
    orientation = _orientation(image)
    thumbnail = image.convert("L").resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS)
    upright = ImageOps.exif_transpose(image) if orientation not in (None, 1) else image
    # Pillow turns 16-bit and float pixels to RGB by cutting them off at 255: those count as they are.
    as_is = upright.mode == "RGB" or upright.mode[0] in "IF"
    rgb = upright if as_is else upright.convert("RGB")
    return replace(
        seen,
        exif_orientation=orientation,
        pixel_sha256=hashlib.sha256(rgb.tobytes()).hexdigest(),
        thumbnail=np.asarray(thumbnail),
    )


def _reason(error: Exception) -> str:
    text = str(error).lower()
    return "truncated" if "truncated" in text or isinstance(error, EOFError) else "corrupt"


def _detail(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Interrupt the block after ``seconds``, where signals can: in the main thread, as Spark's workers are."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise _TookTooLongError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
