"""What was planted in a synthetic pool: one record a file, kept beside the images and never among them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

#: Kinds of planted copies, see ``encoding.copy_of``.
COPIES = ("exact", "re-encoded", "resized", "cropped", "watermarked")
#: Raised whenever the same seed gives other files than before.
POOL_VERSION = 1


@dataclass(frozen=True)
class PlantedFile:
    """One file of the pool.

    ``path`` is relative to the image folder, with ``/``. ``synset_id`` is what its folder says ('unknown'
    where it says nothing), ``shown_synset_id`` what the picture truly shows, null of broken files; they
    differ where the label is wrong. ``kind`` is ``original``, one of :data:`COPIES`, or ``broken``; ``way``
    is how an original is stored, one of ``encoding.ENDINGS``. ``original`` is the path of the file that a
    copy was made from. ``reject_reason`` is what ingest-images or fingerprint-images is to say of it, null
    of sound files. ``image_id`` is the sha256 of the bytes.
    """

    path: str
    synset_id: str
    kind: str
    way: str
    original: str | None
    shown_synset_id: str | None
    reject_reason: str | None
    image_id: str
    size_bytes: int

    @property
    def is_copy(self) -> bool:
        """Made from another file of the pool."""
        return self.kind in COPIES

    @property
    def is_label_right(self) -> bool:
        """The picture truly shows what its folder says."""
        return self.shown_synset_id == self.synset_id


@dataclass(frozen=True)
class Planted:
    """A whole pool: where its images are, what it was made from, and every file in path order."""

    folder: Path
    n_images: int
    seed: int
    files: tuple[PlantedFile, ...]

    @property
    def images(self) -> tuple[PlantedFile, ...]:
        """The files that are sound images of a synset: originals and copies."""
        return tuple(file for file in self.files if file.reject_reason is None)

    def shown(self) -> dict[str, set[str]]:
        """image_id → synsets that the picture truly shows. Broken files are not in it."""
        found: dict[str, set[str]] = {}
        for file in self.files:
            if file.shown_synset_id is not None:
                found.setdefault(file.image_id, set()).add(file.shown_synset_id)
        return found

    def count_by(self, field: str) -> dict[str, int]:
        """How many files there are of each value of a field, most first."""
        counts: dict[str, int] = {}
        for file in self.files:
            value = str(getattr(file, field))
            counts[value] = counts.get(value, 0) + 1
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def truth_path(folder: Path) -> Path:
    """Where the truth about an image folder is: beside it, so that no stage can read it by mistake."""
    return folder.with_name(folder.name + ".truth.json")


def write_truth(planted: Planted) -> None:
    """Write the truth, whole or not at all."""
    target = truth_path(planted.folder)
    content = {
        "about": "Planted truth of a synthetic pool. The demo compares results with it; no stage reads it.",
        "pool_version": POOL_VERSION,
        "n_images": planted.n_images,
        "seed": planted.seed,
        "files": [asdict(file) for file in planted.files],
    }
    partial = target.with_name(target.name + ".partial")
    partial.write_text(json.dumps(content, ensure_ascii=True, indent=1), encoding="utf-8")
    os.replace(partial, target)


def read_truth(folder: Path) -> Planted | None:
    """The truth about an image folder; None where there is none, or one of another version of the pool."""
    try:
        content = json.loads(truth_path(folder).read_text(encoding="utf-8"))
        if content["pool_version"] != POOL_VERSION:
            return None
        files = tuple(PlantedFile(**row) for row in content["files"])
        return Planted(folder, content["n_images"], content["seed"], files)
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # none, or none of ours
        return None


def is_complete(planted: Planted) -> bool:
    """Every file of the truth is in the folder with its size."""
    return all(_size(planted.folder / file.path) == file.size_bytes for file in planted.files)


def strangers(folder: Path, files: Iterable[PlantedFile]) -> list[str]:
    """Paths in the folder that the pool did not write; hidden files, which systems leave, do not count."""
    known = {file.path for file in files}
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if path not in known and not path.rsplit("/", 1)[-1].startswith("."))


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
