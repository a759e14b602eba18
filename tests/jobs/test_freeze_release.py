from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rows import NOON, as_dicts, rows

from synlake import manifest, tables
from synlake.errors import UsageError
from synlake.jobs import freeze_release, verify_release

DOG, PUG, TENCH = "n02084071", "n02110958", "n01440764"


def grow(spark, warehouse, names):
    """Kept, fingerprinted images named after their class, each confirmed by three votes."""
    images = [{"image_id": name, "synset_id": {"p": PUG, "t": TENCH}[name[0]]} for name in names]
    prints = [
        {"image_id": n, "width_px": 9, "height_px": 9, "format": "PNG", "phash": hash_of(n)} for n in names
    ]
    labels = [
        {**i, "item_id": i["image_id"], "label": "yes", "confidence": 1.0, "n_votes": 3} for i in images
    ]
    pool = [{**image, "is_kept": True, "n_sources": 1} for image in images]
    for table, given in (("fingerprints", prints), ("labels", labels), ("pool", pool)):
        tables.insert_new(warehouse, table, rows(spark, table, *given))


def hash_of(name):
    """Hashes that are far apart: 16 times the name's number in each nibble."""
    return int(f"{ord(name[0]) % 8}{int(name[1:]):07d}" * 2, 16)


def freeze(warehouse, release, **more):
    given = {"release": release, "n_val": 1, "n_test": 2, "as_of": NOON, **more}
    return freeze_release.main(warehouse, freeze_release.Config(**given))


def images_of(warehouse, release):
    found = tables.read(warehouse, "release_images").where(f"release = '{release}'")
    return {row["image_id"]: row["split"] for row in as_dicts(found)}


@pytest.fixture(scope="module")
def frozen(spark, tmp_path_factory):
    """v1.0.0 of 12 images, v1.1.0 of those and 8 more."""
    warehouse = tables.open_warehouse(spark, str(tmp_path_factory.mktemp("freeze") / "warehouse"))
    synsets = [
        {"selection_id": "default", "synset_id": s, "name": n, "parent_ids": up, "is_selected": bool(up),
         "reject_reason": None if up else "too_shallow"}
        for s, n, up in ((PUG, "pug.n.01", [DOG]), (TENCH, "tench.n.01", [DOG]), (DOG, "dog.n.01", []))
    ]  # fmt: skip
    tables.append(warehouse, "synsets", rows(spark, "synsets", *synsets))
    names = [f"{c}{i}" for c in "pt" for i in range(6)]
    grow(spark, warehouse, names)
    freeze(warehouse, "v1.0.0")
    grow(spark, warehouse, [f"{c}{i}" for c in "pt" for i in range(6, 10)])
    freeze(warehouse, "v1.1.0")
    return warehouse


def test_an_image_keeps_its_split_and_both_releases_verify(frozen):
    old, new = images_of(frozen, "v1.0.0"), images_of(frozen, "v1.1.0")
    assert (len(old), len(new)) == (12, 20)
    assert {image: new[image] for image in old} == old
    for release in ("v1.0.0", "v1.1.0"):
        assert [f for f in verify_release.check(frozen, release, deep=False) if not f[1]] == []


def test_the_manifest_counts_classes_and_the_hierarchy_is_the_releases_own(frozen):
    page = json.loads(Path(frozen.root, manifest.path_of("v1.0.0")).read_text())
    assert page["classes"].keys() == {PUG, TENCH}
    assert sum(page["classes"][PUG].values()) == 6
    nodes = as_dicts(tables.read(frozen, "release_hierarchy").where("release = 'v1.0.0'"))
    assert {(n["synset_id"], n["is_class"], n["height"]) for n in nodes} == {
        (DOG, False, 1), (PUG, True, 0), (TENCH, True, 0)
    }  # fmt: skip


def test_a_release_is_derived_and_its_version_must_grow_enough(frozen, tmp_path):
    (tmp_path / "ids.txt").write_text("p1\n")
    withdrawn = {"from_": "v1.1.0", "withdraw": str(tmp_path / "ids.txt"), "reason": "takedown"}
    with pytest.raises(UsageError, match="major"):
        freeze(frozen, "v1.1.1", from_="v1.1.0", only=(PUG,))
    outcome = freeze(frozen, "v1.1.1", **withdrawn)
    assert (outcome.rows_kept, dict(outcome.rejected)) == (19, {"withdrawn": 1})
    assert "p1" not in images_of(frozen, "v1.1.1")
    subset = freeze(replace(frozen), "pugs", from_="v1.1.0", only=(PUG,))
    assert (subset.rows_kept, dict(subset.rejected)) == (10, {"other_class": 10})
