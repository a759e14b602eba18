from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image
from pyspark.sql import functions as F
from warehouses import copied

from synlake import table_files, tables
from synlake.errors import InputError, platform_fault
from synlake.jobs import export_release, exporting, import_release
from synlake.udfs.export_images import prepared, resized
from synlake.udfs.place_tar import finish_shards
from synlake.warehouse import open_warehouse

AS_CSV = argparse.Namespace(format="csv")


@pytest.fixture(scope="module")
def frozen(spark, tmp_path_factory):
    """A release of a folder tree of six images; returns (warehouse, {sha256: (split, label)})."""
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(6):
        place = folder / ("val", "train")[i % 2] / ("cat", "dog", "eel")[i % 3]
        place.mkdir(parents=True, exist_ok=True)
        Image.radial_gradient("L").rotate(9 * i).resize((40 + i, 60)).save(place / f"{i}.png")
    warehouse = open_warehouse(spark, str(tmp_path_factory.mktemp("export") / "warehouse"))
    import_release.run(warehouse, import_release.Config(release="r1", input=str(folder)), AS_CSV)
    truth = {sha256(p.read_bytes()): (p.parts[-3], p.parts[-2]) for p in folder.rglob("*.png")}
    return warehouse, truth


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def export(frozen, target: Path, layout: str, **more) -> Path:
    settings = export_release.Config(release="r1", output=str(target), layout=layout, **more)
    export_release.run(frozen[0], settings, AS_CSV)
    listed = list(csv.DictReader((target / "checksums.csv").open()))
    assert listed
    assert all(sha256((target / row["path"]).read_bytes()) == row["sha256"] for row in listed)
    return target


def test_folders_walk_back_to_the_same_images(frozen, tmp_path):
    target = export(frozen, tmp_path, "imagefolder")
    found = {sha256(p.read_bytes()): (p.parts[-3], p.parts[-2]) for p in target.glob("*/*/*.png")}
    assert found == frozen[1]
    before = {p: p.stat().st_mtime_ns for p in target.glob("*/*/*.png")}
    export(frozen, tmp_path, "imagefolder")
    assert {p: p.stat().st_mtime_ns for p in target.glob("*/*/*.png")} == before, "nothing is written twice"


@pytest.mark.parametrize("layout", ["imagefolder", "webdataset", "parquet"])
def test_bytes_that_are_no_longer_those_of_their_image_are_not_exported(frozen, tmp_path, layout):
    damaged = copied(frozen[0], tmp_path / "warehouse")
    first = min(frozen[1])
    content = tables.read(damaged, "image_bytes").where(F.col("image_id") == first).collect()[0]["bytes"]
    for file in (tmp_path / "warehouse/image_bytes").rglob("*.parquet"):
        file.with_name(f".{file.name}.crc").unlink(missing_ok=True)
        file.write_bytes(file.read_bytes().replace(bytes(content), bytes(content[:-1]) + b"\0"))
    with pytest.raises(Exception, match="other bytes") as told:
        export((damaged, {}), tmp_path / "export", layout)
    fault = platform_fault(told.value)
    assert fault.exit_code == 3
    assert f"is damaged: other bytes than its image_id names: image {first}\n" in str(fault)


def test_files_that_no_export_wrote_are_left_alone(frozen, tmp_path):
    mine = tmp_path / "README.md"
    mine.write_text("my own notes")
    with pytest.raises(InputError, match=r"holds what no export wrote, such as README.md"):
        export(frozen, tmp_path, "webdataset")
    assert [*tmp_path.iterdir()] == [mine]
    assert mine.read_text() == "my own notes"


def test_a_split_without_images_makes_no_folder(frozen, tmp_path):
    with pytest.raises(InputError, match="has no images in split holdout"):
        export(frozen, tmp_path / "new", "webdataset", split=("holdout",))
    assert not (tmp_path / "new").exists()


def shards_of(target: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in target.glob("*.tar")}


def test_shards_hold_the_same_images_and_the_same_bytes_each_time(frozen, tmp_path, monkeypatch):
    found = {}
    for path in sorted(export(frozen, tmp_path / "a", "webdataset", shard_bytes=1 << 16).glob("*.tar")):
        with tarfile.open(path) as tar:
            members = {member.name: tar.extractfile(member).read() for member in tar}
        for name, content in members.items():
            if name.endswith(".png"):
                about = json.loads(members[name.replace(".png", ".json")])
                found[sha256(content)] = (about["split"], about["label"])
                number = int(members[name.replace(".png", ".cls")])
                assert ("cat", "dog", "eel")[number] == about["label"]
                assert path.name.startswith(about["split"])
    assert found == frozen[1]
    monkeypatch.setattr(
        table_files, "locate", lambda *_: None
    )  # as in an object store: bytes come through Spark
    again = export(frozen, tmp_path / "b", "webdataset", shard_bytes=1 << 16)
    assert shards_of(again) == shards_of(tmp_path / "a"), "both ways of writing give the same bytes"


