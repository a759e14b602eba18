from __future__ import annotations

import hashlib
import os

import pytest
from rows import as_dicts

from synlake.errors import InputError
from synlake.udfs import files
from synlake.udfs.contents import Opening, hash_files, read_files
from synlake.udfs.files import find_files, synset_in


@pytest.mark.parametrize(
    ("path", "wnid"),
    [
        (b"n01440764/a.jpg", "n01440764"),
        (b"train/n01440764/deep/a.jpg", "n01440764"),
        (b"n01440764_tench.JPEG", "n01440764"),
        (b"n01440764.jpg", "n01440764"),
        (b"n01440764-fish/n01443537_b.jpg", "n01440764"),
        (b"n0144076/a.jpg", "unknown"),
        (b"n014407641/a.jpg", "unknown"),
        (b"x_n01440764/a.jpg", "unknown"),
        (b"a.jpg", "unknown"),
        (b"\xff\xfe/n01440764_x.jpg", "n01440764"),
    ],
)
def test_the_synset_is_that_of_the_nearest_folder_else_of_the_name(path, wnid):
    assert synset_in(path) == wnid


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "my pictures"
    names = [
        b"n01440764/two words.jpg",
        b'n01440764/it\'s "quoted".jpg',
        b"n01440764/two\nlines.jpg",
        "n01440764/Gänseblümchen.jpg".encode(),
        b"n01440764/not utf-8 \xff.jpg",
        b"n01440764/_hidden for Hadoop.jpg",
        b"n01440764/.hidden.jpg",
        b"n01440764/sub/deep.PNG",
        b"n01440764/100% #1, a;b=c?.jpg",
        b"n01443537_flat.JPEG",
        b"notes.txt",
    ]
    for name in names:
        path = os.path.join(os.fsencode(root), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(name)
    return root


def test_every_regular_file_is_found_whatever_its_name(spark, tree):
    found = as_dicts(find_files(spark, str(tree)))
    assert len(found) == 11
    assert [row["source_ref"] for row in found if not row["is_image"]] == ["my pictures/notes.txt"]
    assert any(row["source_ref"].endswith("not utf-8 \\xff.jpg") for row in found)
    assert {row["synset_id"] for row in found if row["is_image"]} == {"n01440764", "n01443537"}


def test_links_to_folders_pipes_and_broken_links_do_not_stop_the_walk(spark, tree):
    os.symlink(tree, tree / "n01440764" / "loop")
    os.symlink(tree / "n01443537_flat.JPEG", tree / "n01440764" / "linked.jpg")
    os.symlink(tree / "nowhere", tree / "n01440764" / "broken.jpg")
    os.mkfifo(tree / "n01440764" / "pipe.jpg")
    found = {row["source_ref"].split("/")[-1]: row for row in as_dicts(find_files(spark, str(tree)))}
    assert len(found) == 13
    hashed = {row["source_ref"].split("/")[-1]: row for row in as_dicts(hashed_tree(spark, tree))}
    assert hashed["broken.jpg"]["sha256"] is None
    assert hashed["linked.jpg"]["sha256"] == hashed["n01443537_flat.JPEG"]["sha256"]


def hashed_tree(spark, tree, max_bytes=1000):
    return hash_files(find_files(spark, str(tree)), Opening(max_bytes=max_bytes))


def test_hashes_are_of_the_bytes(spark, tree):
    for row in as_dicts(hashed_tree(spark, tree)):
        with open(bytes(row["path"]), "rb") as stream:
            assert row["sha256"] == hashlib.sha256(stream.read()).hexdigest()


def test_what_is_too_large_is_not_even_read(spark, tree):
    (tree / "n01440764" / "large.jpg").write_bytes(bytes(2000))
    found = {row["source_ref"].split("/")[-1]: row["sha256"] for row in as_dicts(hashed_tree(spark, tree))}
    assert found.pop("large.jpg") is None
    assert None not in found.values()


def test_bytes_that_changed_since_they_were_hashed_are_not_stored(spark, tree):
    hashed = hashed_tree(spark, tree).withColumnRenamed("sha256", "image_id").localCheckpoint()
    (tree / "n01443537_flat.JPEG").write_bytes(b"something else")
    stored = as_dicts(read_files(hashed, Opening(max_bytes=1000)).as_rows())
    assert len(stored) == 10
    assert all(hashlib.sha256(row["bytes"]).hexdigest() == row["image_id"] for row in stored)
    assert all(len(row["bytes"]) == row["size_bytes"] for row in stored)


def test_reading_holds_a_batch_at_a_time(spark, tree, monkeypatch):
    monkeypatch.setattr(files, "BATCH_BYTES", 10)
    hashed = hashed_tree(spark, tree).withColumnRenamed("sha256", "image_id")
    assert read_files(hashed, Opening(max_bytes=1000)).as_rows().count() == 11


def test_a_missing_folder_is_said(spark, tmp_path):
    with pytest.raises(InputError, match="nowhere: no such folder"):
        find_files(spark, str(tmp_path / "nowhere"))
