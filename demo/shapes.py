"""Drawn things, one function a thing: each draws one specimen in units of its radius, y down, within ±1."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import ImageDraw

Point = tuple[float, float]
Colour = str | tuple[int, int, int]


@dataclass(frozen=True)
class Pen:
    """Draws one specimen: centre (``x``, ``y``) px, radius ``r`` px, turned by ``angle`` rad."""

    draw: ImageDraw.ImageDraw
    x: float
    y: float
    r: float
    angle: float = 0.0

    def at(self, points: Sequence[Point]) -> list[Point]:
        """Unit coordinates to pixels."""
        c, s = self.r * math.cos(self.angle), self.r * math.sin(self.angle)
        return [(self.x + c * u - s * v, self.y + s * u + c * v) for u, v in points]

    def poly(self, points: Sequence[Point], fill: Colour) -> None:
        """A filled polygon."""
        self.draw.polygon(self.at(points), fill=fill)

    def oval(self, u: float, v: float, a: float, b: float, fill: Colour, tilt: float = 0.0) -> None:
        """A filled ellipse with half-axes ``a`` and ``b``, turned by ``tilt`` rad about its own centre."""
        self.poly(ring(a, b, u=u, v=v, tilt=tilt), fill)

    def line(self, points: Sequence[Point], fill: Colour, width: float) -> None:
        """A line with round corners; ``width`` in units of the radius."""
        self.draw.line(self.at(points), fill=fill, width=max(1, round(width * self.r)), joint="curve")


Drawing = Callable[[Pen, np.random.Generator], None]


def ring(a: float, b: float, *, u: float = 0, v: float = 0, tilt: float = 0, n: int = 48) -> list[Point]:
    """``n`` points round an ellipse."""
    c, s = math.cos(tilt), math.sin(tilt)
    turns = [2 * math.pi * k / n for k in range(n)]
    return [
        (u + a * math.cos(t) * c - b * math.sin(t) * s, v + a * math.cos(t) * s + b * math.sin(t) * c)
        for t in turns
    ]


def one_of(rng: np.random.Generator, *colours: str) -> str:
    """A colour drawn at random."""
    return colours[int(rng.integers(len(colours)))]


def goldfish(pen: Pen, rng: np.random.Generator) -> None:
    """A round fish with a forked tail."""
    body, fin = one_of(rng, "#f5821f", "#f9a03f", "#ea5b1b"), one_of(rng, "#ffc168", "#ffd9a0")
    droop = rng.uniform(-0.2, 0.2)
    pen.poly([(0.35, 0), (1.0, -0.55), (0.82, droop), (1.0, 0.6)], fin)
    pen.poly([(-0.2, -0.3), (0.1, -0.75), (0.35, -0.2)], fin)
    pen.poly([(-0.1, 0.3), (0.05, 0.65), (0.3, 0.2)], fin)
    pen.oval(-0.2, 0, 0.68, rng.uniform(0.36, 0.46), body)
    for k in range(3):
        pen.line([(-0.2 + 0.22 * k, -0.2), (-0.12 + 0.22 * k, 0), (-0.2 + 0.22 * k, 0.2)], fin, 0.03)
    pen.oval(-0.62, -0.08, 0.11, 0.11, "#fffaf0")
    pen.oval(-0.64, -0.08, 0.06, 0.06, "#1d1d1f")


def daisy(pen: Pen, rng: np.random.Generator) -> None:
    """A ring of petals round a yellow heart."""
    n = int(rng.integers(11, 19))
    petal, tip = one_of(rng, "#ffffff", "#fdf6ec", "#fbe9f2"), rng.uniform(0.09, 0.14)
    for k in range(n):
        t = 2 * math.pi * k / n
        pen.oval(0.6 * math.cos(t), 0.6 * math.sin(t), 0.38, tip, petal, tilt=t)
    pen.oval(0, 0, 0.3, 0.3, "#e09b12")
    pen.oval(-0.04, -0.04, 0.23, 0.23, "#f7c52b")


def ladybug(pen: Pen, rng: np.random.Generator) -> None:
    """A spotted dome with a dark head."""
    shell = one_of(rng, "#d62828", "#c1121f", "#e85d04")
    for side in (-1, 1):
        for v in (-0.35, 0.05, 0.45):
            pen.line([(side * 0.5, v), (side * 0.95, v + 0.12)], "#17130f", 0.06)
        pen.line([(side * 0.1, -0.85), (side * 0.3, -1.05)], "#17130f", 0.05)
    pen.oval(0, -0.68, 0.36, 0.28, "#1b1713")
    pen.oval(0, 0.08, 0.7, 0.76, shell)
    pen.line([(0, -0.62), (0, 0.84)], "#1b1713", 0.05)
    for u, v in ((0.32, -0.25), (0.42, 0.2), (0.2, 0.52), (0.13, 0.05))[: int(rng.integers(2, 5))]:
        for side in (-1, 1):
            pen.oval(side * u, v, 0.12, 0.12, "#1b1713")


def balloon(pen: Pen, rng: np.random.Generator) -> None:
    """A hot-air balloon with gores and a basket."""
    a, b = (
        one_of(rng, "#e63946", "#f4a261", "#9b5de5", "#00a6a6"),
        one_of(rng, "#fff1d0", "#ffd166", "#f1faee"),
    )
    for side in (-1, 1):
        pen.line([(side * 0.3, 0.4), (side * 0.12, 0.85)], "#5b4636", 0.02)
    pen.poly([(-0.66, 0.05), (0.66, 0.05), (0.2, 0.55), (-0.2, 0.55)], a)
    for k, width in enumerate((0.72, 0.5, 0.28, 0.09)):
        pen.oval(0, -0.2, width, 0.72, a if k % 2 == 0 else b)
    pen.poly([(-0.2, 0.46), (0.2, 0.46), (0.15, 0.56), (-0.15, 0.56)], b)
    pen.poly([(-0.14, 0.8), (0.14, 0.8), (0.11, 1.0), (-0.11, 1.0)], "#8a5a33")


def volcano(pen: Pen, rng: np.random.Generator) -> None:
    """A smoking cone with lava."""
    for k in range(6):
        grey = 215 - 14 * k
        u, v = rng.uniform(-0.12, 0.12) * k, -0.5 - 0.11 * k
        pen.oval(u, v, 0.13 + 0.05 * k, 0.12 + 0.04 * k, (grey, grey, grey - 4))
    rock = one_of(rng, "#4a3b3b", "#3d405b", "#5c4742")
    pen.poly([(-1.2, 0.9), (-0.24, -0.4), (0.24, -0.4), (1.2, 0.9)], rock)
    pen.poly([(-1.2, 0.9), (-0.24, -0.4), (-0.05, -0.4), (-0.35, 0.9)], "#2f2a33")
    pen.oval(0, -0.4, 0.24, 0.07, "#ffb703")
    for k in range(int(rng.integers(2, 5))):
        u = rng.uniform(-0.15, 0.15)
        path = [(u, -0.4), (u * 2 + rng.uniform(-0.1, 0.1), 0), (u * 3.5, rng.uniform(0.3, 0.8))]
        pen.line(path, "#fb5607" if k % 2 else "#ff8c1a", 0.07)


def pizza(pen: Pen, rng: np.random.Generator) -> None:
    """A crust with cheese and toppings, cut into eight."""
    pen.oval(0, 0, 1.0, 1.0, "#b9742f")
    pen.oval(0, 0, 0.93, 0.93, "#d99a4e")
    pen.oval(0, 0, 0.82, 0.82, one_of(rng, "#f6c453", "#f3b63f", "#f2cf6b"))
    for _ in range(int(rng.integers(14, 26))):
        t, d = rng.uniform(0, 2 * math.pi), 0.7 * math.sqrt(rng.uniform(0, 1))
        u, v = d * math.cos(t), d * math.sin(t)
        kind = rng.integers(3)
        if kind == 0:
            pen.oval(u, v, 0.13, 0.13, "#8f1d14")
            pen.oval(u, v, 0.11, 0.11, "#c0392b")
        elif kind == 1:
            pen.oval(u, v, 0.09, 0.04, "#3f7d3a", tilt=t)
        else:
            pen.oval(u, v, 0.07, 0.07, "#2d2a26")
            pen.oval(u, v, 0.03, 0.03, "#f3c55a")
    for k in range(4):
        c, s = 0.95 * math.cos(k * math.pi / 4), 0.95 * math.sin(k * math.pi / 4)
        pen.line([(-c, -s), (c, s)], "#a9672a", 0.015)


def analog_clock(pen: Pen, rng: np.random.Generator) -> None:
    """A dial with twelve marks and two hands."""
    rim, face = (
        one_of(rng, "#22333b", "#7f5539", "#9a031e", "#335c67"),
        one_of(rng, "#fffdf5", "#f3ead7", "#e8eef2"),
    )
    pen.oval(0, 0, 1.0, 1.0, rim)
    pen.oval(0, 0, 0.86, 0.86, face)
    for k in range(12):
        c, s = math.cos(k * math.pi / 6), math.sin(k * math.pi / 6)
        inner = 0.62 if k % 3 == 0 else 0.72
        pen.line([(inner * c, inner * s), (0.8 * c, 0.8 * s)], "#2b2d2f", 0.05)
    for length, width in ((0.42, 0.09), (0.66, 0.06)):
        t = rng.uniform(0, 2 * math.pi)
        pen.line([(0, 0), (length * math.cos(t), length * math.sin(t))], "#1d1f21", width)
    pen.oval(0, 0, 0.07, 0.07, "#c1121f")


def umbrella(pen: Pen, rng: np.random.Generator) -> None:
    """An open canopy of five gores on a hooked stick."""
    a = one_of(rng, "#e63946", "#1d7874", "#5a189a", "#f77f00", "#1d4ed8")
    b = one_of(rng, "#ffe8d6", "#f8f9fa", "#ffd166", a)
    hook = [(0, -0.8), (0, 0.8), (0.04, 0.92), (0.16, 0.96), (0.26, 0.88), (0.28, 0.76)]
    pen.line(hook, "#3b2f2f", 0.06)
    dome = [(math.cos(t), -0.05 + 0.85 * math.sin(t)) for t in np.linspace(math.pi, 2 * math.pi, 41)]
    for k in range(5):
        arc = dome[8 * k : 8 * k + 9]
        (u0, _), (u1, _) = (-1 + 0.4 * k, 0), (-0.6 + 0.4 * k, 0)
        scallop = [(u1, -0.05), ((u0 + u1) / 2, -0.16), (u0, -0.05)]
        pen.poly(
            [*arc, (0, -0.9)] if k in (0, 4) else [(u0, -0.05), (0, -0.9), (u1, -0.05)], a if k % 2 else b
        )
        pen.poly([(u0, -0.05), (0, -0.9), *scallop], a if k % 2 else b)
    pen.line([(0, -0.88), (0, -1.0)], "#3b2f2f", 0.05)


def starfish(pen: Pen, rng: np.random.Generator) -> None:
    """Five tapering arms with rows of dots."""
    skin, dots = one_of(rng, "#e76f51", "#c8553d", "#b5446e", "#f28f3b"), one_of(rng, "#ffd7ba", "#ffe5b4")
    arms = [2 * math.pi * k / 5 + rng.uniform(-0.12, 0.12) for k in range(5)]
    waist = rng.uniform(0.3, 0.4)
    outline = []
    for t in arms:
        for turn, d in ((-0.62, waist), (-0.13, 0.88), (0, 0.98), (0.13, 0.88)):
            outline.append((d * math.cos(t + turn), d * math.sin(t + turn)))
    pen.poly(outline, skin)
    for t in arms:
        for d in (0.15, 0.32, 0.49, 0.66, 0.8):
            pen.oval(d * math.cos(t), d * math.sin(t), 0.055 - 0.03 * d, 0.055 - 0.03 * d, dots)


def lemon(pen: Pen, rng: np.random.Generator) -> None:
    """A whole lemon, or a slice of one."""
    if rng.random() < 0.6:
        pen.oval(0.82, 0, 0.18, 0.13, "#e3b505")
        pen.oval(0, 0, 0.85, rng.uniform(0.56, 0.66), one_of(rng, "#f7d716", "#f4ce0c", "#fbe04a"))
        pen.oval(-0.3, -0.24, 0.28, 0.12, "#fdf0a0", tilt=-0.4)
        pen.poly([(-0.8, -0.05), (-1.0, -0.4), (-0.62, -0.35)], "#3f7d3a")
        return
    pen.oval(0, 0, 0.9, 0.9, "#f2c80f")
    pen.oval(0, 0, 0.8, 0.8, "#fffbe0")
    for k in range(9):
        t, w = 2 * math.pi * k / 9, 0.29
        edge = [(0.74 * math.cos(t + d), 0.74 * math.sin(t + d)) for d in np.linspace(-w, w, 7)]
        pen.poly([(0.08 * math.cos(t), 0.08 * math.sin(t)), *edge], "#fae25a")


def traffic_light(pen: Pen, rng: np.random.Generator) -> None:
    """Three lamps in a dark case, one of them lit."""
    pen.line([(0, 0.8), (0, 1.6)], "#4b4e52", 0.14)
    pen.poly(
        [(-0.42, -1.0), (0.42, -1.0), (0.42, 0.95), (-0.42, 0.95)],
        one_of(rng, "#1f2326", "#3a3f1c", "#d5a021"),
    )
    lit = int(rng.integers(3))
    on, off = ("#ff3b30", "#ffcc00", "#34d058"), ("#4a1512", "#4d3f08", "#0f3d1e")
    for k in range(3):
        pen.oval(0, -0.62 + 0.6 * k, 0.29, 0.29, "#0d0f10")
        pen.oval(0, -0.62 + 0.6 * k, 0.25, 0.25, on[k] if k == lit else off[k])


def jellyfish(pen: Pen, rng: np.random.Generator) -> None:
    """A bell over waving tentacles."""
    bell, glow = one_of(rng, "#c77dff", "#ff9ebb", "#7bdff2", "#f7b267"), "#fff4ff"
    for k in range(int(rng.integers(6, 11))):
        u, phase = rng.uniform(-0.55, 0.55), rng.uniform(0, 6.28)
        path = [
            (u + 0.1 * math.sin(phase + 5 * v), -0.1 + v) for v in np.linspace(0, rng.uniform(0.7, 1.2), 9)
        ]
        pen.line(path, bell if k % 2 else glow, 0.035)
    dome = [(0.72 * math.cos(t), -0.1 + 0.75 * math.sin(t)) for t in np.linspace(math.pi, 2 * math.pi, 25)]
    hem = [(0.72 - 0.18 * k, -0.1 + 0.08 * (k % 2)) for k in range(9)]
    pen.poly([*dome, *hem], bell)
    pen.oval(-0.2, -0.5, 0.22, 0.13, glow, tilt=-0.5)
