"""compare-deduplication and class-sizes as commands, on a pool whose copies are known."""

from __future__ import annotations

import argparse
import json
import xml.etree.ElementTree as ET

import pytest
from rows import rows

from synlake import tables
from synlake.errors import InputError
from synlake.jobs import class_sizes, compare_deduplication, deduplicate_images

TABLE = argparse.Namespace(format="json")
#: (image_id, synset, hash, pixels): b is a, to the pixel; c is near to it; d is alone, in a small synset.
IMAGES = [("a", "n1", 0, "p"), ("b", "n1", 0, "p"), ("c", "n1", 1, "q"), ("d", "n2", 1 << 40, "r")]


@pytest.fixture
def filled(warehouse):
    spark = warehouse.spark
    size = {"width_px": 9, "height_px": 9}
    candidates = ({"image_id": i, "synset_id": s, "source_ref": i} for i, s, _, _ in IMAGES)
    prints = ({"image_id": i, "phash": h, "pixel_sha256": p, **size} for i, _, h, p in IMAGES)
    tables.append(warehouse, "candidates", rows(spark, "candidates", *candidates))
    tables.append(warehouse, "fingerprints", rows(spark, "fingerprints", *prints))
    return warehouse


def printed(capsys):
    return json.loads(capsys.readouterr().out)


def test_each_strategy_is_held_against_the_truth(filled, tmp_path, capsys):
    truth = tmp_path / "truth.csv"
    truth.write_text("image_id,duplicate_of\na,b\nc,b\n")  # a ranks before its original, and stays
    settings = compare_deduplication.Config(truth_file=str(truth))
    assert compare_deduplication.run(filled, settings, TABLE) == 0
    found = {row.pop("strategy"): row for row in printed(capsys)}
    assert [row.pop("seconds") >= 0 for row in found.values()] == [True] * 3
    assert found == {
        "none": {
            "n_images": 4,
            "n_dropped": 0,
            "n_kept": 4,
            "suppressed": 0.0,
            "false_drops": 0,
            "tail_kept": 1.0,
        },
        "pixel": {
            "n_images": 4,
            "n_dropped": 1,
            "n_kept": 3,
            "suppressed": 0.5,
            "false_drops": 0,
            "tail_kept": 1.0,
        },
        "phash": {
            "n_images": 4,
            "n_dropped": 2,
            "n_kept": 2,
            "suppressed": 1.0,
            "false_drops": 0,
            "tail_kept": 1.0,
        },
    }
    truth.write_text("image,original\n")
    with pytest.raises(InputError, match="no column duplicate_of, image_id, has image, original"):
        compare_deduplication.run(filled, settings, TABLE)


def test_class_sizes_are_printed_and_drawn(filled, tmp_path, capsys):
    deduplicate_images.main(filled, deduplicate_images.Config())
    plot = tmp_path / "sizes.svg"
    assert class_sizes.run(filled, class_sizes.Config(plot=str(plot)), TABLE) == 0
    found = {row["stage"]: (row["n_images"], row["largest"]) for row in printed(capsys)}
    assert found == {
        "usable candidates": (4, 3),
        "after deduplication": (2, 1),
        "after floor and quota": (2, 1),
    }
    assert len(ET.parse(plot).getroot().findall("{http://www.w3.org/2000/svg}polyline")) == 3
