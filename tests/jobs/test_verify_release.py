from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import io
import json
import random
import shutil
from pathlib import Path

import imagehash
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from PIL import Image
from rows import as_dicts, rows

from synlake import manifest, registry, tables
from synlake.errors import ConflictError
from synlake.jobs import deprecate_release, diff_releases, freezing, import_release, released, verify_release
from synlake.methods import versions
from synlake.methods.release_diff import changes_by_class, diff_images, rough_changes
from synlake.warehouse import open_warehouse

AS_CSV = argparse.Namespace(format="csv", releases=[])


def freeze_folder(warehouse, folder: Path, release: str = "r1") -> None:
    import_release.run(warehouse, import_release.Config(release=release, input=str(folder)), AS_CSV)


def failed(warehouse, *, deep: bool = False) -> dict[str, str]:
    found = verify_release.check(warehouse, "r1", deep=deep)
    return {name: what for name, is_ok, what in found if not is_ok}


@pytest.fixture(scope="module")
def frozen(spark, tmp_path_factory):
    """A release of a folder tree of three images, in a warehouse that tests copy before they break it."""
    folder = tmp_path_factory.mktemp("pictures")
    for i, place in enumerate(("train/cat", "train/dog", "val/dog")):
        (folder / place).mkdir(parents=True)
        Image.radial_gradient("L").rotate(30 * i).save(folder / place / "x.png")
    warehouse = open_warehouse(spark, str(tmp_path_factory.mktemp("frozen") / "warehouse"))
    freeze_folder(warehouse, folder)
    return warehouse, folder


@pytest.fixture
def mine(spark, frozen, tmp_path):
    shutil.copytree(frozen[0].root, tmp_path / "copy")
    return open_warehouse(spark, str(tmp_path / "copy"))


def test_a_folder_becomes_a_release_with_the_hash_of_its_bytes(frozen):
    warehouse, folder = frozen
    found = {
        (r["image_id"], r["label"], r["split"]) for r in as_dicts(tables.read(warehouse, "release_images"))
    }
    paths = sorted(folder.rglob("*.png"))
    assert found == {
        (hashlib.sha256(p.read_bytes()).hexdigest(), p.parent.name, p.parent.parent.name) for p in paths
    }


@pytest.mark.parametrize("n_sent", [0, verify_release.BROADCAST_IDS])
def test_what_was_frozen_verifies_deep_in_any_place(spark, mine, monkeypatch, n_sent):
    monkeypatch.setattr(verify_release, "BROADCAST_IDS", n_sent)
    other = {"image_id": "other", "bytes": b"of no release", "size_bytes": 13}
    tables.append_unstaged(mine, "image_bytes", rows(spark, "image_bytes", other))
    assert failed(mine, deep=True) == {}


def test_an_import_that_was_killed_before_its_seal_is_completed(mine, frozen, capsys):
    page, seal = (Path(mine.root, path("r1")) for path in (manifest.path_of, manifest.seal_path_of))
    written = page.read_text(), seal.read_text()
    page.unlink()
    seal.unlink()
    freeze_folder(mine, frozen[1])
    assert (page.read_text(), seal.read_text()) == written
    assert capsys.readouterr().out.splitlines()[1].startswith("r1,3,2,")
    with pytest.raises(ConflictError, match="frozen already"):
        freeze_folder(mine, frozen[1])


def data_file(warehouse, table="release_images") -> Path:
    (path,) = Path(warehouse.root, table, "release=r1").glob("*.parquet")
    return path


def files_check(warehouse) -> tuple[bool, str]:
    """Only the first of the checks: the others are not run."""
    return next(
        (ok, what) for name, ok, what in verify_release.check(warehouse, "r1", deep=False) if name == "files"
    )


@settings(max_examples=8, phases=(Phase.explicit, Phase.generate))
@given(st.data())
def test_any_flipped_bit_is_found(mine, data):
    paths = [
        p
        for p in sorted(Path(mine.root).rglob("*.parquet"))
        if "release=r1" in str(p) or "manifests" in str(p)
    ]
    path = data.draw(st.sampled_from(paths))
    content = path.read_bytes()
    at, bit = data.draw(st.integers(0, len(content) - 1)), data.draw(st.integers(0, 7))
    path.with_name(f".{path.name}.crc").unlink(missing_ok=True)  # else Hadoop would find it first
    path.write_bytes(content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :])
    is_ok, what = files_check(mine)
    path.write_bytes(content)
    assert not is_ok
    assert f"changed: {path.relative_to(mine.root)}" in what


