"""How well did the pipeline do? Rows of its tables against the planted truth, as rows of a table to show."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from synlake.demo.crowd import YES
from synlake.demo.planted import COPIES, Planted, PlantedFile
from synlake.schemas.reasons import CANDIDATE

Row = Mapping[str, Any]
#: An image in a synset: what a row of ``pool`` is about.
Key = tuple[str, str]


def duplicate_recall(pool: Iterable[Row], planted: Planted) -> list[dict[str, Any]]:
    """For each kind of copy, how many were planted and found: ``kind, n_planted, n_found, recall``.

    A planted copy c of an original o is *found* when

    - its bytes are o's, and one row of ``pool`` stands for both (``n_sources`` is 2 or more), or
    - c is a duplicate of o, or of another copy of o, or
    - o is a duplicate of c (which of the two is kept depends on their ranks).

    So a group of an original and n copies, of which k are found, keeps 1 + n − k images. An image *is a
    duplicate* of another where its row has ``duplicate_of``, restored to reach a floor or not.
    A last row, ``all``, sums the kinds. ``recall`` is null where nothing was planted.
    """
    rows_of_pool = list(pool)
    duplicate_of = _duplicates(rows_of_pool)
    shared = {_key(row) for row in rows_of_pool if row["n_sources"] > 1}
    by_path = {file.path: file for file in planted.files}
    n_planted = dict.fromkeys(COPIES, 0)
    n_found = dict.fromkeys(COPIES, 0)
    groups = _groups(planted)
    for copy in planted.files:
        if copy.is_copy and copy.original is not None:
            n_planted[copy.kind] += 1
            original = by_path[copy.original]
            n_found[copy.kind] += (
                (copy.image_id, copy.synset_id) in shared
                if copy.image_id == original.image_id
                else _is_found(copy, original, duplicate_of, groups)
            )
    rows = [_recall_row(kind, n_planted[kind], n_found[kind]) for kind in COPIES]
    return [*rows, _recall_row("all", sum(n_planted.values()), sum(n_found.values()))]


def duplicate_precision(pool: Iterable[Row], planted: Planted) -> dict[str, Any]:
    """Of the images found to be duplicates, how many truly are: ``n_duplicates, n_right, precision``.

    A duplicate is right when it and the image it names were planted as one group: an original and its
    copies. ``precision`` is null where there are no duplicates.
    """
    groups = _groups(planted)
    duplicate_of = _duplicates(pool)
    n_right = sum(
        (image_id, synset_id) in groups and groups[image_id, synset_id] == groups.get((named, synset_id))
        for (image_id, synset_id), named in duplicate_of.items()
    )
    n = len(duplicate_of)
    return {"n_duplicates": n, "n_right": n_right, "precision": _share(n_right, n)}


def broken_files(rejected: Iterable[Row], planted: Planted) -> list[dict[str, Any]]:
    """For each broken file, the reason it was planted with and the one given: ``path, expected, given``.

    ``rejected`` has ``image_id, synset_id, reject_reason``: rows of ``pool``, or those of ``candidates`` that
    ingest-images rejected. ``given`` is null where the file was not rejected.
    """
    given = {_key(row): row["reject_reason"] for row in rejected}
    return [
        {
            "path": file.path,
            "expected": file.reject_reason,
            "given": _text(given.get((_image_id(file, planted), file.synset_id))),
        }
        for file in planted.files
        if file.reject_reason is not None
    ]


def _image_id(file: PlantedFile, planted: Planted) -> str:
    """Files that are turned down for their name are not read: their id is of their place, not of their bytes."""
    if file.reject_reason not in CANDIDATE:
        return file.image_id
    return hashlib.sha256(f"{planted.folder.name}/{file.path}".encode()).hexdigest()


def label_accuracy(
    labels: Iterable[Row], planted: Planted, decisions: Iterable[Row] = ()
) -> list[dict[str, Any]]:
    """How right the labels are before voting, after it, and after experts decided on escalated items.

    ``labels`` are rows of table ``labels`` (gold ones are left out), ``decisions`` those of ``reviews`` that
    count, with ``item_id, label``. One row a moment:

    - ``n_images``: labelled images; ``accuracy``: share whose label is right. Before voting, every image is
      taken to show what its folder says.
    - ``n_in_dataset``: images with label yes; ``purity``: share of those that truly show their synset.
    - ``n_lost``: images that truly show it and are left out.
    """
    rows = [row for row in labels if not row["is_gold"]]
    shown = planted.shown()
    truth = [row["synset_id"] in shown.get(row["image_id"], ()) for row in rows]
    decided = {row["item_id"]: row["label"] for row in decisions if _text(row.get("label")) is not None}
    voted = [row["label"] == YES for row in rows]
    reviewed = [decided.get(row["item_id"], row["label"]) == YES for row in rows]
    moments = {"as retrieved": [True] * len(rows), "after voting": voted, "after review": reviewed}
    return [_accuracy_row(moment, said, truth) for moment, said in moments.items()]


def _accuracy_row(moment: str, said: Sequence[bool], truth: Sequence[bool]) -> dict[str, Any]:
    pairs = list(zip(said, truth, strict=True))
    n_yes = sum(said)
    return {
        "moment": moment,
        "n_images": len(pairs),
        "accuracy": _share(sum(a == b for a, b in pairs), len(pairs)),
        "n_in_dataset": n_yes,
        "purity": _share(sum(a and b for a, b in pairs), n_yes),
        "n_lost": sum(b and not a for a, b in pairs),
    }


def _is_found(
    copy: PlantedFile, original: PlantedFile, duplicate_of: Mapping[Key, str], groups: Mapping[Key, str]
) -> bool:
    named = duplicate_of.get((copy.image_id, copy.synset_id))
    if named is not None and groups.get((named, copy.synset_id)) == original.path:
        return True
    return duplicate_of.get((original.image_id, original.synset_id)) == copy.image_id


def _groups(planted: Planted) -> dict[Key, str]:
    """(image, synset) → path of the original that it is, or is a copy of."""
    return {(file.image_id, file.synset_id): file.original or file.path for file in planted.images}


def _duplicates(pool: Iterable[Row]) -> dict[Key, str]:
    return {_key(row): row["duplicate_of"] for row in pool if _text(row["duplicate_of"]) is not None}


def _key(row: Row) -> Key:
    return row["image_id"], row["synset_id"]


def _recall_row(kind: str, n_planted: int, n_found: int) -> dict[str, Any]:
    return {"kind": kind, "n_planted": n_planted, "n_found": n_found, "recall": _share(n_found, n_planted)}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _text(value: object) -> str | None:
    """A string, or None for what stands for null: None, and the NaN of pandas."""
    return value if isinstance(value, str) else None
