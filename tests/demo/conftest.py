from __future__ import annotations

from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import Image

from synlake.demo.planted import Planted
from synlake.demo.pool import write_pool


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """A small pool, written once."""
    return write_pool(tmp_path_factory.mktemp("demo") / "images", n_images=150, seed=7)


@pytest.fixture(scope="session")
def hashes(pool: Planted) -> dict[str, np.ndarray]:
    """path → the 64 bits of imagehash's own pHash, of every sound image."""
    return {file.path: _phash(pool.folder / file.path) for file in pool.images}


def _phash(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return imagehash.phash(image).hash.ravel()
