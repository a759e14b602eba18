"""Whether the images of a release come from everywhere: the share of each region against a target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Region:
    """Images of one region. ``target`` is the share wanted of it; None: none was set."""

    name: str
    n_images: int
    share: float
    target: float | None
    is_too_large: bool


def balance(
    by_country: Mapping[str, int],
    region_of: Mapping[str, str],
    target_of: Mapping[str, float],
    *,
    max_share: float,
) -> Sequence[Region]:
    """The regions by share, the largest first; a country without a region is a region of its own.

    Shares are of the images whose country is known. Regions with a target and no image are there too.

    >>> found = balance({"US": 6, "CA": 1, "KE": 3}, {"US": "America", "CA": "America"}, {"KE": 0.5}, max_share=0.5)
    >>> [(one.name, one.share, one.target, one.is_too_large) for one in found]
    [('America', 0.7, None, True), ('KE', 0.3, 0.5, False)]
    """
    counts = dict.fromkeys(target_of, 0)
    for country, n in by_country.items():
        region = region_of.get(country, country)
        counts[region] = counts.get(region, 0) + n
    total = sum(counts.values())
    regions = (
        Region(
            name, n, n / total if total else 0.0, target_of.get(name), bool(total) and n / total > max_share
        )
        for name, n in counts.items()
    )
    return sorted(regions, key=lambda one: (-one.n_images, one.name))
