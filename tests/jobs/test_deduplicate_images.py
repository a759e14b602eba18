"""deduplicate-images as a job: what is added later gives the tables that all at once would have given."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import as_dicts, rows

from synlake import tables
from synlake.errors import InputError
from synlake.jobs import STAGES
from synlake.jobs import deduplicate_images as job
from synlake.stage import run_stage
from synlake.tables import open_warehouse

#: Hashes near to each other in every way: few bits, far apart, at both ends of the word.
HASHES = st.sampled_from([0, 1, 3, 7, 15, 1 << 63, (1 << 63) | 1, 0xFF << 30, 0x7F << 30, 2**64 - 1])
IMAGES = st.lists(st.tuples(HASHES, st.integers(1, 2), st.integers(1, 3)), min_size=1, max_size=12)


def signed(value):
    return value - 2**64 if value >= 2**63 else value


def add(warehouse, images, first=0, mode="exact"):
    """(hash, synset, width) → rows of candidates and fingerprints."""
    spark = warehouse.spark
    named = [(f"i{first + k:03}", *image) for k, image in enumerate(images)]
    tables.append(
        warehouse,
        "candidates",
        rows(
            spark,
            "candidates",
            *({"image_id": i, "synset_id": f"n{s}", "source_ref": i} for i, _, s, _ in named),
        ),
    )
    prints = (
        {"image_id": i, "hash_mode": mode, "phash": signed(h), "width_px": w, "height_px": 9}
        for i, h, _, w in named
    )
    tables.append(warehouse, "fingerprints", rows(spark, "fingerprints", *prints))


def deduplicate(warehouse, **given_settings):
    run_stage(warehouse, STAGES["deduplicate-images"], job.Config(**given_settings))
    return {name: as_dicts(tables.read(warehouse, name)) for name in ("pool", "duplicate_pairs")}


@pytest.mark.parametrize("scope", ["global", "synset"])
@settings(max_examples=2)
@given(before=IMAGES, after=IMAGES)
def test_added_later_or_all_at_once_gives_the_same_tables(spark, tmp_path_factory, scope, before, after):
    grown, whole = (open_warehouse(spark, str(tmp_path_factory.mktemp(name) / "w")) for name in "ab")
    # A pair at the start, so that there is something to go on from.
    before = [(0, 1, 1), (1, 1, 1), *before]
    add(grown, before)
    deduplicate(grown, scope=scope, tau=4)
    add(grown, after, first=len(before))
    add(whole, [*before, *after])
    assert deduplicate(grown, scope=scope, tau=4) == deduplicate(whole, scope=scope, tau=4)


def test_what_was_compared_is_not_compared_again(warehouse, capsys):
    add(warehouse, [(0, 1, 1), (1, 1, 1)])
    deduplicate(warehouse, scope="global", tau=4)
    add(warehouse, [(3, 1, 1)], first=2)
    capsys.readouterr()
    # The stored pair is believed, not found anew: change it, and the change stays.
    told = rows(
        warehouse.spark, "duplicate_pairs", {"image_id_l": "i000", "image_id_r": "i001", "distance_bits": 3}
    )
    version = tables.version(warehouse, "duplicate_pairs")
    tables.overwrite(warehouse, "duplicate_pairs", told)
    assert deduplicate(warehouse, scope="global", tau=4)["duplicate_pairs"][0]["distance_bits"] == 1, (
        "pairs that another hand wrote are not gone on from"
    )
    assert tables.version(warehouse, "duplicate_pairs") > version
    add(warehouse, [(7, 1, 1)], first=3)
    capsys.readouterr()
    deduplicate(warehouse, scope="global", tau=4)
    assert "only what is new" in capsys.readouterr().err
    deduplicate(warehouse, scope="global", tau=6)
    assert "only what is new" not in capsys.readouterr().err, (
        "a larger tau has pairs that were not looked for"
    )


def test_hashes_of_two_modes_are_not_compared(spark, warehouse, tmp_path):
    add(warehouse, [(0, 1, 1)])
    other = tmp_path / "other"
    rows(spark, "fingerprints", {"image_id": "x", "hash_mode": "fast", "phash": 0}).write.format(
        "delta"
    ).save(str(other))
    with pytest.raises(InputError, match="hashes of mode fast, this warehouse of mode exact"):
        deduplicate(warehouse, scope="global", against=str(other))


def test_pixel_strategy_needs_pixels(warehouse):
    add(warehouse, [(0, 1, 1)])
    with pytest.raises(InputError, match="without pixel_sha256"):
        deduplicate(warehouse, strategy="pixel")
