"""Twenty ways in which the same picture comes back: each a function of an image, its bytes re-encoded.

Seeded where they draw anything; the image's own bytes decide, so that order and number of images do not.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

Transform = Callable[[Image.Image], Image.Image]


def _encoded(image: Image.Image, **options: object) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, **options)  # type: ignore[arg-type]
    return Image.open(io.BytesIO(stream.getvalue()))


def _jpeg(quality: int) -> Transform:
    return lambda image: _encoded(image, format="JPEG", quality=quality)


def _resized(share: float) -> Transform:
    return lambda image: image.resize(
        (max(8, round(image.width * share)), max(8, round(image.height * share))), Image.Resampling.BICUBIC
    )


def _cropped(share: float) -> Transform:
    """Cut ``share`` of width and height, half on each side."""

    def crop(image: Image.Image) -> Image.Image:
        dx, dy = round(image.width * share / 2), round(image.height * share / 2)
        return image.crop((dx, dy, image.width - dx, image.height - dy))

    return crop


def _gamma(image: Image.Image) -> Image.Image:
    return image.point([round(255 * (value / 255) ** 0.8) for value in range(256)] * 3)


def _noise(image: Image.Image) -> Image.Image:
    pixels = np.asarray(image, np.float64)
    random = np.random.default_rng(zlib.crc32(image.tobytes()))
    return Image.fromarray(np.clip(pixels + random.normal(0, 12, pixels.shape), 0, 255).astype(np.uint8))


def _text(image: Image.Image) -> Image.Image:
    marked = image.copy()
    ImageDraw.Draw(marked).text((10, image.height - 30), "(c) photographer", "white", font_size=24)
    return marked


def _logo(image: Image.Image) -> Image.Image:
    """A filled disc in a corner, an eighth of the width across."""
    marked, size = image.copy(), image.width // 8
    corner = (image.width - size - 8, 8, image.width - 8, 8 + size)
    ImageDraw.Draw(marked).ellipse(corner, fill=(230, 60, 40), outline="white", width=3)
    return marked


def _rotated(image: Image.Image) -> Image.Image:
    return image.rotate(2, Image.Resampling.BICUBIC)


TRANSFORMS: dict[str, Transform] = {
    "JPEG 80": _jpeg(80),
    "JPEG 50": _jpeg(50),
    "JPEG 30": _jpeg(30),
    "resize ½": _resized(0.5),
    "resize ¼": _resized(0.25),
    "crop 2 %": _cropped(0.02),
    "crop 5 %": _cropped(0.05),
    "crop 10 %": _cropped(0.10),
    "brightness +20 %": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "contrast +20 %": lambda image: ImageEnhance.Contrast(image).enhance(1.2),
    "gamma 0.8": _gamma,
    "blur 2 px": lambda image: image.filter(ImageFilter.GaussianBlur(2)),
    "noise σ 12": _noise,
    "rotation 2°": _rotated,
    "mirror": ImageOps.mirror,
    "border 5 %": lambda image: ImageOps.expand(image, round(image.width * 0.05), fill="black"),
    "text": _text,
    "logo": _logo,
    "greyscale": lambda image: image.convert("L").convert("RGB"),
    "PNG → WebP 80": lambda image: _encoded(_encoded(image, format="PNG"), format="WEBP", quality=80),
}
