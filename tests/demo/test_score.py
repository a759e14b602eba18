from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synlake.demo.planted import COPIES, Planted, PlantedFile
from synlake.demo.score import broken_files, duplicate_precision, duplicate_recall, label_accuracy


def _file(name: str, kind: str = "original", original: str | None = None, **other: Any) -> PlantedFile:
    values = {"shown_synset_id": "n1", "reject_reason": None, "image_id": name.upper(), **other}
    return PlantedFile(
        path=name, synset_id="n1", kind=kind, way="jpeg", original=original, size_bytes=1, **values
    )


def _planted(*files: PlantedFile) -> Planted:
    return Planted(Path("nowhere"), len(files), 7, files)


def _row(
    image_id: str, duplicate_of: Any = None, *, n_sources: int = 1, synset_id: str = "n1"
) -> dict[str, Any]:
    return {
        "image_id": image_id,
        "synset_id": synset_id,
        "duplicate_of": duplicate_of,
        "n_sources": n_sources,
    }


def _found(pool: list[dict[str, Any]], planted: Planted) -> dict[str, tuple[int, int]]:
    rows = duplicate_recall(pool, planted)
    return {row["kind"]: (row["n_found"], row["n_planted"]) for row in rows if row["n_planted"]}


GROUP = _planted(_file("o"), _file("r", "resized", "o"), _file("c", "cropped", "o"), _file("z"))


@pytest.mark.parametrize(
    ("duplicates", "resized", "cropped"),
    [
        ({}, 0, 0),
        ({"R": "O"}, 1, 0),
        ({"O": "R"}, 1, 0),  # which of the two stays depends on their ranks
        ({"R": "O", "C": "O"}, 1, 1),
        ({"O": "C", "R": "C"}, 1, 1),
        ({"R": "C"}, 1, 0),
        ({"O": "C"}, 0, 1),
        ({"R": "Z"}, 0, 0),  # dropped, but as a copy of a stranger
        ({"Z": "R"}, 0, 0),
    ],
)
def test_a_copy_is_found_as_defined(duplicates: dict[str, str], resized: int, cropped: int) -> None:
    pool = [_row(image, duplicates.get(image)) for image in "ORCZ"]
    assert _found(pool, GROUP) == {
        "resized": (resized, 1),
        "cropped": (cropped, 1),
        "all": (resized + cropped, 2),
    }


def test_exact_copies_are_found_where_one_row_stands_for_both() -> None:
    planted = _planted(_file("o"), _file("e", "exact", "o", image_id="O"))
    assert _found([_row("O", n_sources=2)], planted)["exact"] == (1, 1)
    assert _found([_row("O", n_sources=1)], planted)["exact"] == (0, 1)
    assert _found([_row("O", n_sources=2, synset_id="n2")], planted)["exact"] == (0, 1)


def test_nothing_planted_has_no_recall() -> None:
    rows = duplicate_recall([_row("O")], _planted(_file("o")))
    assert [row["kind"] for row in rows] == [*COPIES, "all"]
    assert {row["recall"] for row in rows} == {None}


def test_precision_counts_duplicates_of_the_same_group() -> None:
    pool = [_row("O", "C"), _row("R", "C"), _row("C"), _row("Z", "O"), _row("STRAY", "O"), _row("Y", np.nan)]
    assert duplicate_precision(pool, GROUP) == {"n_duplicates": 4, "n_right": 2, "precision": 0.5}
    assert duplicate_precision([_row("O")], GROUP)["precision"] is None
    # Two images that the truth knows nothing of are no group.
    assert duplicate_precision([_row("X", "Y")], GROUP)["precision"] == 0


def test_broken_files_show_what_was_expected_and_given() -> None:
    bad = _file("bad", "broken", reject_reason="truncated", shown_synset_id=None)
    planted = _planted(_file("o"), bad)
    given = [{"image_id": "BAD", "synset_id": "n1", "reject_reason": "corrupt"}]
    assert broken_files(given, planted) == [{"path": "bad", "expected": "truncated", "given": "corrupt"}]
    assert broken_files([], planted) == [{"path": "bad", "expected": "truncated", "given": None}]


def test_label_accuracy_before_voting_after_it_and_after_review() -> None:
    planted = _planted(_file("a"), _file("b"), _file("c"), _file("d", shown_synset_id="n2"))

    def label(image: str, answer: str, *, is_gold: bool = False) -> dict[str, Any]:
        item = {"item_id": f"{image}{is_gold}", "image_id": image, "synset_id": "n1"}
        return {**item, "label": answer, "is_gold": is_gold}

    labels = [label("A", "yes"), label("B", "no"), label("C", "yes"), label("D", "no")]
    gold = [label("A", "no", is_gold=True)]
    decisions = [{"item_id": "BFalse", "label": "yes"}, {"item_id": "AFalse", "label": None}]
    before, voted, reviewed = label_accuracy(labels + gold, planted, decisions)
    assert (before["accuracy"], before["n_in_dataset"], before["purity"], before["n_lost"]) == (
        0.75,
        4,
        0.75,
        0,
    )
    assert (voted["accuracy"], voted["n_in_dataset"], voted["purity"], voted["n_lost"]) == (0.75, 2, 1.0, 1)
    assert (reviewed["accuracy"], reviewed["n_in_dataset"], reviewed["n_lost"]) == (1.0, 3, 0)
    assert [row["accuracy"] for row in label_accuracy([], planted)] == [None] * 3


def _greedy(pool: Planted, hashes: dict[str, np.ndarray], tau: int) -> list[dict[str, Any]]:
    """Rows of ``pool`` as the definition has them, by brute force."""
    sizes = {}
    for file in pool.images:
        with Image.open(pool.folder / file.path) as image:
            sizes[file.path] = image.width * image.height
    ranked = sorted(pool.images, key=lambda file: (-sizes[file.path], file.image_id))
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    kept: list[PlantedFile] = []
    for file in ranked:
        key = (file.image_id, file.synset_id)
        if key in rows:
            rows[key]["n_sources"] += 1
            continue
        rows[key] = _row(file.image_id, synset_id=file.synset_id)
        near = (
            (int((hashes[file.path] != hashes[other.path]).sum()), place)
            for place, other in enumerate(kept)
            if other.synset_id == file.synset_id
        )
        distance, place = min(near, default=(64, -1))
        if distance < tau:
            rows[key]["duplicate_of"] = kept[place].image_id
        else:
            kept.append(file)
    return list(rows.values())


def test_a_whole_pool_scores_as_its_copies_were_made(pool: Planted, hashes: dict[str, np.ndarray]) -> None:
    rows = _greedy(pool, hashes, 8)
    recall = {row["kind"]: row["recall"] for row in duplicate_recall(rows, pool)}
    assert all(recall[kind] == 1 for kind in ("exact", "re-encoded", "resized"))
    assert recall["watermarked"] >= 0.75
    assert 0.4 <= recall["cropped"] <= 1
    assert duplicate_precision(rows, pool)["precision"] == 1
    # The law in the docstring: what is kept is everything but what was found.
    n_kept = sum(row["duplicate_of"] is None for row in rows)
    assert n_kept == len(pool.images) - sum(row["n_found"] for row in duplicate_recall(rows, pool)[:-1])


def test_a_blind_deduplication_finds_exact_copies_only(pool: Planted, hashes: dict[str, np.ndarray]) -> None:
    scores = {row["kind"]: row["recall"] for row in duplicate_recall(_greedy(pool, hashes, 0), pool)}
    assert scores.pop("exact") == 1
    assert 0 < scores.pop("all") < 0.3
    assert set(scores.values()) == {0}
