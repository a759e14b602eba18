"""Small charts as SVG text: nothing to install, and every browser and README shows them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

_COLOURS = ("#2563eb", "#d97706", "#059669", "#7c3aed", "#dc2626")


def bar_chart(values: Mapping[str, Mapping[str, float]], *, title: str) -> str:
    """Grouped bars of values in [0, 1]: a group for each measure, a colour for each outer key.

    >>> bar_chart({"random": {"c_cov": 0.5}}, title="t").count("<rect")
    3
    """
    measures = list(next(iter(values.values())))
    group_px, height_px, left_px, top_px = 40 + 26 * len(values), 220, 50, 50
    parts = [f'<text x="{left_px}" y="24" font-size="16">{escape(title)}</text>']
    for i, name in enumerate(values):
        x = left_px + 130 * i
        parts.append(f'<rect x="{x}" y="32" width="10" height="10" fill="{_COLOURS[i % 5]}"/>')
        parts.append(f'<text x="{x + 14}" y="41">{escape(name)}</text>')
    for j, measure in enumerate(measures):
        for i, of in enumerate(values.values()):
            tall = height_px * min(1.0, max(0.0, of[measure]))
            x, y = left_px + group_px * j + 26 * i, top_px + height_px - tall
            parts.append(
                f'<rect x="{x}" y="{y:.1f}" width="22" height="{tall:.1f}" fill="{_COLOURS[i % 5]}"/>'
            )
            parts.append(f'<text x="{x}" y="{y - 3:.1f}" font-size="9">{of[measure]:.2f}</text>')
        parts.append(
            f'<text x="{left_px + group_px * j}" y="{top_px + height_px + 18}">{escape(measure)}</text>'
        )
    width_px = left_px + max(group_px * len(measures), 130 * len(values)) + 20
    return _svg(parts, width_px, top_px + height_px + 40, title)


def line_chart(curves: Mapping[str, Sequence[float]], *, title: str, x_title: str, y_title: str) -> str:
    """Curves of values ≥ 0 at equal steps from 0 to 100 %, on a logarithmic scale of 1 + value.

    >>> line_chart({"a": [9, 3, 1]}, title="t", x_title="x", y_title="y").count("<polyline")
    1
    """
    width_px, height_px, left_px, top_px = 560, 260, 60, 60
    top = max(1.0, *(max(curve) for curve in curves.values()))

    def y_of(value: float) -> float:
        return top_px + height_px * (1 - math.log1p(value) / math.log1p(top))

    parts = [f'<text x="{left_px}" y="24" font-size="16">{escape(title)}</text>']
    ticks = [10**k for k in range(math.floor(math.log10(top)) + 1)]
    for tick in [0, *ticks]:
        y = y_of(tick)
        parts.append(f'<path d="M{left_px} {y:.1f}h{width_px}" stroke="#ddd"/>')
        parts.append(f'<text x="{left_px - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:,}</text>')
    for i, (name, curve) in enumerate(curves.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        step = width_px / max(1, len(curve) - 1)
        points = " ".join(f"{left_px + k * step:.1f},{y_of(value):.1f}" for k, value in enumerate(curve))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        x = left_px + min(180, width_px // len(curves)) * i
        parts.append(f'<rect x="{x}" y="36" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 14}" y="45">{escape(name)}</text>')
    middle, below = left_px + width_px / 2, top_px + height_px + 20
    parts.append(f'<text x="{middle}" y="{below}" text-anchor="middle">{escape(x_title)}</text>')
    parts.append(f'<text x="{left_px}" y="{top_px - 6}" text-anchor="end">{escape(y_title)}</text>')
    return _svg(parts, left_px + width_px + 20, below + 14, title)


def column_chart(values: Mapping[str, float], *, title: str, x_title: str) -> str:
    """A column for each value ≥ 0, with its name below; every other name where they would touch.

    >>> column_chart({"a": 2, "b": 0}, title="t", x_title="x").count('fill="#2563eb"')
    2
    """
    width_px, height_px, left_px, top_px = 560, 200, 20, 50
    step = width_px / max(1, len(values))
    top = max([*values.values(), 0]) or 1
    longest = max(map(len, values), default=0)
    every = max(1, math.ceil(7.5 * longest / step))
    parts = [f'<text x="{left_px}" y="24" font-size="16">{escape(title)}</text>']
    for place, (name, value) in enumerate(values.items()):
        x, tall = left_px + place * step, height_px * value / top
        middle = x + step / 2
        parts.append(
            f'<rect x="{x + 1:.1f}" y="{top_px + height_px - tall:.1f}" width="{max(1.0, step - 2):.1f}"'
            f' height="{tall:.1f}" fill="{_COLOURS[0]}"/>'
        )
        if value and step > 7 * len(f"{value:,}"):
            y = top_px + height_px - tall - 4
            parts.append(f'<text x="{middle:.1f}" y="{y:.1f}" text-anchor="middle">{value:,}</text>')
        if place % every == 0:
            y = top_px + height_px + 16
            parts.append(f'<text x="{middle:.1f}" y="{y}" text-anchor="middle">{escape(name)}</text>')
    parts.append(f'<path d="M{left_px} {top_px + height_px}h{width_px}" stroke="#888"/>')
    y = top_px + height_px + 36
    parts.append(f'<text x="{left_px + width_px / 2}" y="{y}" text-anchor="middle">{escape(x_title)}</text>')
    return _svg(parts, left_px + width_px + 20, y + 12, title)


def _svg(parts: Sequence[str], width_px: float, height_px: float, title: str) -> str:
    """A picture that scales with its place, and that a screen reader calls by its title."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width_px:g} {height_px:g}" width="{width_px:g}"'
        f' height="{height_px:g}" role="img" aria-label="{escape(title)}" font-family="sans-serif" font-size="12">'
        '<rect width="100%" height="100%" fill="white"/>' + "".join(parts) + "</svg>\n"
    )