def test_rows_that_were_changed_and_taken_out_are_named(spark, mine):
    rows = {row["label"]: row["image_id"] for row in as_dicts(tables.read(mine, "release_images"))}
    target = f"delta.`{tables.path(mine, 'release_images')}`"
    spark.sql(f"ALTER TABLE {target} SET TBLPROPERTIES ('delta.appendOnly' = 'false')")
    spark.sql(f"UPDATE {target} SET split = 'test' WHERE image_id = '{rows['dog']}'")
    spark.sql(f"DELETE FROM {target} WHERE image_id = '{rows['cat']}'")
    what = failed(mine)
    assert what["rows of release_images"] == (
        f"2 rows, first: {rows['dog']} dog: changed row; {rows['cat']} cat: missing row"
    )
    assert {"files", "content_checksum", "manifest"} <= what.keys()


def test_missing_and_extra_files_are_found(mine):
    path = data_file(mine, "release_synsets")
    shutil.copy(path, path.with_name("extra.parquet"))
    path.unlink()
    what = failed(mine)
    assert f"missing: release_synsets/release=r1/{path.name}" in what["files"]
    assert "extra: release_synsets/release=r1/extra.parquet" in what["files"]
    assert "cannot be read" in what["rows of release_synsets"]


def test_a_file_that_a_killed_freeze_left_may_go_but_not_change(mine):
    path = data_file(mine)
    left = path.with_name("left.parquet")
    shutil.copy(path, left)
    freezing.write_manifest(mine, registry.row_of(mine, "r1"))
    assert files_check(mine)[0]
    left.write_bytes(b"something else")
    assert files_check(mine) == (False, f"changed: release_images/release=r1/{left.name}")
    left.unlink()
    assert files_check(mine)[0]


@pytest.mark.parametrize("is_hidden", [False, True], ids=["plain", "hidden from synlake"])
def test_an_extra_row_is_found(spark, mine, is_hidden):
    row = {
        "release": "r1",
        "image_id": "z",
        "synset_id": "cat",
        "split": "val",
        "label": "cat",
        "group_id": "z",
    }
    tables.append(mine, "release_images", rows(spark, "release_images", {**row, "label_source": "import"}))
    if is_hidden:  # from whoever reads what the checksum file lists, and not the log
        *_, before, after = sorted(Path(mine.root, "release_images", "_delta_log").glob("*.crc"))
        files = json.loads(before.read_text())["allFiles"]
        after.write_text(json.dumps({**json.loads(after.read_text()), "allFiles": files}))
        after.with_name(f".{after.name}.crc").unlink(missing_ok=True)  # Hadoop's own checksum of the file
        spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
        assert tables.read(mine, "release_images").where("image_id = 'z'").isEmpty()
    what = failed(mine, deep=True)
    assert {"files", "rows of release_images", "content_checksum", "manifest", "bytes"} == set(what)
    assert "z: no bytes" in what["bytes"]
    assert what["rows of release_images"] == "1 rows, first: z cat: extra row"


def bytes_check(warehouse, **image) -> tuple[bool, str]:
    """What is found of the bytes of a release of one image, beside the others in the warehouse."""
    release = {"release": "r2", "kind": "frozen", "config": "{}", "label_protocol": "{}"}
    one = {"release": "r2", "synset_id": "cat", "label": "cat", "split": "val", "group_id": "z", **image}
    for table, row in (("releases", release), ("release_images", one)):
        tables.append(warehouse, table, rows(warehouse.spark, table, row))
    return next(
        (ok, what) for name, ok, what in verify_release.check(warehouse, "r2", deep=True) if name == "bytes"
    )


def test_bytes_of_a_list_are_not_wanted_where_other_images_have_some(mine):
    assert bytes_check(mine, image_id="z", label_source="import") == (
        True,
        "a release imported without bytes",
    )


def test_bytes_that_are_not_those_of_the_id_are_named(spark, mine):
    taken = {"image_id": "z", "bytes": b"of another image", "size_bytes": 16}
    tables.append_unstaged(mine, "image_bytes", rows(spark, "image_bytes", taken))
    is_ok, what = bytes_check(mine, image_id="z", label_source="votes")
    assert (is_ok, what) == (False, "1 rows, first: z: other bytes than its image_id names")


def test_an_image_is_held_to_its_hash_and_not_to_the_smallest_side_of_today(spark, mine):
    picture, stream = Image.radial_gradient("L").resize((4, 4)), io.BytesIO()
    picture.save(stream, "PNG")
    phash = int(str(imagehash.phash(picture)), 16)
    image_id = hashlib.sha256(stream.getvalue()).hexdigest()
    stored = {"image_id": image_id, "bytes": stream.getvalue(), "size_bytes": len(stream.getvalue())}
    tables.append(mine, "image_bytes", rows(spark, "image_bytes", stored))
    signed = phash - (phash >> 63 << 64)
    found = bytes_check(mine, image_id=image_id, label_source="votes", phash=signed, hash_mode="exact")
    assert found == (True, "none differs")


