"""Two image searches on 127.0.0.1 with the published shapes of Openverse and Wikimedia Commons, written by hand."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from misbehaving import Handler, Server


def openverse(query: str, page: int, image: str) -> dict[str, Any]:
    """Two pages of one result each for a query; none for "nothing"."""
    if query == "nothing":
        return {"result_count": 0, "page_count": 0, "page_size": 20, "page": 1, "results": []}
    number = {"tench": 1, "tenches": 2}.get(query, 5) * 2 + page
    result = {
        "id": f"0000-{number}",
        "title": "A fish",
        "indexed_on": "2020-05-01T10:00:00.000000Z",
        "foreign_landing_url": f"https://example.org/photos/{number}",
        "url": f"{image}/{number}",
        "creator": "Ann B.",
        "creator_url": "https://example.org/ann",
        "license": "by-sa",
        "license_version": "2.0",
        "license_url": "https://creativecommons.org/licenses/by-sa/2.0/",
        "provider": "flickr",
        "source": "flickr",
        "attribution": '"A fish" by Ann B. is licensed under CC BY-SA 2.0.',
        "height": 768,
        "width": 1024,
        "tags": [{"name": "fish"}],
    }
    return {"result_count": 2, "page_count": 2, "page_size": 20, "page": page, "results": [result]}


def commons(query: str, start: int, image: str) -> dict[str, Any]:
    if start == 0:
        page = {
            "pageid": 77,
            "ns": 6,
            "title": "File:Tench.jpg",
            "index": 1,
            "imageinfo": [
                {
                    "timestamp": "2006-01-02T03:04:05Z",
                    "user": "Uploader",
                    "size": 12345,
                    "width": 800,
                    "height": 600,
                    "url": f"{image}/100",
                    "descriptionurl": "https://commons.example/wiki/File:Tench.jpg",
                    "mime": "image/jpeg",
                    "extmetadata": {
                        "LicenseShortName": {"value": "CC BY-SA 3.0", "source": "commons-desc-page"},
                        "LicenseUrl": {"value": "https://creativecommons.org/licenses/by-sa/3.0"},
                        "Artist": {"value": '<a href="//commons.example/wiki/User:X">Karl&nbsp;X</a>'},
                        "DateTimeOriginal": {"value": "2005-12-31 12:00:00"},
                    },
                }
            ],
        }
        return {"continue": {"gsroffset": 50, "continue": "gsroffset||"}, "query": {"pages": [page]}}
    page = {"pageid": 78, "index": 51, "imageinfo": [{"url": f"{image}/101", "user": "Uploader"}]}
    return {"batchcomplete": True, "query": {"pages": {"78": page}}}


class SearchHandler(Handler):
    """/openverse?q=…&page=…, /commons?gsrsearch=…; queries that are called "busy", "broken" … are."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        parts = urlsplit(self.path)
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path not in ("/openverse", "/commons"):
            return super().do_GET()
        query = given.get("q") or given["gsrsearch"].removeprefix("filetype:bitmap ")
        self.server.asked[f"{query} {given.get('page') or given.get('gsroffset')}"] += 1
        self.server.agents.add(self.headers.get("User-Agent", ""))
        image = self.server.url("/image")
        if query == "busy":
            return self.send(b'{"detail": "throttled"}', 429, Retry_After="0")
        if query == "lagging" and self.server.asked["lagging 0"] == 1:
            return self.send(b'{"error": {"code": "maxlag"}}', Retry_After="0")
        if query == "broken":
            return self.send(b"<html>sorry</html>")
        if query == "refused":
            return self.send(b"{}", 403)
        if parts.path == "/openverse":
            answer = openverse(query, int(given["page"]), image)
        else:
            answer = commons(query, int(given["gsroffset"]), image)
        return self.send(json.dumps(answer).encode(), Content_Type="application/json")


def search_server() -> Server:
    return Server(SearchHandler)
