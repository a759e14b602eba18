"""Small charts as SVG text: nothing to install, and every browser and README shows them."""

from __future__ import annotations

from collections.abc import Mapping
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
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width_px}" height="{top_px + height_px + 40}"'
        ' font-family="sans-serif" font-size="12">'
        '<rect width="100%" height="100%" fill="white"/>' + "".join(parts) + "</svg>\n"
    )
