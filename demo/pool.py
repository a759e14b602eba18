"""A synthetic image pool: procedurally drawn pictures in ``<wnid>/<file>``, with planted copies and faults.

Everything follows from the seed: which files there are, and (for one version of Pillow) every byte.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synlake.demo.encoding import DECK, ENDINGS, NOT_COPIED, broken_files, copy_of, encode
from synlake.demo.pictures import MOTIFS, paint
from synlake.demo.planted import (
    COPIES,
    Planted,
    PlantedFile,
    is_complete,
    read_truth,
    strangers,
    write_truth,
)
from synlake.errors import InputError, UsageError

#: The synsets of the pool, largest class first.
SYNSETS = tuple(MOTIFS)
#: Share of images that are planted copies, and of originals that show another synset than their folder's.
COPY_SHARE, WRONG_SHARE = 0.20, 0.08
#: Names that a careless program trips over; each is given to an original of the largest class.
ODD_NAMES = (
    "two words",
    'it\'s a "quote"',
    "two\nlines",
    "Gänseblümchen ヒナギク",
    "50% #1, a;b=c?",
    "-rf",
    "a\\b",
)
#: Fewest images that leave each synset an original and, in total, a copy of each kind.
MIN_IMAGES = 100
#: Time given to all files (2024-01-01 UTC), so that the same pool is the same to the last column.
_MODIFIED_AT = 1_704_067_200
_SIDES_PX = (96, 128, 160, 200, 256, 320, 400, 500, 640)
_SIDE_WEIGHTS = (6, 10, 14, 20, 22, 14, 7, 4, 3)


@dataclass(frozen=True)
class _Slot:
    """A file to be made: ``index`` seeds it, ``source`` is the index of the original it copies."""

    index: int
    synset_id: str
    shown_synset_id: str
    kind: str
    way: str
    name: str
    source: int | None = None


def write_pool(folder: Path, *, n_images: int = 1000, seed: int = 7) -> Planted:
    """Write the pool and, beside its folder, the truth about it; or return that, where both are there.

    ``n_images`` counts originals and copies; about 20 broken files come on top. The folder appears whole
    or not at all: an interrupted call leaves none, and the next one starts over.

    Raises :class:`InputError` where the folder has files that this function did not write.
    """
    if n_images < MIN_IMAGES:
        raise UsageError(f"a synthetic pool: wanted at least {MIN_IMAGES} images, got {n_images}")
    if seed < 0:
        raise UsageError(f"a synthetic pool: wanted a seed of 0 or more, got {seed}")
    known = read_truth(folder)
    if folder.exists():
        _refuse_strangers(folder, known)
        if known and (known.n_images, known.seed) == (n_images, seed) and is_complete(known):
            return known
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    files = tuple(sorted(_write_files(partial, n_images, seed), key=lambda file: file.path))
    planted = Planted(folder, n_images, seed, files)
    if folder.exists():
        shutil.rmtree(folder)
    write_truth(planted)
    os.replace(partial, folder)
    return planted


def class_sizes(n_images: int) -> dict[str, int]:
    """How many images each synset gets: 3, and of the rest a share in proportion to 1/k (Zipf)."""
    weights = 1 / np.arange(1, len(SYNSETS) + 1)
    exact = (n_images - 3 * len(SYNSETS)) * weights / weights.sum()
    sizes = np.floor(exact).astype(int)
    most_left_over = np.argsort(sizes - exact, kind="stable")[
        : n_images - 3 * len(SYNSETS) - int(sizes.sum())
    ]
    sizes[most_left_over] += 1
    return {synset_id: 3 + int(size) for synset_id, size in zip(SYNSETS, sizes, strict=True)}


def _refuse_strangers(folder: Path, known: Planted | None) -> None:
    unknown = strangers(folder, known.files if known else ())
    if unknown:
        raise InputError(
            f"{folder}: has {len(unknown)} files that are not of the synthetic pool, such as {unknown[0]!r}\n"
            f"  next: move them, or remove {folder}, or choose another warehouse"
        )


def _plan(n_images: int, seed: int) -> list[_Slot]:
    """Every image of the pool; originals come before the copies made from them."""
    rng = np.random.default_rng([seed, n_images])
    deck = [DECK[k] for k in rng.permutation(len(DECK))]
    originals: list[_Slot] = []
    copies: list[_Slot] = []
    for synset_id, size in class_sizes(n_images).items():
        n_copies = max(1, round(COPY_SHARE * size))
        others = [other for other in SYNSETS if other != synset_id]
        n_wrong = round(WRONG_SHARE * (size - n_copies))
        mine = []
        for k in range(size - n_copies):
            index = len(originals)
            shown = others[int(rng.integers(len(others)))] if 1 <= k <= n_wrong else synset_id
            way = "png-16bit" if k == size - n_copies - 1 else deck[index % len(deck)]
            name = _name(synset_id, index, way, seed)
            mine.append(_Slot(index, synset_id, shown, "original", way, name))
            originals.append(mine[-1])
        sources = [slot for slot in mine if slot.way not in NOT_COPIED]
        for k in rng.choice(len(sources), n_copies, replace=n_copies > len(sources)):
            source = sources[int(k)]
            copies.append(_copy_slot(source, n_images + len(copies), COPIES[len(copies) % len(COPIES)], seed))
    return [*originals, *copies]


def _copy_slot(source: _Slot, index: int, kind: str, seed: int) -> _Slot:
    return _Slot(
        index, source.synset_id, source.shown_synset_id, kind, "copy", _stem(index, seed), source.index
    )


def _name(synset_id: str, index: int, way: str, seed: int) -> str:
    """A name that tells nothing; the first originals of the first synset have odd ones."""
    stem = ODD_NAMES[index] if index < len(ODD_NAMES) else _stem(index, seed)
    return f"{stem}{ENDINGS[way]}"


def _stem(index: int, seed: int) -> str:
    return hashlib.sha256(f"{seed}/{index}".encode()).hexdigest()[:10]


def _write_files(folder: Path, n_images: int, seed: int) -> Iterator[PlantedFile]:
    written: dict[int, tuple[bytes, str]] = {}
    slots = _plan(n_images, seed)
    copied = {slot.source for slot in slots}
    for slot in slots:
        rng = np.random.default_rng([seed, slot.index])
        name, original = slot.name, None
        if slot.source is None:
            content = encode(paint(slot.shown_synset_id, *_size_px(rng), rng), slot.way, rng)
        else:
            source, original = written[slot.source]
            content, ending = copy_of(source, slot.kind, rng)
            name += ending
        path = f"{slot.synset_id}/{name}"
        if slot.index in copied:
            written[slot.index] = content, path
        about = (slot.kind, slot.way, original, slot.shown_synset_id, None)
        yield _write_file(folder, path, slot.synset_id, content, *about)
    yield from _write_broken(folder, seed)


def _write_broken(folder: Path, seed: int) -> Iterator[PlantedFile]:
    """Broken files in three synsets, and sound images where no synset is named."""
    for place, synset_id in enumerate(SYNSETS[:3]):
        rng = np.random.default_rng([seed, 1 << 30, place])
        broken = broken_files(paint(synset_id, 240 + 16 * place, 180, rng))
        for name, (content, reason) in broken.items():
            about = ("broken", "broken", None, None, reason)
            yield _write_file(folder, f"{synset_id}/{name}", synset_id, content, *about)
    for path in ("holiday pictures/beach.jpg", "unsorted.png"):
        rng = np.random.default_rng([seed, 1 << 30, len(path)])
        way = "png" if path.endswith(".png") else "jpeg"
        content = encode(paint(SYNSETS[7], 200, 150, rng), way, rng)
        yield _write_file(folder, path, "unknown", content, "broken", way, None, None, "no_synset")


def _write_file(
    folder: Path,
    path: str,
    synset_id: str,
    content: bytes,
    kind: str,
    way: str,
    original: str | None,
    shown_synset_id: str | None,
    reject_reason: str | None,
) -> PlantedFile:
    target = folder / path
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(content)
    os.utime(target, (_MODIFIED_AT, _MODIFIED_AT))
    image_id = hashlib.sha256(content).hexdigest()
    return PlantedFile(
        path, synset_id, kind, way, original, shown_synset_id, reject_reason, image_id, len(content)
    )


def _size_px(rng: np.random.Generator) -> tuple[int, int]:
    """Width and height: the longer side from a list, the shorter one 3/4 of it more often than not."""
    weights = np.array(_SIDE_WEIGHTS) / sum(_SIDE_WEIGHTS)
    longer = int(rng.choice(_SIDES_PX, p=weights))
    shorter = max(96, round(longer * float(rng.choice([0.75, 0.75, 0.67, 1.0]))))
    return (longer, shorter) if rng.random() < 0.7 else (shorter, longer)
