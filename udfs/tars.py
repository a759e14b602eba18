"""Images in tar archives, plain or compressed: listed from their headers, read by their place. Nothing is unpacked.

A tar in a tar, as ImageNet's own are, is looked into; one in that is not.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

from synlake.udfs.members import (
    LABEL_BYTES,
    PART_BYTES,
    Member,
    Part,
    broken,
    image_or_other,
    is_label,
    labelled,
    most_bytes,
)

ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
#: What the headers between two members may take, bytes: long names, extended headers, maps of sparse files.
_HEADER_BYTES = 4 << 20
_FAULTS = (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError, ValueError, RecursionError)
_DEPTH = 1


def list_tar(path: bytes, *, synset_field: str | None = None) -> Iterator[Member]:
    """The images of an archive, and one member with a fault where it breaks off."""
    yield from labelled(_parts(path), synset_field)


def read_tar(path: bytes, wanted: Iterable[tuple[int, int]]) -> Iterator[bytes | None]:
    """The bytes at each (offset, size), in this order, which ascends; None for what is not there."""
    with _opened(path) as (stream, _):
        for offset, size in wanted:
            stream.seek(offset)
            content = stream.read(size)
            yield content if len(content) == size else None


def _parts(path: bytes) -> Iterator[Part]:
    with _opened(path) as (stream, is_plain):
        sparing = _Sparing(stream, most_bytes(os.path.getsize(path)))
        try:
            yield from _walk(sparing, b"", is_plain, _DEPTH)
        except _FAULTS:
            yield Part(broken(sparing.place))


def _walk(
    stream: _Sparing, folder: bytes, is_plain: bool, depth: int, end: int | None = None
) -> Iterator[Part]:
    stream.spare()
    with tarfile.TarFile(fileobj=cast("IO[bytes]", stream), mode="r") as tar:
        while (found := tar.next()) is not None:
            tar.members = []  # type: ignore[attr-defined] # it would keep all that it has seen
            stream.spare()
            if end is not None and found.offset >= end:
                return
            raw = found.name.encode("utf-8", "surrogateescape").lstrip(b"/").removeprefix(b"./")
            name = folder + raw
            start, part = found.offset_data, found.offset_data // PART_BYTES if is_plain else 0
            is_file = found.isreg() and not found.issparse()
            if is_file and depth and raw.endswith(b".tar"):
                stream.seek(start)
                yield from _walk(stream, name + b"/", is_plain, depth - 1, start + found.size)
                continue
            if found.isdir():
                continue
            text = None
            if is_file and found.size <= LABEL_BYTES and is_label(raw):
                stream.seek(start)
                text = stream.read(found.size)
            yield Part(image_or_other(name, start, found.size, part, None if is_file else "not_a_file"), text)
            stream.spare()
        _check_end(stream, tar.offset)


def _check_end(stream: _Sparing, offset: int) -> None:
    """Where the reader of headers stops there must be the zeros of an end, or nothing: it says nothing of a
    header that is broken.
    """
    stream.spare()
    stream.seek(offset)
    if stream.read(tarfile.BLOCKSIZE).strip(b"\0"):
        raise tarfile.ReadError("a broken header")


class _Sparing:
    """A stream for the reader of headers, which believes the lengths that these give: it gets no more than
    _HEADER_BYTES between two calls of :meth:`spare`, and nothing from beyond ``most`` bytes.
    """

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream, self._most, self._left, self.place = stream, most, _HEADER_BYTES, 0

    def spare(self) -> None:
        """A member has been reached: the next headers may be as long again."""
        self._left = _HEADER_BYTES

    def read(self, n: int = -1) -> bytes:
        self._left -= n
        if n < 0 or self._left < 0:
            raise tarfile.ReadError("longer headers than a file can have")
        content = self._stream.read(n)
        self.place = self._stream.tell()
        return content

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence or offset > self._most:
            raise tarfile.ReadError("holds more than an archive of this size can")
        return self._stream.seek(offset)

    def tell(self) -> int:
        return self._stream.tell()

    def close(self) -> None:
        """The stream belongs to who opened it."""


@contextmanager
def _opened(path: bytes) -> Iterator[tuple[Any, bool]]:
    """An archive as one unpacked stream, whatever its name says of compression; and whether it was plain."""
    with open(path, "rb") as stream:
        magic = stream.read(6)
        stream.seek(0)
        if magic.startswith(b"\x1f\x8b"):
            with gzip.GzipFile(fileobj=stream) as unpacked:
                yield unpacked, False
        elif magic.startswith(b"BZh"):
            with bz2.BZ2File(stream) as unpacked_bz2:
                yield unpacked_bz2, False
        elif magic == b"\xfd7zXZ\x00":
            with lzma.LZMAFile(stream) as unpacked_xz:
                yield unpacked_xz, False
        else:
            yield stream, True
