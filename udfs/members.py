"""What the readers of archives have in common: a member, its label, and what may be read of a hostile one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from synlake.udfs.files import is_image_name

#: A member further on belongs to another part of its archive; parts are read side by side.
PART_BYTES = 256 << 20
#: Longest label or description of a sample that is read, bytes.
LABEL_BYTES = 64 << 10
#: An archive that says to hold so many times its own size (and this many bytes more) is a bomb.
MOST_INFLATED = 100
SLACK_BYTES = 64 << 20
#: Images of one sample that wait for its label.
_SAMPLE_IMAGES = 1000
#: What a WebDataset calls the files beside an image that say what it shows; the first that is there counts.
_LABEL_FIELDS = ("cls", "json", "txt")


class Member(NamedTuple):
    """An image in an archive. ``size_bytes`` is None where only reading it would tell.

    ``offset`` finds it again: bytes from the beginning (of the unpacked stream), or the number of a record.
    A member with a ``fault`` (a reason of ``schemas.reasons.CANDIDATE``) is not read.
    """

    name: bytes
    offset: int
    size_bytes: int | None
    weight_bytes: int
    part: int = 0
    label: str | None = None
    fault: str | None = None
    is_image: bool = True


def broken(offset: int = 0) -> Member:
    """Stands for what an archive has after the place where it broke off."""
    return Member(b"", offset, 0, 0, fault="broken_archive")


def most_bytes(size_bytes: int) -> int:
    """What an archive of a size may hold, bytes."""
    return size_bytes * MOST_INFLATED + SLACK_BYTES


def has_unsafe_path(name: bytes) -> bool:
    """Whether a name leads out of its archive. A beginning slash does not: nothing is written under a name.

    >>> has_unsafe_path(b"a/../../etc/x.jpg"), has_unsafe_path(b"/data/n01440764/x.jpg")
    (True, False)
    """
    return b".." in name.replace(b"\\", b"/").split(b"/") or b"\x00" in name


class Part(NamedTuple):
    """A member as its archive lists it; ``text`` is its content where it may say what a sample shows."""

    member: Member
    text: bytes | None = None


def key_and_field(name: bytes) -> tuple[bytes, str]:
    """The sample that a file of a WebDataset belongs to, and which of its fields it is.

    >>> key_and_field(b"train/0001.seg.png")
    (b'train/0001', 'seg.png')
    """
    folder, slash, base = name.rpartition(b"/")
    key, _, field = base.partition(b".")
    return folder + slash + key, field.decode("utf-8", "replace").lower()


def is_label(name: bytes) -> bool:
    """Whether a member may be the label of the images beside it."""
    return key_and_field(name)[1] in _LABEL_FIELDS


def labelled(parts: Iterator[Part], synset_field: str | None) -> Iterator[Member]:
    """The images among the members, each with the label that the files of its sample give.

    Files of a sample stand side by side (WebDataset). Members that are neither images nor labels come as they are.
    """
    key, images, texts = b"", list[Member](), dict[str, bytes]()
    for member, text in parts:
        mine, field = key_and_field(member.name)
        if mine != key or len(images) == _SAMPLE_IMAGES:
            yield from _with_label(images, texts, synset_field)
            key, images, texts = mine, [], {}
        if text is not None:
            texts[field] = text
        if member.is_image:
            images.append(member)
        else:
            yield member
    yield from _with_label(images, texts, synset_field)


def _with_label(images: list[Member], texts: dict[str, bytes], synset_field: str | None) -> Iterator[Member]:
    label = label_of(texts, synset_field)
    for image in images:
        yield image._replace(label=label)


def label_of(texts: dict[str, bytes], synset_field: str | None = None) -> str | None:
    """What the files of a sample say that it shows: a synset, a class number or a name.

    >>> label_of({"cls": b"7", "txt": b"a fish"}), label_of({"json": b'{"wnid": "n01440764"}', "cls": b"7"})
    ('7', 'n01440764')
    """
    record = _record(texts.get("json", b""))
    named = [record.get(name) for name in (synset_field, "synset_id", "wnid") if name]
    given = [*named, texts.get("cls"), record.get("label"), record.get("cls"), texts.get("txt")]
    return next((text for one in given if (text := as_label(one))), None)


def as_label(value: object) -> str | None:
    """A label as text; None for what cannot be one."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).strip() or None


def _record(text: bytes) -> dict[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def image_or_other(name: bytes, offset: int, size_bytes: int, part: int, fault: str | None) -> Member:
    """A member by its name: an image, which may have a fault, or something else."""
    if has_unsafe_path(name):
        fault = "unsafe_path"
    return Member(name, offset, size_bytes, size_bytes, part, None, fault, is_image_name(name))
