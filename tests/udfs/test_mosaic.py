from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from synlake.methods.mosaic_plan import plan_mosaics
from synlake.udfs import mosaic
from synlake.udfs.mosaic import strip, strips, tile


def encoded(image: Image.Image, kind: str = "PNG", **more) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **more)
    return stream.getvalue()


NOISE = encoded(Image.fromarray(np.random.default_rng(7).integers(0, 256, (300, 400, 3), np.uint8)))


def test_a_strip_shows_the_images_in_order_and_leaves_out_broken_ones():
    red, blue = (encoded(Image.new("RGB", (90, 50), colour)) for colour in ("red", "blue"))
    n_tiles, jpeg = strip([red, b"nothing", red[:60], blue], tile_px=40, max_bytes=9999)
    with Image.open(io.BytesIO(jpeg)) as image:
        assert (n_tiles, image.size, image.format) == (2, (82, 40), "JPEG")
        (r, _, b), (r2, _, b2) = image.getpixel((20, 20)), image.getpixel((62, 20))
    assert (r > 200, b < 60, r2 < 60, b2 > 200) == (True, True, True, True)
    assert strip([b"nothing"], tile_px=40, max_bytes=9999) is None


@pytest.mark.parametrize("max_bytes", [700, 1500, 4000, 20_000])
def test_the_worst_of_images_still_fits_its_bytes(max_bytes):
    found = strip([NOISE] * 6, tile_px=56, max_bytes=max_bytes)
    assert found is None or len(found[1]) <= max_bytes
    assert max_bytes < 2000 or found is not None


def test_the_middle_is_shown_upright_on_white():
    wide = Image.new("RGBA", (300, 100), (0, 0, 0, 0))
    wide.paste("green", (100, 0, 200, 100))
    assert tile(encoded(wide), 10).getpixel((5, 5)) == (0, 128, 0)
    assert tile(encoded(Image.new("RGBA", (30, 30), (0, 0, 0, 0))), 10).getpixel((5, 5)) == (255, 255, 255)
    tall = Image.new("RGB", (60, 60), "black")
    tall.paste("white", (0, 0, 60, 30))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    turned = tile(encoded(tall, "JPEG", exif=exif), 20)
    assert turned.getpixel((10, 3))[0] < 60 < 200 < turned.getpixel((10, 16))[0]


def test_sixteen_bits_are_not_cut_off_at_eight():
    ramp = Image.fromarray(np.tile(np.linspace(0, 60_000, 64, dtype=np.uint16), (64, 1)))
    shown = tile(encoded(ramp), 32)
    assert (
        shown.getpixel((2, 9))[0]
        < 40
        < 110
        < shown.getpixel((16, 9))[0]
        < 150
        < 215
        < shown.getpixel((29, 9))[0]
    )


@pytest.mark.parametrize("n_classes", [1, 16, 300, 1000, 5000])
def test_all_classes_together_keep_to_the_bytes(n_classes):
    plan = plan_mosaics(n_classes, 2_500_000)
    in_base64 = -(-plan.max_bytes // 3) * 4
    assert n_classes * in_base64 <= 2_500_000 + 4 * n_classes
    assert strip([NOISE] * plan.n_tiles, tile_px=plan.tile_px, max_bytes=max(plan.max_bytes, 2000))


def test_strips_of_many_tasks_are_those_of_one_loop(spark):
    colours = ("red", "blue", "green", "yellow")
    tiles = [encoded(Image.new("RGB", (60 + 7 * k, 50), colour)) for k, colour in enumerate(colours)]
    wanted = {
        f"s{n}": [tiles[(n + k) % 4] for k in range(1 + n % 4)] + [b"nothing"] * (n % 2) for n in range(30)
    }
    wanted["broken"] = [b"nothing", NOISE[:100]]
    given = [
        (key, turn, len(one), bytearray(one))
        for key, many in wanted.items()
        for turn, one in reversed([*enumerate(many)])
    ]
    images = spark.createDataFrame(given, "strip_id string, turn int, size_bytes long, bytes binary")
    found = strips(images, tile_px=24, max_bytes=4000).collect()
    expected = {key: strip(many, tile_px=24, max_bytes=4000) for key, many in wanted.items()}
    assert {row["strip_id"]: (row["n_tiles"], bytes(row["jpeg"])) for row in found} == {
        key: one for key, one in expected.items() if one is not None
    }
    assert len(found) == 30


def test_no_strip_is_cut_where_many_are_made_together(monkeypatch):
    monkeypatch.setattr(mosaic, "_TOGETHER_BYTES", 10)
    rows = [{"strip_id": key, "bytes": b"four"} for key in "aabbbbccd"]
    found = [[(key, len(many)) for key, many in one] for one in mosaic._together(rows)]
    assert found == [[("a", 2), ("b", 4)], [("c", 2), ("d", 1)]]
