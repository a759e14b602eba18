"""Drawn things that fill the frame: stripes, cells, patches, walls. Unit coordinates run a little past ±1."""

from __future__ import annotations

import math

import numpy as np

from synlake.demo.shapes import Pen, one_of


def zebra(pen: Pen, rng: np.random.Generator) -> None:
    """A striped flank, close up."""
    n, bend, phase = int(rng.integers(7, 13)), rng.uniform(0.05, 0.2), rng.uniform(0, 6.28)
    ink, along = one_of(rng, "#17151a", "#231f20", "#2b211c"), np.linspace(-1.5, 1.5, 25)
    pen.poly([(-2, -2), (2, -2), (2, 2), (-2, 2)], one_of(rng, "#f7f3ec", "#efe6da", "#ffffff"))
    for k in range(n):
        middle, width = -1.4 + 2.8 * (k + rng.uniform(0.1, 0.9)) / n, rng.uniform(0.3, 0.62) * 1.4 / n
        path = [(float(v), middle + bend * math.sin(phase + 2.2 * v + 0.25 * k)) for v in along]
        taper = [width * (0.45 + 0.55 * math.cos(v * 0.9)) for v, _ in path]
        top = [(u, v - t) for (u, v), t in zip(path, taper, strict=True)]
        under = [(u, v + t) for (u, v), t in zip(path, taper, strict=True)]
        pen.poly([*top, *reversed(under)], ink)


def honeycomb(pen: Pen, rng: np.random.Generator) -> None:
    """Six-sided cells, some of them sealed, some full of honey."""
    size = rng.uniform(0.13, 0.26)
    pen.poly([(-2, -2), (2, -2), (2, 2), (-2, 2)], "#7a4a0c")
    fills = ("#f2a516", "#ffbf2e", "#d98a0b", "#fbd773", "#8d5a12", "#3d2506")
    weights = rng.dirichlet(np.full(len(fills), 0.8))
    step_u, step_v, reach = size * math.sqrt(3), size * 1.5, 1.35
    for row in range(-int(reach / step_v) - 1, int(reach / step_v) + 2):
        for col in range(-int(reach / step_u) - 1, int(reach / step_u) + 2):
            u, v = (col + 0.5 * (row % 2)) * step_u, row * step_v
            corners = [(u + 0.9 * size * math.sin(t), v + 0.9 * size * math.cos(t)) for t in _SIXTHS]
            pen.poly(corners, fills[int(rng.choice(len(fills), p=weights))])


def quilt(pen: Pen, rng: np.random.Generator) -> None:
    """Square patches, each cut its own way, in a few cloths."""
    cloths = _QUILTS[int(rng.integers(len(_QUILTS)))]
    size = rng.uniform(0.3, 0.6)
    n = math.ceil(1.4 / size)
    for row in range(-n, n + 1):
        for col in range(-n, n + 1):
            u, v = col * size, row * size
            a, b = (cloths[int(k)] for k in rng.choice(len(cloths), 2, replace=False))
            square = [(u, v), (u + size, v), (u + size, v + size), (u, v + size)]
            pen.poly(square, a)
            turn, cut = int(rng.integers(4)), rng.integers(3)
            corners = square[turn:] + square[:turn]
            if cut == 0:
                pen.poly(corners[:3], b)
            elif cut == 1:
                pen.oval(u + size / 2, v + size / 2, size * 0.33, size * 0.33, b)
            else:
                pen.poly([*corners[:2], (u + size / 2, v + size / 2)], b)
            pen.line([*square, square[0]], "#fff7ea", 0.012)


def maze(pen: Pen, rng: np.random.Generator) -> None:
    """Walls on a grid with corners to turn at, seen from above."""
    n = int(rng.integers(9, 16))
    wall, size = one_of(rng, "#2d4739", "#3c6e47", "#54433a", "#283044"), 2.8 / n
    pen.poly([(-2, -2), (2, -2), (2, 2), (-2, 2)], one_of(rng, "#efe3c8", "#dfe7d3", "#f2efe9"))
    for row in range(n + 1):
        for col in range(n + 1):
            u, v = -1.4 + col * size, -1.4 + row * size
            # A binary-tree maze: from each corner one wall, right or down, sometimes two cells long.
            reach = size * (1 if rng.random() < 0.6 else 2)
            end = (u + reach, v) if rng.random() < 0.5 else (u, v + reach)
            pen.line([(u, v), end], wall, size * 0.34)
            pen.oval(u, v, size * 0.17, size * 0.17, wall)


_SIXTHS = tuple(k * math.pi / 3 for k in range(6))
_QUILTS = (
    ("#264653", "#2a9d8f", "#e9c46a", "#f4a261", "#e76f51"),
    ("#6d597a", "#b56576", "#e56b6f", "#eaac8b", "#f6e7d8"),
    ("#1d3557", "#457b9d", "#a8dadc", "#f1faee", "#e63946"),
    ("#606c38", "#283618", "#fefae0", "#dda15e", "#bc6c25"),
)
