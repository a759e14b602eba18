"""A release's report as one HTML page: no script, no network, every text that it shows escaped."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from synlake.methods.class_sizes import curve_of
from synlake.methods.plots import column_chart, line_chart
from synlake.methods.release_report import MEASURES, QUANTILES

SPLITS = ("train", "val", "test", "holdout")


def render(content: Mapping[str, Any]) -> str:
    """The page, from what ``jobs/report_release.py`` gathered; the same text for the same content."""
    template = _environment().get_template("page.html")
    row = content["row"]
    counts = row["counts"]
    return template.render(
        **content,
        style=Markup(_read("style.css")),  # ours; nothing of a user's is in it
        splits=[(s, n) for s in SPLITS if (n := counts.get(f"split:{s}", 0)) or s != "holdout"],
        left_out=_with_prefix(counts, "left_out:"),
        utility=_utility(content["funnel"].found or []),
        charts={name: Markup(chart) for name, chart in _charts(content).items()},  # plots escapes names
        size_rows=_size_rows(content["sizes"]),
        quantiles=[_quantile_name(q) for q in QUANTILES],
        frozen_on=_utc(row["frozen_at"]),
        year=row["frozen_at"].astimezone(dt.timezone.utc).year,
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_read),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=_number, counted=_counted, percent=_percent, decimals=_decimals, utc=_utc, words=_words
    )
    return environment


def _read(name: str) -> str:
    return (files("synlake.report") / name).read_text(encoding="utf-8")


def _charts(content: Mapping[str, Any]) -> dict[str, str]:
    """Every chart that there is something to draw for."""
    charts = {}
    sizes = [one["n"] or 0 for one in content["classes"]]
    pool = content["pool_sizes"].found
    curves = {**(pool["curves"] if pool else {}), "in the release": curve_of(sizes)}
    charts["class_sizes"] = line_chart(
        curves,
        title="Images of a class, from the largest class to the smallest",
        x_title="classes, from the largest to the smallest",
        y_title="images",
    )
    duplicates = content["duplicates"].found
    if duplicates and duplicates["by_bits"]:
        title = "Near-duplicates by distance of their perceptual hashes"
        charts["bits"] = column_chart(duplicates["by_bits"], title=title, x_title="bits that differ")
    crowd = content["crowd"].found
    if crowd and crowd["measures"]:
        best = next(iter(crowd["measures"].values()))
        title = f"Workers by share of their answers {best['says']}"
        charts["workers"] = column_chart(best["bins"], title=title, x_title="share of answers")
    if content["sides"]:
        sides = {str(px): n for px, n in content["sides"]}
        charts["sides"] = column_chart(sides, title="Images by shorter side", x_title="pixels, from")
    if content["scales"]:
        title = "Images by object scale"
        charts["scales"] = column_chart(
            content["scales"]["bins"], title=title, x_title="share of the image that its largest box covers"
        )
    return charts


def _utility(funnel: Sequence[Mapping[str, Any]]) -> Mapping[str, float]:
    """U(D) and its terms as the stage that froze the release measured them; empty where it did not."""
    return next((one["utility"] for one in funnel if one["utility"]), {})


def _size_rows(sizes: Mapping[str, Any]) -> list[tuple[str, str, Sequence[float]]]:
    """(measure, unit, quantiles) of what is known."""
    return [(name, unit, sizes[name]) for name, (_, unit) in MEASURES.items() if sizes[name] is not None]


def _with_prefix(counts: Mapping[str, int], prefix: str) -> list[tuple[str, int]]:
    found = {name.removeprefix(prefix): n for name, n in counts.items() if name.startswith(prefix)}
    return sorted(found.items(), key=lambda one: (-one[1], one[0]))


def _quantile_name(quantile: float) -> str:
    names = {0.0: "least", 0.5: "median", 1.0: "most"}
    return names.get(quantile, f"{quantile:.0%}")


def _number(value: float | None) -> str:
    """Thousands apart, up to four digits after the point.

    >>> _number(1234567), _number(0.5), _number(2.0), _number(None)
    ('1,234,567', '0.5', '2', '–')
    """
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4f}".rstrip("0").rstrip(".")


def _counted(n: int, one: str, many: str) -> str:
    """A number and what it counts.

    >>> _counted(1, "image", "images"), _counted(1234, "image", "images")
    ('1 image', '1,234 images')
    """
    return f"{_number(n)} {one if n == 1 else many}"


def _words(name: str) -> str:
    """A name of WordNet's as people read it.

    >>> _words("physical_entity.n.01"), _words("my.class")
    ('physical entity', 'my.class')
    """
    return re.sub(r"\.[nvasr]\.\d+$", "", name).replace("_", " ")


def _percent(share: float | None) -> str:
    """A share in per cent.

    >>> _percent(0.12345), _percent(None)
    ('12.3 %', '–')
    """
    return "–" if share is None else f"{100 * share:.1f} %"


def _decimals(value: float | None) -> str:
    """Four digits after the point, as scores are compared.

    >>> _decimals(0.5)
    '0.5000'
    """
    return "–" if value is None else f"{value:.4f}"


def _utc(moment: dt.datetime) -> str:
    """A time as Spark hands it over, in UTC, to the minute."""
    return f"{moment.astimezone(dt.timezone.utc):%Y-%m-%d %H:%M} UTC"
