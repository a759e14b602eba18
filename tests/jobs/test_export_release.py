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

from synlake import tables
from synlake.errors import InputError
from synlake.jobs import export_release, import_release
from synlake.udfs.export_images import resized

AS_CSV = argparse.Namespace(format="csv")


@pytest.fixture(scope="module")
def frozen(spark, tmp_path_factory):
    """A release of a folder tree of six images; returns (warehouse, {sha256: (split, label)})."""
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(6):
        place = folder / ("val", "train")[i % 2] / ("cat", "dog", "eel")[i % 3]
        place.mkdir(parents=True, exist_ok=True)
        Image.radial_gradient("L").rotate(9 * i).resize((40 + i, 60)).save(place / f"{i}.png")
    warehouse = tables.open_warehouse(spark, str(tmp_path_factory.mktemp("export") / "warehouse"))
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


def test_shards_hold_the_same_images_and_the_same_bytes_each_time(frozen, tmp_path):
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
    again = export(frozen, tmp_path / "b", "webdataset", shard_bytes=1 << 16)
    assert (again / "checksums.csv").read_text() == (tmp_path / "a" / "checksums.csv").read_text()


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
    warehouse = tables.open_warehouse(spark, str(tmp_path / "warehouse"))
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
