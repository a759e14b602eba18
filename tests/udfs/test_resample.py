"""The thumbnail is Pillow's, to the bit: for every side that pixels can have, and for pixels that ring most."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from synlake.udfs import resample

SEEDS = st.integers(0, 2**32 - 1)
MODES = st.sampled_from(["L", "RGB", "RGBA", "P", "CMYK", "1"])
KINDS = st.sampled_from(["noise", "black and white", "ramp"])

compiled = pytest.mark.skipif(
    not resample.is_compiled(), reason="no C compiler when synlake was installed: Pillow does it all"
)


@pytest.fixture(params=[pytest.param(True, marks=compiled), False], ids=["compiled", "Pillow"])
def either_way(request, monkeypatch):
    if not request.param:
        monkeypatch.setattr(resample, "_library", lambda: None)


def oracle(image):
    return np.asarray(image.convert("L").resize((32, 32), Image.Resampling.LANCZOS))


def picture(width, height, seed, kind="noise"):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    if kind == "black and white":  # Lanczos overshoots here, and Pillow clips
        pixels = np.where(pixels > 127, 255, 0).astype(np.uint8)
    if kind == "ramp":
        pixels[:] = (np.arange(width) * 255 // width)[None, :, None]
    return Image.fromarray(pixels)


@given(st.integers(1, 600), st.integers(1, 600), SEEDS, KINDS, MODES)
def test_any_image_reduces_as_pillow_does(width, height, seed, kind, mode):
    image = picture(width, height, seed, kind).convert(mode)
    assert np.array_equal(resample.thumbnail(image), oracle(image))


@compiled
@pytest.mark.parametrize("across", [True, False])
def test_every_side_up_to_the_largest_kept_reduces_as_pillow_does(across):
    rng = np.random.default_rng(5)
    for side in [*range(1, 2051), 5000, 30_000]:
        pixels = rng.integers(0, 256, (3 if side < 301 else 21 if side < 2100 else 300, side), np.uint8)
        image = Image.fromarray(pixels if across else pixels.T.copy())
        assert np.array_equal(resample.thumbnail(image), oracle(image)), side


@pytest.mark.parametrize("size", [(1, 99), (1, 100), (1, 101), (3, 300), (3, 301), (2, 1000), (300, 3)])
def test_very_tall_images_are_reduced_in_pillows_other_order(size):
    image = picture(*size, seed=1)
    assert np.array_equal(resample.thumbnail(image), oracle(image))


def test_an_image_whose_memory_is_not_its_own():
    image = Image.fromarray(np.asarray(picture(70, 50, seed=2).convert("L")))
    assert image.readonly
    assert np.array_equal(resample.thumbnail(image), oracle(image))


@compiled
def test_it_is_not_pillow_all_along(monkeypatch):
    monkeypatch.setattr(Image.Image, "resize", None)
    monkeypatch.setattr(Image.Image, "convert", None)
    assert resample.thumbnail(Image.new("RGB", (500, 375), (7, 7, 7))).tolist() == [[7] * 32] * 32


@pytest.mark.parametrize("size", [(2100, 2100), (4200, 4100)], ids=["grey in one piece", "in pieces"])
@pytest.mark.usefixtures("either_way")
def test_an_image_that_pillow_holds_in_pieces(size):
    image = picture(64, 64, seed=3).resize(size)
    assert np.array_equal(resample.thumbnail(image), oracle(image))
    assert bytes(resample.packed_rgb(image)) == image.tobytes()


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 5), (500, 375)])
def test_packed_rgb_is_what_pillow_has(size):
    image = picture(*size, seed=size[0])
    assert bytes(resample.packed_rgb(image)) == image.tobytes()
