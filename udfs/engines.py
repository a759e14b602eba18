"""The image searches that have a public interface: what to ask for, and what their answers mean. No network here."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

Record = dict[str, Any]
#: What a record has: columns of table ``search_results``.
FIELDS = (
    "url",
    "engine_id",
    "licence",
    "licence_url",
    "author",
    "landing_url",
    "width_px",
    "height_px",
    "taken_at",
    "published_at",
)


class Page(NamedTuple):
    """One page of an answer, and where the next one begins; None after the last."""

    records: list[Record]
    next_start: int | None


class Engine(NamedTuple):
    """``address`` of the interface; ``ask(query, language, start)`` → parameters; ``read(answer, start)`` → page."""

    address: str
    ask: Callable[[str, str, int], Mapping[str, str]]
    read: Callable[[Any, int], Page]


class BadAnswerError(ValueError):
    """An answer that is not of the engine's published shape."""


_OPENVERSE_RESULTS = 20  # the most that it gives on a page to who has no account
_COMMONS_RESULTS = 50


def _ask_openverse(query: str, language: str, start: int) -> dict[str, str]:
    """Parameters of https://api.openverse.org/v1/images/; pages count from 1. It knows no languages."""
    page = start // _OPENVERSE_RESULTS + 1
    return {"q": query, "page": str(page), "page_size": str(_OPENVERSE_RESULTS)}


def _read_openverse(answer: Any, start: int) -> Page:
    results, n_pages = _field(answer, "results", list), _field(answer, "page_count", int)
    page = start // _OPENVERSE_RESULTS + 1
    records = [_openverse_record(one) for one in results if isinstance(one, dict) and one.get("url")]
    return Page(records, start + _OPENVERSE_RESULTS if page < n_pages and results else None)


def _openverse_record(one: Mapping[str, Any]) -> Record:
    licence = " ".join(str(one[name]) for name in ("license", "license_version") if one.get(name))
    return _record(
        url=one["url"],
        engine_id=one.get("id"),
        licence=licence,
        licence_url=one.get("license_url"),
        author=one.get("creator"),
        landing_url=one.get("foreign_landing_url"),
        width_px=one.get("width"),
        height_px=one.get("height"),
        published_at=one.get("indexed_on"),
    )


def _ask_commons(query: str, language: str, start: int) -> dict[str, str]:
    """Parameters of https://commons.wikimedia.org/w/api.php: a search for bitmaps among its files."""
    return {
        "action": "query",
        "format": "json",
        "formatversion": "2",
        "generator": "search",
        "gsrsearch": f"filetype:bitmap {query}",
        "gsrnamespace": "6",
        "gsrlimit": str(_COMMONS_RESULTS),
        "gsroffset": str(start),
        "prop": "imageinfo",
        "iiprop": "url|size|mime|timestamp|user|extmetadata",
        "iiextmetadatafilter": "LicenseShortName|LicenseUrl|Artist|DateTimeOriginal",
        "maxlag": "5",  # when its servers lag, we are to come back later
    }


def _read_commons(answer: Any, start: int) -> Page:
    if isinstance(answer, dict) and "error" in answer:
        raise BadAnswerError(
            f"error {answer['error'].get('code') if isinstance(answer['error'], dict) else ''}"
        )
    if not isinstance(answer, dict) or not {"query", "batchcomplete", "continue"} & set(answer):
        raise BadAnswerError(f"wanted an object with query, got {str(answer)[:80]}")
    pages = (answer.get("query") or {}).get("pages") or []
    listed = list(pages.values()) if isinstance(pages, dict) else list(pages)  # formatversion 1 or 2
    ranked = sorted((one for one in listed if isinstance(one, dict)), key=lambda one: one.get("index", 0))
    onward = (answer.get("continue") or {}).get("gsroffset")
    return Page(
        [record for one in ranked for record in _commons_records(one)],
        int(onward) if onward is not None and int(onward) > start else None,
    )


def _commons_records(page: Mapping[str, Any]) -> Iterator[Record]:
    for info in (page.get("imageinfo") or [])[:1]:
        if not info.get("url"):
            continue
        more = {name: (value or {}).get("value") for name, value in (info.get("extmetadata") or {}).items()}
        yield _record(
            url=info["url"],
            engine_id=page.get("pageid"),
            licence=more.get("LicenseShortName"),
            licence_url=more.get("LicenseUrl"),
            author=without_markup(str(more.get("Artist") or "")) or info.get("user"),
            landing_url=info.get("descriptionurl"),
            width_px=info.get("width"),
            height_px=info.get("height"),
            taken_at=without_markup(str(more.get("DateTimeOriginal") or "")),
            published_at=info.get("timestamp"),
        )


def without_markup(text: str) -> str:
    """The words of a piece of HTML, as Commons gives the names of authors.

    >>> without_markup('<a href="//x">Ann&nbsp;B.</a> &amp; co')
    'Ann B. & co'
    """
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", text)).split())


def _record(**values: Any) -> Record:
    """All fields, each as text or None."""
    return {name: None if values.get(name) in (None, "") else str(values[name]) for name in FIELDS}


def _field(answer: Any, name: str, kind: type) -> Any:
    value = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(value, kind):
        raise BadAnswerError(f"wanted an object with {name}, got {str(answer)[:80]}")
    return value


ENGINES = {
    "openverse": Engine("https://api.openverse.org/v1/images/", _ask_openverse, _read_openverse),
    "commons": Engine("https://commons.wikimedia.org/w/api.php", _ask_commons, _read_commons),
}


def address_of(engine: str, address: str | None, query: str, language: str, start: int) -> str:
    """The URL to ask for a page of results."""
    one = ENGINES[engine]
    return f"{address or one.address}?{urlencode(one.ask(query, language, start))}"