def test_an_edited_manifest_is_found(mine):
    path = Path(mine.root, manifest.path_of("r1"))
    path.write_text(path.read_text().replace('"n_images": 3', '"n_images": 4'))
    path.with_name(f".{path.name}.crc").unlink()
    assert failed(mine) == {"manifest": failed(mine)["manifest"]}
    assert "'\"n_images\": 4,', wanted '\"n_images\": 3,'" in failed(mine)["manifest"]


def test_a_deprecated_release_stays_and_says_so(mine, capsys):
    for day, instead in (1, None), (2, "r1"):
        as_of = dt.datetime(2026, 1, day, tzinfo=dt.timezone.utc)
        settings = deprecate_release.Config("r1", "takedown", instead, as_of)
        deprecate_release.run(mine, settings, AS_CSV)
    capsys.readouterr()
    assert released.chosen(mine, "r1")["n_images"] == 3
    assert capsys.readouterr().err.splitlines() == [
        "note: release r1 is deprecated since 2026-01-01: takedown",
        "note: release r1 is deprecated since 2026-01-02: takedown; use r1 instead",
    ]
    assert failed(mine) == {}


def test_classes_that_changed_are_listed_and_on_demand_all(mine, tmp_path, capsys):
    rows_of_r1 = as_dicts(tables.read(mine, "release_images"))
    lines = [f"{row['image_id']},{row['label']},{row['split']}" for row in rows_of_r1]
    (tmp_path / "list.csv").write_text("\n".join(["image_id,label,split", *lines, "new,dog,test"]))
    settings = import_release.Config(release="r2", input=str(tmp_path / "list.csv"))
    import_release.run(mine, settings, AS_CSV)
    capsys.readouterr()
    both = argparse.Namespace(format="csv", releases=["r1", "r2"])
    diff_releases.run(mine, diff_releases.Config(), both)
    shown = capsys.readouterr()
    assert shown.out.splitlines() == ["label,added,removed,relabelled,moved,same", "dog,1,0,0,0,2"]
    assert "1 added, 0 removed, 0 relabelled, 0 moved, 3 same" in shown.err
    diff_releases.run(mine, diff_releases.Config(all_classes=True), both)
    assert "cat,0,0,0,0,1" in capsys.readouterr().out.splitlines()


LABELLED = "image_id string, label string, split string"


@given(
    st.dictionaries(
        st.sampled_from("abcdef"), st.tuples(st.sampled_from("xy"), st.sampled_from(["train", "test"]))
    ),
    st.dictionaries(
        st.sampled_from("abcdef"), st.tuples(st.sampled_from("xy"), st.sampled_from(["train", "test"]))
    ),
)
@pytest.mark.slow
def test_changes_agree_with_dictionaries(spark, old, new):
    frames = [spark.createDataFrame([(k, *v) for k, v in d.items()], LABELLED) for d in (old, new)]
    changes = diff_images(*frames)
    expected = {}
    for image in old.keys() | new.keys():
        before, after = old.get(image), new.get(image)
        if before is None or after is None:
            expected[image] = "added" if before is None else "removed"
        elif before == after:
            expected[image] = "same"
        else:
            expected[image] = "relabelled" if before[0] != after[0] else "moved"
    assert {row["image_id"]: row["change"] for row in as_dicts(changes)} == expected
    total = sum(sum(row[c] for c in diff_releases.CHANGES) for row in as_dicts(changes_by_class(changes)))
    assert total == len(expected)


@settings(max_examples=2, phases=(Phase.explicit, Phase.generate))
@given(st.integers(0, 1 << 30))
def test_rough_changes_are_those_of_dictionaries_for_images_of_several_labels_too(spark, seed):
    draw = random.Random(seed)
    ids = [f"i{n}" for n in range(300)]
    old, new = (
        {i: (frozenset(draw.sample("xyz", draw.choice([1, 1, 2]))), draw.choice(["train", "test"]))
         for i in draw.sample(ids, 250)}
        for _ in range(2)
    )  # fmt: skip
    frames = [
        spark.createDataFrame(
            [(i, label, split) for i, (many, split) in d.items() for label in many], LABELLED
        )
        for d in (old, new)
    ]
    both = old.keys() & new.keys()
    expected = {
        "added": len(new.keys() - old.keys()),
        "removed": len(old.keys() - new.keys()),
        "relabelled": sum(old[i][0] != new[i][0] for i in both),
        "moved": sum(old[i][0] == new[i][0] and old[i][1] != new[i][1] for i in both),
        "same": sum(old[i] == new[i] for i in both),
    }
    for changes in (rough_changes(*frames), diff_images(*frames)):
        assert {
            row["change"]: row["count"] for row in changes.groupBy("change").count().collect()
        } == expected


def test_a_version_grows_as_much_as_its_change():
    assert versions.needed({"added": 1, "moved": 1}, n_classes_gone=0) == "major"
    assert versions.needed({"removed": 5}, n_classes_gone=1) == "major"
    assert versions.needed({"same": 9}, n_classes_gone=0) == "patch"
    assert versions.level("v1.0", "v1.1") is None
