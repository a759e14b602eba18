"""WebDataset's tar records: for each image ``key.jpg``, ``key.cls`` (class number), ``key.json``; with fixed times."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from typing import Any

BLOCK = tarfile.BLOCKSIZE
_MAGIC = ((b"\xff\xd8", "jpg"), (b"\x89PNG", "png"), (b"GIF8", "gif"), (b"RIFF", "webp"), (b"BM", "bmp"))


def ending_of(content: bytes | memoryview) -> str:
    r"""The usual ending of an image file, by how its bytes begin.

    >>> ending_of(b"\xff\xd8\xff")
    'jpg'
    """
    head = bytes(content[:4])
    return next((ending for magic, ending in _MAGIC if head.startswith(magic)), "tif")


def padding(size: int) -> int:
    """Zeros after ``size`` bytes up to a whole block.

    >>> padding(512), padding(513)
    (0, 511)
    """
    return -size % BLOCK


def side_members(row: dict[str, Any]) -> list[tuple[str, bytes]]:
    """(ending, content) of what goes beside an image. A withheld label has no class number."""
    about = {"image_id": row["image_id"], "label": row["label"], "split": row["split"]}
    found = [("json", json.dumps(about, sort_keys=True).encode())]
    if row["class_index"] is not None:
        found.insert(0, ("cls", str(row["class_index"]).encode()))
    return found


def header(name: str, size: int) -> bytes:
    """The header block of a member: owner, mode and time are the same for all, so that bytes repeat."""
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.USTAR_FORMAT)


def records(row: dict[str, Any], content: bytes | memoryview) -> Iterator[bytes | memoryview]:
    """The bytes of an image's members, in pieces."""
    for ending, value in ((ending_of(content), content), *side_members(row)):
        yield header(f"{row['key']}.{ending}", len(value))
        yield value
        if padding(len(value)):
            yield bytes(padding(len(value)))


def length(row: dict[str, Any]) -> int:
    """How long :func:`records` will be, without having the content: by its ``size_bytes``."""
    sizes = [row["size_bytes"], *(len(value) for _, value in side_members(row))]
    return sum(BLOCK + size + padding(size) for size in sizes)


def end_of(size: int) -> int:
    """Zeros at the end of a tar of ``size`` bytes: two blocks, and then up to a whole record."""
    return 2 * BLOCK + (-(size + 2 * BLOCK)) % tarfile.RECORDSIZE


def keyed(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """``rows`` in order with ``key``: their image_id, and the class too where an image comes again for another."""
    before = None
    for row in rows:
        again = before == (row["shard"], row["image_id"])
        before = row["shard"], row["image_id"]
        yield {**row, "key": f"{row['image_id']}-{row['label']}" if again else row["image_id"]}
