"""Pictures to bytes of many formats and modes, copies of them, and files that are no images at all."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont

#: Way of storing → ending of the file's name.
ENDINGS = {
    "jpeg": ".jpg",
    "jpeg-turned": ".jpg",
    "jpeg-grey": ".JPEG",
    "jpeg-cmyk": ".jpeg",
    "png": ".png",
    "png-palette": ".png",
    "png-alpha": ".png",
    "png-16bit": ".png",
    "webp": ".webp",
    "gif": ".gif",
    "gif-animated": ".gif",
    "bmp": ".bmp",
    "tiff": ".tif",
}
#: How often each is used, out of 32; 16-bit PNGs are planted apart, one a synset.
_SHARES = {
    "jpeg": 14,
    "jpeg-turned": 2,
    "jpeg-grey": 2,
    "jpeg-cmyk": 1,
    "png": 3,
    "png-palette": 1,
    "png-alpha": 1,
    "webp": 3,
    "gif": 1,
    "gif-animated": 1,
    "bmp": 1,
    "tiff": 2,
}
DECK = tuple(way for way, share in _SHARES.items() for _ in range(share))
#: Stored otherwise than upright 8-bit pixels: no copies are made of these.
NOT_COPIED = ("jpeg-turned", "png-16bit")
#: EXIF orientation → how upright pixels are turned to be stored with it.
_TURNS = {
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}
_ORIENTATION = 0x0112


def encode(picture: Image.Image, way: str, rng: np.random.Generator) -> bytes:
    """A picture (RGB) in one of :data:`ENDINGS`; the same bytes for the same state of ``rng`` and Pillow."""
    quality = int(rng.integers(72, 97))
    if way == "jpeg-turned":
        return _turned(picture, int(rng.choice(list(_TURNS))), quality)
    if way == "png-16bit":
        return _saved(_sixteen_bit(picture), "PNG", compress_level=3)
    if way == "gif-animated":
        frames = [
            picture.quantize(64, dither=Image.Dither.NONE),
            picture.transpose(Image.Transpose.ROTATE_180),
        ]
        return _saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=400, loop=0)
    plain: dict[str, Callable[[], bytes]] = {
        "jpeg": lambda: _saved(picture, "JPEG", quality=quality),
        "jpeg-grey": lambda: _saved(picture.convert("L"), "JPEG", quality=quality),
        "jpeg-cmyk": lambda: _saved(picture.convert("CMYK"), "JPEG", quality=quality),
        "png": lambda: _saved(picture, "PNG", compress_level=3),
        "png-palette": lambda: _saved(picture.quantize(96), "PNG", compress_level=3),
        "png-alpha": lambda: _saved(_with_alpha(picture), "PNG", compress_level=3),
        "webp": lambda: _saved(picture, "WEBP", quality=quality, method=2),
        "gif": lambda: _saved(picture.quantize(128), "GIF"),
        "bmp": lambda: _saved(picture, "BMP"),
        # Not LZW: libtiff leaves a few bytes of its padding to chance.
        "tiff": lambda: _saved(picture, "TIFF"),
    }
    return plain[way]()


def copy_of(content: bytes, kind: str, rng: np.random.Generator) -> tuple[bytes, str]:
    """A copy of an image, as (bytes, ending of its name). ``kind`` is one of ``pool.COPIES``.

    - ``exact``: the same bytes.
    - ``re-encoded``: a JPEG at quality 50; as WebP at quality 60 where the original is no JPEG.
    - ``resized``: half the width and height.
    - ``cropped``: 2 to 4 % of the width and of the height cut off, from any sides.
    - ``watermarked``: a line of half-transparent text in one corner.
    """
    stored = Image.open(io.BytesIO(content))
    ending = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp", "TIFF": ".tif"}
    if kind == "exact":
        return content, ending[str(stored.format)]
    picture = stored.convert("RGB")
    width, height = picture.size
    if kind == "re-encoded":
        if stored.format == "JPEG":
            return _saved(picture, "JPEG", quality=50), ".jpg"
        return _saved(picture, "WEBP", quality=60, method=2), ".webp"
    if kind == "resized":
        picture = picture.resize((width // 2, height // 2), Image.Resampling.LANCZOS)
    elif kind == "cropped":
        cut_x, cut_y = rng.uniform(0.02, 0.04, 2) * (width, height)
        left, top = rng.uniform(0, 1, 2) * (cut_x, cut_y)
        box = (round(left), round(top), round(width - cut_x + left), round(height - cut_y + top))
        picture = picture.crop(box)
    else:
        picture = _watermarked(picture, rng)
    return _saved(picture, "JPEG", quality=88), ".jpg"


def broken_files(picture: Image.Image) -> dict[str, tuple[bytes, str]]:
    """Hostile and corrupt files: name → (bytes, the ``reject_reason`` that ``fingerprints`` is to give)."""
    jpeg, png = _saved(picture, "JPEG", quality=85), _saved(picture, "PNG", compress_level=1)
    return {
        "zero_bytes.jpg": (b"", "empty_file"),
        "cut_off.jpg": (jpeg[: len(jpeg) // 2], "truncated"),
        "cut_off.png": (png[: len(png) // 2], "truncated"),
        "text.jpg": (b"<html><body>404: this image has moved</body></html>\n", "not_an_image"),
        "bomb.png": (_bomb(20_000, 20_000), "too_many_pixels"),
        "tracking_pixel.gif": (_saved(Image.new("P", (1, 1)), "GIF"), "too_small"),
        "bit_rot.png": (_rotten(png), "corrupt"),
    }


def _saved(image: Image.Image, file_format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def _turned(picture: Image.Image, orientation: int, quality: int) -> bytes:
    """As a camera stores it: turned pixels, and the EXIF tag that says how to turn them back."""
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    return _saved(picture.transpose(_TURNS[orientation]), "JPEG", quality=quality, exif=exif)


def _sixteen_bit(picture: Image.Image) -> Image.Image:
    grey = np.asarray(picture.convert("L"), np.uint16)
    return Image.fromarray(grey * np.uint16(257))


def _with_alpha(picture: Image.Image) -> Image.Image:
    """Fading out towards the corners."""
    vignette = Image.radial_gradient("L").resize(picture.size, Image.Resampling.BILINEAR)
    with_alpha = picture.copy()
    with_alpha.putalpha(vignette.point([255 - max(0, k - 130) for k in range(256)]))
    return with_alpha


def _watermarked(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    layer = Image.new("RGBA", picture.size)
    draw = ImageDraw.Draw(layer)
    font = ImageFont.load_default(max(9.0, min(picture.size) / 14))
    text = "© synthetic stock"
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    margin = max(2, min(picture.size) // 40)
    x = margin if rng.random() < 0.5 else picture.width - right - margin
    y = margin if rng.random() < 0.5 else picture.height - bottom - margin
    draw.text((x - left, y - top), text, fill=(255, 255, 255, 190), font=font)
    return Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@functools.cache
def _bomb(width: int, height: int) -> bytes:
    """A valid PNG of one colour: under 1 MB of file, ``width`` × ``height`` bytes once decoded."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    row = bytes(width + 1)
    packed = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _rotten(png: bytes) -> bytes:
    """The same PNG with its first bytes of image data overwritten: the checksum and the stream are wrong."""
    start = png.index(b"IDAT") + 4
    return png[:start] + b"\xde\xad\xbe\xef" * 16 + png[start + 64 :]
