"""Procedural pictures of synsets: clearly synthetic, rich enough that any two are far apart in pHash.

A picture is layered as a simple photograph is: a backdrop of octave noise in the synset's palette, one or
several drawn specimens with a soft shadow, a field of light and shade over everything, and a little grain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter

from synlake.demo import patterns, shapes
from synlake.demo.shapes import Drawing, Pen

Field = npt.NDArray[np.float32]
#: Specimens are drawn this many times larger and reduced, for smooth edges.
_OVERSAMPLING = 2
#: Longest side of the backdrop and the light field before they are enlarged, px.
_COARSE_PX = 96


@dataclass(frozen=True)
class Motif:
    """How to picture one synset: its word, what to draw, at most how often, how far it may turn (rad)."""

    name: str
    drawing: Drawing
    backdrop: tuple[str, ...]
    most: int = 1
    turn: float = math.pi
    fills_frame: bool = False


#: WordNet 3.0 id → how it is pictured. The first has the most images, the last the fewest.
MOTIFS = {
    "n11939491": Motif("daisy", shapes.daisy, ("#12331c", "#3f7d3a", "#8fb339", "#dbe7a0"), most=9),
    "n01443537": Motif(
        "goldfish", shapes.goldfish, ("#063c4a", "#0f7c8c", "#5cc6c4", "#d4f2e7"), most=4, turn=0.6
    ),
    "n07873807": Motif("pizza", shapes.pizza, ("#3b1f14", "#7b4a2d", "#b98b5e", "#e8d3b0"), most=2),
    "n02165456": Motif("ladybug", shapes.ladybug, ("#173d1b", "#4f8a32", "#a5c95a", "#eef3b8"), most=4),
    "n02782093": Motif(
        "balloon", shapes.balloon, ("#3a6ea5", "#8fc1e3", "#f9e1c0", "#ffb997"), most=5, turn=0.15
    ),
    "n02708093": Motif(
        "analog clock", shapes.analog_clock, ("#3e2f2b", "#8a7663", "#c9b79c", "#efe6d5"), most=2, turn=0.2
    ),
    "n02391049": Motif("zebra", patterns.zebra, ("#b59a6a", "#e3cf9f"), fills_frame=True),
    "n02317335": Motif("starfish", shapes.starfish, ("#a98a5b", "#d8bf8c", "#f0e2bd", "#7fb7be"), most=4),
    "n07749582": Motif("lemon", shapes.lemon, ("#1f3b4d", "#37718e", "#8db1ab", "#e9efe5"), most=6),
    "n04507155": Motif(
        "umbrella", shapes.umbrella, ("#2f3e46", "#6b7f8a", "#b8c4c9", "#e6ebec"), most=4, turn=0.5
    ),
    "n03530642": Motif("honeycomb", patterns.honeycomb, ("#7a4a0c", "#c27c0e"), fills_frame=True),
    "n01910747": Motif(
        "jellyfish", shapes.jellyfish, ("#050b2e", "#0b2a6f", "#1d5fa8", "#3fa7d6"), most=5, turn=0.7
    ),
    "n09472597": Motif(
        "volcano", shapes.volcano, ("#2b1b3d", "#8d3b72", "#f08a5d", "#f9d56e"), most=2, turn=0.06
    ),
    "n06874185": Motif(
        "traffic light", shapes.traffic_light, ("#1b2a41", "#53687e", "#a9b4c2", "#e4dccf"), most=3, turn=0.12
    ),
    "n04033995": Motif("quilt", patterns.quilt, ("#6d597a", "#eaac8b"), fills_frame=True),
    "n03733281": Motif("maze", patterns.maze, ("#3c6e47", "#dfe7d3"), fills_frame=True),
}


def paint(synset_id: str, width_px: int, height_px: int, rng: np.random.Generator) -> Image.Image:
    """A picture of the synset, mode RGB; the same for the same state of ``rng``."""
    motif = MOTIFS[synset_id]
    size = (width_px, height_px)
    picture = _backdrop(motif, size, rng)
    layer = _specimens(motif, size, rng)
    if not motif.fills_frame:
        picture = ImageChops.multiply(picture, _shadow(layer))
    picture.paste(layer, (0, 0), layer)
    return _lit(picture, motif, rng)


def noise(shape: tuple[int, int], rng: np.random.Generator, *, fade: float = 0.62) -> Field:
    """Octave noise of (height, width): random grids of 2, 4, 8 … cells, enlarged and summed, within 0 to 1.

    ``fade`` is the weight of each octave relative to the one before.
    """
    height, width = shape
    total = np.zeros(shape, np.float32)
    weight = 1.0
    for cells in (2, 4, 8, 16):
        grid = rng.random((cells + 1, cells + 1), dtype=np.float32)
        enlarged = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
        total += np.float32(weight) * np.asarray(enlarged)
        weight *= fade
    low, high = float(total.min()), float(total.max())
    return (total - np.float32(low)) / np.float32(max(high - low, 1e-6))


def _coarse(size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of fields that are computed small and enlarged."""
    width, height = size
    scale = _COARSE_PX / max(size)
    return max(8, round(height * scale)), max(8, round(width * scale))


