"""Claiming and registering a name: of several freezes under it, one wins, and only its rows are there."""

from __future__ import annotations

import pytest
from rows import as_dicts, rows

from synlake import registry, tables, views
from synlake.errors import ConflictError


def add(spark, warehouse, mine, *images):
    given = [
        {"release": "r1", "image_id": image, "split": "train", "label_source": "votes"} for image in images
    ]
    registry.add_rows(warehouse, mine, "release_images", rows(spark, "release_images", *given))


def register(spark, warehouse, mine):
    row = {"release": "r1", "kind": "frozen", "freeze_id": mine.number}
    registry.register(warehouse, mine, rows(spark, "releases", row))


def test_of_two_freezes_at_once_the_later_one_wins_and_nothing_of_the_other_stays(spark, warehouse):
    early = registry.claim(warehouse, "r1")
    add(spark, warehouse, early, "a", "b")
    assert tables.read(warehouse, "release_images").count() == 2
    assert views.releases(warehouse) == []
    assert registry.earlier_images(warehouse) is None
    late = registry.claim(warehouse, "r1")
    add(spark, warehouse, early, "c")  # an executor that did not notice
    add(spark, warehouse, late, "d")
    register(spark, warehouse, late)
    with pytest.raises(ConflictError, match="another freeze"):
        register(spark, warehouse, early)
    assert [row["image_id"] for row in as_dicts(tables.read(warehouse, "release_images"))] == ["d"]
    assert [row["freeze_id"] for row in as_dicts(tables.read(warehouse, "releases"), "release")] == [
        late.number
    ]
    with pytest.raises(ConflictError, match="frozen already"):
        registry.claim(warehouse, "r1")