def test_each_shard_is_hashed_by_a_task_of_its_own(frozen, tmp_path, monkeypatch):
    found = []

    def counted(shards, **places):
        found.append((shards.count(), shards.rdd.getNumPartitions()))
        return finish_shards(shards, **places)

    monkeypatch.setattr(exporting, "finish_shards", counted)
    export(frozen, tmp_path, "webdataset")
    ((n_shards, n_tasks),) = found
    assert n_tasks == n_shards > 1


@pytest.mark.slow
def test_a_killed_export_goes_on_and_finished_shards_are_not_written_again(frozen, tmp_path, monkeypatch):
    whole = shards_of(export(frozen, tmp_path / "whole", "webdataset"))
    target = tmp_path / "killed"
    with monkeypatch.context() as broken:
        broken.setattr(exporting, "finish_shards", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            export(frozen, target, "webdataset")
    (records_dir,) = target.glob(".export-*")
    assert list(records_dir.glob("*.read")), "what was read through is noted"
    assert not list(target.glob("*.tar")), "nothing half is in its place"
    assert shards_of(export(frozen, target, "webdataset")) == whole
    first, *_ = sorted(target.glob("*.tar"))
    before = {path: path.stat().st_mtime_ns for path in target.glob("*.tar")}
    first.unlink()
    assert shards_of(export(frozen, target, "webdataset")) == whole
    assert {p.name for p, t in before.items() if p.stat().st_mtime_ns != t} == {first.name}
    with pytest.raises(InputError, match="holds another export"):
        export(frozen, target, "webdataset", resize=20)


def test_classes_have_the_numbers_that_images_have(frozen, tmp_path):
    target = export(frozen, tmp_path, "webdataset", split=("val",))
    listed = csv.DictReader((target / "classes.csv").open())
    assert [(row["synset_id"], row["class_number"]) for row in listed] == [
        ("cat", "0"),
        ("dog", "1"),
        ("eel", "2"),
    ]


def test_parquet_has_the_images_and_names_its_classes(frozen, tmp_path):
    target = export(frozen, tmp_path, "parquet")
    found = {}
    for path in target.glob("*.parquet"):
        table = pq.read_table(path)
        features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
        for row in table.to_pylist():
            label = features["label"]["names"][row["label"]]
            found[sha256(row["image"]["bytes"])] = (path.name.split("-")[0], label)
    assert found == frozen[1]
    assert "path: val-*.parquet" in (target / "README.md").read_text()


def test_a_release_without_bytes_is_not_exported(spark, tmp_path):
    warehouse = open_warehouse(spark, str(tmp_path / "warehouse"))
    (tmp_path / "list.csv").write_text("image_id,label\na,cat\n")
    source = str(tmp_path / "list.csv")
    import_release.run(warehouse, import_release.Config(release="r1", input=source), AS_CSV)
    with pytest.raises(InputError, match="1 images have no bytes"):
        export((warehouse, {}), tmp_path / "out", "imagefolder")


def test_the_shorter_side_is_resized_and_small_images_are_not():
    stream = io.BytesIO()
    Image.new("RGB", (300, 600)).save(stream, "PNG")
    with Image.open(io.BytesIO(resized(stream.getvalue(), 100))) as image:
        assert image.size == (100, 200)
    assert resized(stream.getvalue(), 300) == stream.getvalue()


def test_an_image_of_too_many_bytes_loses_quality_and_then_size():
    stream = io.BytesIO()
    Image.effect_noise((400, 300), 90).save(stream, "PNG")
    content = stream.getvalue()
    assert prepared(content, shorter_px=0, max_bytes=len(content)) == (content, True)
    for limit in (60_000, 2_000):
        small, ok = prepared(content, shorter_px=0, max_bytes=limit)
        assert ok
        assert len(small) <= limit
        with Image.open(io.BytesIO(small)) as image:
            assert (image.size == (400, 300)) == (limit == 60_000)
    assert prepared(b"no image", shorter_px=9, max_bytes=0) == (b"no image", False)


def test_an_example_is_what_protobuf_would_read():
    crc = pytest.importorskip("google_crc32c", reason="needs the extra tfrecord")
    from synlake.udfs.tfrecords import example, record

    # Field 1 of Example holds the map; entry "a" → Int64List [-1], packed: ten bytes of two's complement.
    number = b"\x1a\x0c" + b"\x0a\x0a" + b"\xff" * 9 + b"\x01"
    entry = b"\x0a\x01a" + b"\x12" + bytes([len(number)]) + number
    body = b"\x0a" + bytes([len(entry)]) + entry
    assert example({"a": -1}) == b"\x0a" + bytes([len(body)]) + body
    written = record(b"xyz")
    assert written[:8] == (3).to_bytes(8, "little")
    masked = int.from_bytes(written[-4:], "little")
    rotated = (masked - 0xA282EAD8) & 0xFFFFFFFF
    assert ((rotated << 15 | rotated >> 17) & 0xFFFFFFFF) == crc.value(b"xyz")


@pytest.mark.parametrize("label", ["../evil", "a/b", "a\\b", ".."])
def test_a_label_never_leads_out_of_the_folder(label):
    with pytest.raises(InputError, match="release old has labels that cannot name a folder: "):
        export_release._check_folders(["a", label], "old")
