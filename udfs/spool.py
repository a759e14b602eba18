"""A folder of finished downloads: what a killed run fetched, the next one finds there and does not ask for again.

To make a file takes several times as long as to write 100 KB to one that is open. So each task keeps the bodies of its
downloads one after another in one file, and in another, a line each, how they ended.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synlake.udfs.download import Result

#: Bytes of a running download that memory holds; more go to a file of its own.
_BODY_BYTES = 1 << 20


class Spool:
    """What has ended of the downloads in ``folder``, and two files for what ends from now on.

    A line is written after its body. So a URL either has ended, or has not; whether a body that another process left is
    whole is told by its checksum.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._ended = dict(_ended(sorted(folder.glob("*.jsonl"))))
        self.name = f"{time.time_ns()}-{uuid.uuid4()}"  # sorted, the latest end of a URL is the last
        with ExitStack() as opened:
            self._bodies = opened.enter_context(open(folder / f"{self.name}.bodies", "xb"))
            self._lines = opened.enter_context(open(folder / f"{self.name}.jsonl", "x", encoding="utf-8"))
            self._files = opened.pop_all()

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def has(self, url: str) -> bool:
        """Whether the URL ended in this or an earlier run, with all of its body."""
        found = self._ended.get(url)
        if found is None or found["status"] != "ok":
            return found is not None
        return str(found["sha256"]) == hashlib.sha256(self.content(url)).hexdigest()

    def body(self) -> IO[bytes]:
        """Where a download that runs puts what comes."""
        body: IO[bytes] = tempfile.SpooledTemporaryFile(_BODY_BYTES, dir=str(self.folder))  # noqa: SIM115 - the caller closes it
        return body

    def keep(self, body: IO[bytes]) -> tuple[str, int]:
        """Keep a body that is whole; where it is, for :func:`contents`."""
        at = self._bodies.tell()
        body.seek(0)
        shutil.copyfileobj(body, self._bodies, _BODY_BYTES)
        self._bodies.flush()
        return f"{self.name}.bodies", at

    def finish(self, result: Result) -> None:
        """Note how a URL ended."""
        self._ended[result.url] = asdict(result)
        self._lines.write(json.dumps(self._ended[result.url]) + "\n")
        self._lines.flush()

    def result(self, url: str) -> dict[str, Any]:
        """How the URL ended: the fields of a Result."""
        return self._ended[url]

    def content(self, url: str) -> bytes:
        """The body of a URL that ended well."""
        found = self._ended[url]
        return next(contents(self.folder, [(found["body_file"], found["body_at"], found["size_bytes"])]))


def contents(folder: Path, places: Iterable[tuple[str, int, int]]) -> Iterator[bytes]:
    """The bodies at (file, offset, size); less than all where a file is shorter. Fast where a file's are in a row."""
    with ExitStack() as last:
        opened = ""
        for name, offset, size in places:
            if name != opened:
                last.close()
                stream, opened = last.enter_context(open(folder / name, "rb")), name
            stream.seek(offset)
            yield stream.read(size)


def _ended(journals: Iterable[Path]) -> Iterator[tuple[str, dict[str, Any]]]:
    for journal in journals:
        with open(journal, encoding="utf-8") as lines:
            for line in lines:
                if line.endswith("\n"):  # else a killed task was writing it
                    found = json.loads(line)
                    yield found["url"], found
