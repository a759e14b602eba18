"""Builders of archives, good and hostile, byte by byte where no tool would write them."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path


def write_tar(path: Path, *members: tuple[object, ...], mode: str = "w", **how: object) -> Path:
    """``members`` are (name, content) or a ready TarInfo with its content."""
    with tarfile.open(path, mode, **how) as tar:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            if not isinstance(name, tarfile.TarInfo):
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if content is not None else None)
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def sparse(name: str, size: int) -> bytes:
    """An old GNU header of a sparse file of a size that has no data at all."""
    info = tarfile.TarInfo(name)
    info.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[386:398] = b"%011o\0" % 0  # offset of the first (and only) piece …
    header[398:410] = b"%011o\0" % 0  # … of no bytes
    header[483:495] = b"%011o\0" % size if size < 8**11 else (1 << 95 | size).to_bytes(12, "big")
    return sealed(header)


def sealed(header: bytearray) -> bytes:
    """A header with its right checksum."""
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def write_zip(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes], method: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content, compress_type=method)
    return path


def linked(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info
