"""As many pHashes of real pictures as are wanted: windows of real images, and the transforms of each window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from transforms import TRANSFORMS

from synlake.udfs.phash import phash
from synlake.udfs.resample import THUMBNAIL_PX

#: Side of a window once it is reduced: pHash sees 32 pixels of it.
_WINDOW_PX = 64
#: The text is of a fixed size, larger than a window; WebP takes longer than all others together.
_LEFT_OUT = ("text", "PNG → WebP 80")


def real_hashes(folder: Path, n: int, *, seed: int = 5) -> npt.NDArray[np.uint64]:
    """(n,) in no order: squares of a third to all of an image's shorter side, and 18 transforms of each."""
    paths = sorted(path for path in folder.iterdir() if path.is_file())
    transforms = [one for name, one in TRANSFORMS.items() if name not in _LEFT_OUT]
    n_windows = -(-n // (len(transforms) + 1))
    random = np.random.default_rng(seed)
    shares = np.diff(np.linspace(0, n_windows, len(paths) + 1).astype(int))
    found = []
    for path, n_own in zip(paths, shares.tolist(), strict=True):
        with Image.open(path) as opened:
            windows = _windows(opened.convert("RGB"), n_own, random)
        pictures = [p for window in windows for p in (window, *(one(window) for one in transforms))]
        if pictures:
            found.append(phash(np.stack([_thumbnail(picture) for picture in pictures])))
    hashes = np.concatenate(found).view(np.uint64)
    random.shuffle(hashes)
    return hashes[:n]


def _windows(image: Image.Image, n: int, random: np.random.Generator) -> Iterator[Image.Image]:
    shorter = min(image.size)
    for side in random.integers(max(1, shorter // 3), shorter + 1, n).tolist():
        left, top = (int(random.integers(0, length - side + 1)) for length in image.size)
        box = (left, top, left + side, top + side)
        yield image.resize((_WINDOW_PX, _WINDOW_PX), Image.Resampling.BILINEAR, box, reducing_gap=2.0)


def _thumbnail(image: Image.Image) -> npt.NDArray[np.uint8]:
    grey = image.convert("L").resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS)
    return np.asarray(grey)
