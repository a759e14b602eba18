"""The thumbnail is Pillow's, to the bit: for every side that pixels can have, and for pixels that ring most."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from synlake.udfs import resample

SEEDS = st.integers(0, 2**32 - 1)


def oracle(grey):
    return np.asarray(grey.resize((32, 32), Image.Resampling.LANCZOS))


@given(st.integers(1, 600), st.integers(1, 600), SEEDS, st.sampled_from(["noise", "black and white", "ramp"]))
def test_any_image_reduces_as_pillow_does(width, height, seed, kind):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    if kind == "black and white":  # Lanczos overshoots here, and Pillow clips
        pixels = np.where(pixels > 127, 255, 0).astype(np.uint8)
    if kind == "ramp":
        pixels = np.broadcast_to((np.arange(width) * 255 // width).astype(np.uint8), (height, width)).copy()
    grey = Image.fromarray(pixels)
    assert np.array_equal(resample.thumbnail(grey), oracle(grey))


@pytest.mark.parametrize("across", [True, False])
def test_every_side_up_to_the_largest_reduces_as_pillow_does(across):
    rng = np.random.default_rng(5)
    for side in range(1, 2051):
        pixels = rng.integers(0, 256, (3, side), np.uint8)
        grey = Image.fromarray(pixels if across else pixels.T.copy())
        assert np.array_equal(resample.thumbnail(grey), oracle(grey)), side


def test_it_is_not_pillow_all_along(monkeypatch):
    monkeypatch.setattr(Image.Image, "resize", None)
    assert resample.thumbnail(Image.new("L", (500, 375), 7)).tolist() == [[7] * 32] * 32
