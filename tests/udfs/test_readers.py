"""Exports as the libraries read them that people train with: an oracle each that knows nothing of this project."""

from __future__ import annotations

import hashlib
import importlib
import io
import json
from pathlib import Path

import pytest
from PIL import Image
from shard_rows import COLUMNS, streamed

from synlake.methods.croissant import croissant
from synlake.methods.dataset_card import dataset_card

WHY = "needs the extra readers: pip install -e '.[readers]' -c constraints.txt"
CLASSES = ("cat", "dog", "eel")
ABOUT = {
    "release": "v1.0.0",
    "splits": {"test": 4, "train": 4, "val": 4},
    "n_synsets": 3,
    "frozen_at": "2026-01-01 00:00:00",
    "synlake_version": "0",
    "license": "CC0-1.0",
    "content_checksum": "c" * 64,
}


def drawn(number: int) -> bytes:
    stream = io.BytesIO()
    Image.radial_gradient("L").rotate(9 * number).resize((40 + number, 60)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def images():
    """Twelve pictures by id, and rows of them in three splits and classes."""
    by_id = {hashlib.sha256(content).hexdigest(): content for content in map(drawn, range(12))}
    rows = []
    for n, (image_id, content) in enumerate(by_id.items()):
        split = ("val", "train", "test")[n // 4]
        values = (f"{split}-000000.tar", split, CLASSES[n % 3], n % 3, image_id, len(content))
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    return by_id, sorted(rows, key=lambda row: (row["shard"], row["image_id"]))


def truth(images) -> dict[str, tuple[str, int]]:
    return {row["image_id"]: (row["split"], row["class_index"]) for row in images[1]}


def test_webdataset_reads_the_shards(images, tmp_path):
    webdataset = pytest.importorskip("webdataset", reason=WHY)
    found = {}
    for path in streamed(tmp_path, *images):
        for sample in webdataset.WebDataset(str(path), shardshuffle=False).decode("pil"):
            assert sample["json"]["label"] == CLASSES[sample["cls"]]
            assert sample["png"].size == Image.open(io.BytesIO(images[0][sample["__key__"]])).size
            found[sample["json"]["image_id"]] = (sample["json"]["split"], sample["cls"])
    assert found == truth(images)


def test_datasets_reads_the_parquet_with_classes_and_splits(images, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets", reason=WHY)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = tmp_path / "export"
    folder.mkdir()
    streamed(folder, *images, "parquet", CLASSES)
    (folder / "README.md").write_text(dataset_card({**ABOUT, "layout": "parquet"}))
    (folder / "classes.csv").write_text("synset_id\ncat\n")  # as in an export; no data for it
    found = {}
    for split, part in datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache")).items():
        assert part.features["label"].names == list(CLASSES)
        assert isinstance(part[0]["image"], Image.Image)
        for row in part.cast_column("image", datasets.Image(decode=False)):
            assert hashlib.sha256(row["image"]["bytes"]).hexdigest() == row["image_id"]
            found[row["image_id"]] = (split, row["label"])
    assert found == truth(images)


def test_tfrecord_reads_the_examples(images, tmp_path):
    reader = pytest.importorskip("tfrecord.reader", reason="needs the extra readers")
    pytest.importorskip("google_crc32c", reason="needs the extra tfrecord")
    wanted = {"image/encoded": "byte", "image/class/label": "int", "image/class/synset": "byte"}
    found = []
    for path in streamed(tmp_path, *images, "tfrecord"):
        for one in reader.tfrecord_loader(str(path), None, wanted):
            label = bytes(one["image/class/synset"]).decode()
            found.append((bytes(one["image/encoded"]), label, int(one["image/class/label"][0])))
    by_id, rows = images
    numbers = [
        (by_id[r["image_id"]], r["label"], -1 if r["class_index"] is None else r["class_index"]) for r in rows
    ]
    assert sorted(found) == sorted(numbers)


def folders(folder: Path, by_id, rows):
    for row in rows:
        place = folder / row["split"] / row["label"]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{row['image_id']}.png").write_bytes(by_id[row["image_id"]])
    return []


@pytest.mark.parametrize("layout", ["imagefolder", "webdataset", "parquet", "tfrecord"])
def test_croissant_is_valid_and_its_records_are_the_images(images, tmp_path, layout, monkeypatch):
    mlcroissant = pytest.importorskip("mlcroissant", reason=WHY)
    # It keeps what it unpacks in the user's cache, by the name of a tar, whatever the tar.
    unpacked = importlib.import_module("mlcroissant._src.operation_graph.operations.extract")
    monkeypatch.setattr(unpacked, "EXTRACT_PATH", unpacked.epath.Path(tmp_path / "cache"))
    ending = {"webdataset": "tar"}.get(layout, layout)
    paths = (
        folders(tmp_path, *images)
        if layout == "imagefolder"
        else streamed(tmp_path, *images, ending, CLASSES)
    )
    files = [{"path": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()} for path in paths]
    page = croissant({**ABOUT, "layout": layout}, files, labels=CLASSES, endings=["png"])
    (tmp_path / "croissant.json").write_text(json.dumps(page))
    dataset = mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json"))
    assert dataset.metadata.issues.errors == dataset.metadata.issues.warnings == set()
    if layout == "tfrecord":  # Croissant has no reader for it: the files are described, not their records
        return
    found = sorted(pixels(record["images/image"]) for record in dataset.records("images"))
    assert found == sorted(pixels(Image.open(io.BytesIO(content))) for content in images[0].values())


def pixels(image: Image.Image) -> str:
    return hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()
