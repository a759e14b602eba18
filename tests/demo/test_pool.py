from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synlake.demo import pool as pool_module
from synlake.demo.encoding import DECK, ENDINGS
from synlake.demo.pictures import MOTIFS, paint
from synlake.demo.planted import COPIES, Planted, read_truth, truth_path
from synlake.demo.pool import COPY_SHARE, ODD_NAMES, WRONG_SHARE, class_sizes, write_pool
from synlake.errors import InputError, UsageError
from synlake.schemas.reasons import CANDIDATE, FINGERPRINT
from synlake.udfs.decode import Limits, decode
from synlake.udfs.files import synset_in


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(pool: Planted, tmp_path: Path) -> None:
    again = write_pool(tmp_path / "again", n_images=150, seed=7)
    assert again.files == pool.files
    for file in again.files:
        assert (again.folder / file.path).read_bytes() == (pool.folder / file.path).read_bytes()
    other = write_pool(tmp_path / "other", n_images=150, seed=8)
    common = {file.image_id for file in other.images} & {file.image_id for file in pool.images}
    assert common == set()


def test_the_truth_describes_every_file_on_disk(pool: Planted) -> None:
    on_disk = {path.relative_to(pool.folder).as_posix() for path in pool.folder.rglob("*") if path.is_file()}
    assert on_disk == {file.path for file in pool.files}
    assert len(on_disk) == len(pool.files)
    for file in pool.files:
        content = (pool.folder / file.path).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (file.image_id, file.size_bytes)
        assert synset_in(os.fsencode(file.path)) == file.synset_id
    assert read_truth(pool.folder) == pool
    assert truth_path(pool.folder).parent == pool.folder.parent


def test_counts_are_as_documented(pool: Planted) -> None:
    assert len(pool.images) == 150
    sizes = Counter(file.synset_id for file in pool.images)
    assert sizes == class_sizes(150)
    kinds = Counter(file.kind for file in pool.images)
    copies = [kinds[kind] for kind in COPIES]
    assert max(copies) - min(copies) <= 1
    assert sum(copies) == sum(max(1, round(COPY_SHARE * size)) for size in sizes.values())
    assert set(kinds) == {"original", *COPIES}
    originals = [file for file in pool.images if file.kind == "original"]
    assert {file.way for file in originals} == set(ENDINGS)


@pytest.mark.parametrize("n_images", [100, 101, 150, 999, 1000, 5000])
def test_class_sizes_are_a_long_tail_that_adds_up(n_images: int) -> None:
    sizes = list(class_sizes(n_images).values())
    assert sum(sizes) == n_images
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] >= 3
    assert sizes[0] >= 4 * sizes[-1]


def test_wrong_labels_are_planted_at_their_share() -> None:
    slots = pool_module._plan(1000, 7)
    originals = [slot for slot in slots if slot.source is None]
    n_wrong = sum(slot.shown_synset_id != slot.synset_id for slot in originals)
    # Rounded in each of the 16 classes, so at most half an image off in each.
    assert abs(n_wrong - WRONG_SHARE * len(originals)) <= 8
    by_index = {slot.index: slot for slot in slots}
    for slot in slots:
        if slot.source is not None:
            assert slot.shown_synset_id == by_index[slot.source].shown_synset_id
            assert slot.synset_id == by_index[slot.source].synset_id


def test_sound_images_open_as_what_they_were_planted_as(pool: Planted) -> None:
    seen = set()
    ways: dict[str | None, str] = {file.path: file.way for file in pool.files}
    for file in pool.images:
        found = decode((pool.folder / file.path).read_bytes(), Limits())
        assert found is not None
        assert found.reject_reason is None, (file.path, found)
        assert min(found.width_px or 0, found.height_px or 0) >= 48
        assert max(found.width_px or 0, found.height_px or 0) <= 640
        seen.add((found.format, found.mode))
        assert Image.registered_extensions()[Path(file.path).suffix.lower()] == found.format
        assert (found.exif_orientation is not None) == (file.way == "jpeg-turned")
        source = ways.get(file.original, file.way) if file.kind == "exact" else file.way
        assert found.is_animated == (source == "gif-animated")
    assert {format_ for format_, _ in seen} == {"JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"}
    assert {mode for _, mode in seen} >= {"RGB", "L", "P", "RGBA", "CMYK", "I;16"}


def test_broken_files_are_rejected_for_the_reason_they_were_planted_with(pool: Planted) -> None:
    broken = [file for file in pool.files if file.kind == "broken"]
    # No file hangs or crashes the decoders of every version of Pillow: those two are tested in test_isolation.
    plantable = {*FINGERPRINT, "no_synset"} - {"decode_timeout", "decoder_crashed"}
    assert {file.reject_reason for file in broken} == plantable
    for file in broken:
        content = (pool.folder / file.path).read_bytes()
        found = decode(content, Limits())
        assert found is not None
        expected = None if file.reject_reason in CANDIDATE else file.reject_reason
        assert found.reject_reason == expected, (file.path, found)
        assert len(content) < 1_000_000


