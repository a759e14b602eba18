"""A folder of finished downloads: what a killed run fetched, the next one finds there and does not ask for again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from synlake.udfs.download import Result


class Spool:
    """One ``.json`` a URL that has ended, and beside it the ``.body`` of one that ended well.

    A body is written under a name of this process first; the ``.json`` comes last, by an atomic rename. So a
    URL either has ended, whole, or has not.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def has(self, url: str) -> bool:
        """Whether the URL ended in this or an earlier run."""
        return self._path(url, ".json").exists()

    @contextlib.contextmanager
    def body(self, url: str) -> Iterator[BinaryIO]:
        """Where to write the body of a URL; an attempt begins with an empty one."""
        with open(self._partial(url), "wb") as stream:
            yield stream

    def finish(self, result: Result) -> None:
        """Keep the body if the URL ended well, then note how it ended."""
        partial = self._partial(result.url)
        if result.status == "ok":
            os.replace(partial, self._path(result.url, ".body"))
        else:
            partial.unlink(missing_ok=True)
        note = partial.with_suffix(".note")
        note.write_text(json.dumps(asdict(result)), encoding="utf-8")
        os.replace(note, self._path(result.url, ".json"))

    def result(self, url: str) -> dict[str, Any]:
        """How the URL ended: the fields of a Result."""
        found: dict[str, Any] = json.loads(self._path(url, ".json").read_text(encoding="utf-8"))
        return found

    def content(self, url: str) -> bytes:
        """The body of a URL that ended well."""
        return self._path(url, ".body").read_bytes()

    def _path(self, url: str, ending: str) -> Path:
        return self.folder / (hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest() + ending)

    def _partial(self, url: str) -> Path:
        return self._path(url, f".{os.getpid()}.part")
