"""A small file that a person writes of which countries make a region, and what share of the images each is to have."""

from __future__ import annotations

import csv
from pathlib import Path

from synlake.errors import InputError

_COLUMNS = {"country", "region", "target_share"}


def regions(path: str | None) -> tuple[dict[str, str], dict[str, float]]:
    """(country → region, region → target share) from a CSV of ``country``, and ``region``, ``target_share`` or both.

    A country without a region is a region of its own; the targets of a region's countries are added up.
    Raises :class:`InputError` naming the line.
    """
    region_of: dict[str, str] = {}
    target_of: dict[str, float] = {}
    if path is None:
        return region_of, target_of
    try:
        with open(Path(path), newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            names = set(reader.fieldnames or ())
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"--regions {path}: cannot be read ({error})") from None
    if "country" not in names or not names & _COLUMNS - {"country"}:
        raise InputError(
            f"--regions {path}: wanted the columns country and region, target_share or both;"
            f" got {', '.join(sorted(names)) or 'none'}"
        )
    for line, row in enumerate(rows, 2):
        country = (row["country"] or "").strip().upper()
        region = (row.get("region") or "").strip() or country
        if not country or country in region_of:
            what = "no country" if not country else f"{country} is there twice"
            raise InputError(f"--regions {path}: line {line}: {what}")
        region_of[country] = region
        if (row.get("target_share") or "").strip():
            share = _share(row["target_share"], f"--regions {path}: line {line}")
            target_of[region] = target_of.get(region, 0.0) + share
    return region_of, target_of


def _share(text: str, where: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise InputError(f"{where}: target_share: wanted a number from 0 to 1, got {text!r}")
    return share
