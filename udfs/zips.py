"""Images in zip archives: listed from the directory at the end, read one by one. Nothing is unpacked to disk."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator

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

ENDINGS = (".zip",)
_ENCRYPTED, _UTF8 = 0x1, 0x800
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_FAULTS = (zipfile.BadZipFile, OSError, EOFError, zlib.error, ValueError, NotImplementedError, RuntimeError)


def list_zip(path: bytes, *, synset_field: str | None = None) -> Iterator[Member]:
    """The images of an archive; or one member with a fault where its directory cannot be read, or cannot be true."""
    yield from labelled(_parts(path), synset_field)


def read_zip(path: bytes, wanted: Iterable[tuple[int, int]]) -> Iterator[bytes | None]:
    """The bytes at each (offset, size); None where they are not there, or not what their checksum says."""
    with zipfile.ZipFile(os.fsdecode(path)) as archive:
        by_offset = {info.header_offset: info for info in archive.infolist()}
        for offset, size in wanted:
            info = by_offset.get(offset)
            content = None if info is None else _content(archive, info, size)
            yield content if content is not None and len(content) == size else None


def _parts(path: bytes) -> Iterator[Part]:
    try:
        with zipfile.ZipFile(os.fsdecode(path)) as archive:
            infos = archive.infolist()
            if sum(info.file_size for info in infos) > most_bytes(os.path.getsize(path)):
                yield Part(broken())
                return
            for info in infos:
                if not info.is_dir():
                    yield _part(archive, info)
    except _FAULTS:
        yield Part(broken())


def _part(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Part:
    name = _name(info).lstrip(b"/")
    mode = info.external_attr >> 16
    fault = None
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        fault = "not_a_file"
    elif info.flag_bits & _ENCRYPTED or info.compress_type not in _METHODS:
        fault = "unreadable"
    text = None
    if fault is None and info.file_size <= LABEL_BYTES and is_label(name):
        text = _content(archive, info, LABEL_BYTES)
    offset = info.header_offset
    return Part(image_or_other(name, offset, info.file_size, offset // PART_BYTES, fault), text)


def _name(info: zipfile.ZipInfo) -> bytes:
    """The name's own bytes: without the mark for UTF-8, Python takes them for the code page of DOS."""
    name = info.filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437", "replace")
    return name if b"/" in name else name.replace(b"\\", b"/")  # some tools on Windows write its own slashes


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes | None:
    """Not more than the directory says, which may be a lie."""
    try:
        with archive.open(info) as stream:
            return stream.read(most)
    except _FAULTS:
        return None
