"""Exports as the libraries read them that people train with: an oracle each that knows nothing of this project."""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from synlake import tables
from synlake.jobs import export_release, import_release

pytestmark = pytest.mark.slow
AS_CSV = argparse.Namespace(format="csv")
CLASSES = ("cat", "dog", "eel")
WHY = "needs the extra readers: pip install -e '.[readers]' -c constraints.txt"


@pytest.fixture(scope="module")
def frozen(spark, tmp_path_factory):
    """A release of twelve images in three splits; returns (warehouse, {sha256: (split, class number)})."""
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(12):
        place = folder / ("val", "train", "test")[i // 4] / CLASSES[i % 3]
        place.mkdir(parents=True, exist_ok=True)
        Image.radial_gradient("L").rotate(9 * i).resize((40 + i, 60)).save(place / f"{i}.png")
    warehouse = tables.open_warehouse(spark, str(tmp_path_factory.mktemp("readers") / "warehouse"))
    import_release.run(warehouse, import_release.Config(release="v1.0.0", input=str(folder)), AS_CSV)
    truth = {
        hashlib.sha256(p.read_bytes()).hexdigest(): (p.parts[-3], CLASSES.index(p.parts[-2]))
        for p in folder.rglob("*.png")
    }
    return warehouse, truth


@pytest.fixture
def export(frozen, tmp_path):
    def run(layout: str) -> Path:
        settings = export_release.Config(release="v1.0.0", output=str(tmp_path), layout=layout)
        export_release.run(frozen[0], settings, AS_CSV)
        return tmp_path

    return run


def test_webdataset_reads_the_shards(frozen, export):
    webdataset = pytest.importorskip("webdataset", reason=WHY)
    folder, found = export("webdataset"), {}
    for path in sorted(folder.glob("*.tar")):
        for sample in webdataset.WebDataset(str(path), shardshuffle=False).decode():
            key = (
                hashlib.sha256(sample["png"]).hexdigest()
                if isinstance(sample["png"], bytes)
                else sample["__key__"]
            )
            assert sample["json"]["label"] == CLASSES[sample["cls"]]
            found[key] = (sample["json"]["split"], sample["cls"])
    assert found == frozen[1]


def test_datasets_reads_the_parquet_with_classes_and_splits(frozen, export, tmp_path_factory, monkeypatch):
    datasets = pytest.importorskip("datasets", reason=WHY)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = export("parquet")
    cache = str(tmp_path_factory.mktemp("cache"))
    loaded = datasets.load_dataset(str(folder), cache_dir=cache)
    found = {}
    for split, part in loaded.items():
        assert part.features["label"].names == list(CLASSES)
        assert isinstance(part[0]["image"], Image.Image)
        for row in part.cast_column("image", datasets.Image(decode=False)):
            key = hashlib.sha256(row["image"]["bytes"]).hexdigest()
            assert key == row["image_id"]
            found[key] = ({"validation": "val"}.get(split, split), row["label"])
    assert found == frozen[1]


def test_tfrecord_reads_the_examples(frozen, export):
    reader = pytest.importorskip("tfrecord.reader", reason=WHY)
    pytest.importorskip("google_crc32c", reason=WHY)
    folder, found = export("tfrecord"), {}
    wanted = {"image/encoded": "byte", "image/class/label": "int", "image/class/synset": "byte"}
    for path in sorted(folder.glob("*.tfrecord")):
        for one in reader.tfrecord_loader(str(path), None, wanted):
            number = int(one["image/class/label"][0])
            assert bytes(one["image/class/synset"]).decode() == CLASSES[number]
            found[hashlib.sha256(bytes(one["image/encoded"])).hexdigest()] = (path.name.split("-")[0], number)
    assert found == frozen[1]


@pytest.mark.parametrize("layout", ["imagefolder", "webdataset", "parquet", "tfrecord"])
def test_croissant_is_valid_and_its_records_are_the_images(frozen, export, layout):
    mlcroissant = pytest.importorskip("mlcroissant", reason=WHY)
    folder = export(layout)
    dataset = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
    assert dataset.metadata.issues.errors == set()
    assert dataset.metadata.issues.warnings == set()
    listed = {row["path"]: row["sha256"] for row in csv.DictReader((folder / "checksums.csv").open())}
    described = json.loads((folder / "croissant.json").read_text())
    files = {one["@id"]: one["sha256"] for one in described["distribution"] if "sha256" in one}
    assert files == (listed if layout != "imagefolder" else {})
    if layout == "tfrecord":  # Croissant has no reader for it: the files are described, not their records
        return
    images = [record["images/image"] for record in dataset.records("images")]
    assert len(images) == 12
    pixels = {pixels_of(image) for image in images}
    stored = tables.read(frozen[0], "image_bytes").collect()
    assert pixels == {pixels_of(Image.open(io.BytesIO(row["bytes"]))) for row in stored}


def pixels_of(image: Image.Image | bytes) -> str:
    image = Image.open(io.BytesIO(image)) if isinstance(image, bytes) else image
    return hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()