def test_pillow_itself_refuses_the_broken_files(pool: Planted) -> None:
    """The oracle beside our own decoder; it has no opinion on single pixels."""
    for file in pool.files:
        if file.kind == "broken" and file.reject_reason not in ("no_synset", "too_small"):
            with (
                pytest.raises((OSError, Image.DecompressionBombError)),
                Image.open(pool.folder / file.path) as image,
            ):
                image.load()


def test_odd_names_are_there_and_sound(pool: Planted) -> None:
    stems = {file.path.split("/", 1)[1].rsplit(".", 1)[0] for file in pool.images}
    assert stems >= set(ODD_NAMES)
    joined = "".join(ODD_NAMES)
    assert all(sign in joined for sign in " '\"\n\\,;%#")
    assert not joined.isascii()


def test_originals_are_far_apart_and_copies_near(pool: Planted, hashes: dict[str, np.ndarray]) -> None:
    originals = [file for file in pool.images if file.kind == "original" and file.way != "png-16bit"]
    distances = np.array(
        [
            int((hashes[a.path] != hashes[b.path]).sum())
            for a, b in itertools.combinations(originals, 2)
            if a.synset_id == b.synset_id
        ]
    )
    assert len(distances) > 500
    assert distances.min() > 12
    assert (distances >= 20).mean() > 0.99
    for copy in pool.images:
        if copy.original is not None:
            distance = int((hashes[copy.path] != hashes[copy.original]).sum())
            assert distance <= (16 if copy.kind == "cropped" else 8), (copy, distance)
            assert copy.kind != "exact" or distance == 0


@pytest.mark.parametrize("synset_id", list(MOTIFS))
def test_every_motif_draws_any_shape_of_picture(synset_id: str) -> None:
    for size in ((96, 96), (97, 331), (640, 96)):
        picture = paint(synset_id, *size, np.random.default_rng(1))
        assert (picture.size, picture.mode) == (size, "RGB")
        assert np.asarray(picture).std() > 15
        assert picture.tobytes() == paint(synset_id, *size, np.random.default_rng(1)).tobytes()


def test_synsets_are_those_of_wordnet() -> None:
    shared = os.environ.get("SYNLAKE_SHARED")
    info = Path(shared or "") / "data/imagenetv2/metadata/class_info.json"
    if not shared or not info.exists():
        pytest.skip("needs the real data at $SYNLAKE_SHARED")
    words = {row["wnid"]: row["synset"] for row in json.loads(info.read_text())}
    assert all(motif.name in words[synset_id] for synset_id, motif in MOTIFS.items())
    assert all(re.fullmatch(r"n\d{8}", synset_id) for synset_id in MOTIFS)
    assert len(MOTIFS) >= 12
    assert len(DECK) == 32


def test_a_complete_pool_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = write_pool(tmp_path / "images", n_images=100, seed=1)
    with monkeypatch.context() as patch:
        patch.setattr(pool_module, "_write_files", lambda *_: pytest.fail("written again"))
        assert write_pool(tmp_path / "images", n_images=100, seed=1) == first
    (first.folder / first.files[5].path).unlink()
    assert write_pool(tmp_path / "images", n_images=100, seed=1) == first
    assert (first.folder / first.files[5].path).exists()
    assert write_pool(tmp_path / "images", n_images=100, seed=2).files != first.files


def test_an_interrupted_pool_is_started_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "images"

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pool_module, "_write_broken", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_pool(folder, n_images=100)
    assert not folder.exists()
    (tmp_path / "images.partial" / "left over").touch()
    planted = write_pool(folder, n_images=100)
    assert sum(path.is_file() for path in folder.rglob("*")) == len(planted.files)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "images.truth.json"]


def test_files_of_others_are_never_removed(tmp_path: Path) -> None:
    mine = tmp_path / "images" / "n01440764" / "mine.jpg"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(InputError, match=r"mine\.jpg"):
        write_pool(tmp_path / "images", n_images=100)
    assert mine.read_bytes() == b"mine"


@pytest.mark.parametrize(("n_images", "seed"), [(99, 7), (0, 7), (100, -1)])
def test_what_cannot_be_is_a_usage_error(tmp_path: Path, n_images: int, seed: int) -> None:
    with pytest.raises(UsageError):
        write_pool(tmp_path / "images", n_images=n_images, seed=seed)
    assert list(tmp_path.iterdir()) == []