def _backdrop(motif: Motif, size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """Noise, tilted by a gradient, through the palette."""
    height, width = _coarse(size)
    level = noise((height, width), rng)
    slope = rng.uniform(-0.5, 0.5, 2)
    v, u = np.mgrid[-0.5 : 0.5 : complex(height), -0.5 : 0.5 : complex(width)]
    level = np.clip(level + slope[0] * u + slope[1] * v, 0, 1)
    palette = np.array([ImageColor.getrgb(colour) for colour in motif.backdrop], np.float32)
    stops = np.linspace(0, 1, len(palette))
    channels = [np.interp(level, stops, palette[:, k]) for k in range(3)]
    small = Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))
    return small.resize(size, Image.Resampling.BICUBIC)


def _specimens(motif: Motif, size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """The drawn layer, RGBA, transparent where nothing is."""
    width, height = size[0] * _OVERSAMPLING, size[1] * _OVERSAMPLING
    layer = Image.new("RGBA", (width, height))
    draw = ImageDraw.Draw(layer)
    if motif.fills_frame:
        reach = rng.uniform(0.45, 0.7) * math.hypot(width, height)
        place = rng.uniform(0.4, 0.6, 2)
        motif.drawing(
            Pen(draw, place[0] * width, place[1] * height, reach, rng.uniform(-math.pi, math.pi)), rng
        )
        return layer.reduce(_OVERSAMPLING)
    count = int(rng.integers(1, motif.most + 1))
    largest = min(width, height) * 0.48 / math.sqrt(count) * rng.uniform(0.85, 1.3)
    for k in range(count):
        u, v = rng.uniform(0.3, 0.7, 2) if count == 1 else rng.uniform(0.12, 0.88, 2)
        radius = largest * (1.0 if k == count - 1 else rng.uniform(0.45, 1.0))
        motif.drawing(Pen(draw, u * width, v * height, radius, rng.uniform(-motif.turn, motif.turn)), rng)
    return layer.reduce(_OVERSAMPLING)


def _shadow(layer: Image.Image) -> Image.Image:
    """What the layer's soft shadow leaves of the light, RGB."""
    offset = max(2, min(layer.size) // 40)
    alpha = ImageChops.offset(layer.getchannel("A"), offset, offset)
    shade = alpha.filter(ImageFilter.BoxBlur(offset)).point([255 - round(0.45 * k) for k in range(256)])
    return Image.merge("RGB", (shade, shade, shade))


def _lit(picture: Image.Image, motif: Motif, rng: np.random.Generator) -> Image.Image:
    """Light and shade over everything, and grain. Pictures that fill the frame need more of it to differ."""
    contrast = 0.75 if motif.fills_frame else 0.45
    field = noise(_coarse(picture.size), rng, fade=0.85)
    light = 1.08 - contrast + contrast * 1.1 * field
    small = Image.fromarray(light.astype(np.float32))
    light = np.asarray(small.resize(picture.size, Image.Resampling.BICUBIC))
    grain = rng.integers(-4, 5, (picture.height, picture.width), dtype=np.int8)
    lit = np.asarray(picture, np.float32) * light[..., None] + grain[..., None]
    return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))
