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
from synlake.methods.deduplication import was_compared
from synlake.schemas import reasons
from synlake.stage import run_stage
from synlake.warehouse import open_warehouse

#: Hashes near to each other in every way: few bits, far apart, at both ends of the word.
HASHES = st.sampled_from([0, 1, 3, 7, 15, 1 << 63, (1 << 63) | 1, 0xFF << 30, 0x7F << 30, 2**64 - 1])
IMAGES = st.lists(st.tuples(HASHES, st.integers(1, 2), st.integers(1, 3)), min_size=1, max_size=12)


def signed(value):
    return value - 2**64 if value >= 2**63 else value


def add(warehouse, images, first=0, *, mode="exact", are_candidates=True, are_printed=True):
    """(hash, synset, width) → rows of candidates and fingerprints."""
    named = [(f"i{first + k:03}", *image) for k, image in enumerate(images)]
    candidates = ({"image_id": i, "synset_id": f"n{s}", "source_ref": i} for i, _, s, _ in named)
    prints = (
        {"image_id": i, "hash_mode": mode, "phash": signed(h), "width_px": w, "height_px": 9}
        for i, h, _, w in named
    )
    if are_candidates:
        tables.append(warehouse, "candidates", rows(warehouse.spark, "candidates", *candidates))
    if are_printed:
        tables.append(warehouse, "fingerprints", rows(warehouse.spark, "fingerprints", *prints))


def deduplicate(warehouse, **given_settings):
    run_stage(warehouse, STAGES["deduplicate-images"], job.Config(**given_settings))
    return {name: as_dicts(tables.read(warehouse, name)) for name in ("pool", "duplicate_pairs")}


def pairs_of(images, tau):
    """Every pair of the first so many images, each with each: what table duplicate_pairs is to have."""
    near = ((a, b, (images[a][0] ^ images[b][0]).bit_count()) for b in range(len(images)) for a in range(b))
    return [
        {"image_id_l": f"i{a:03}", "image_id_r": f"i{b:03}", "distance_bits": bits}
        for a, b, bits in sorted(near)
        if bits < tau
    ]


def release(warehouse, image_id):
    """Put an image into release v1, with no more than deduplication looks at."""
    image = {"release": "v1", "image_id": image_id, "split": "train", "label_source": "votes"}
    for name, row in (("releases", {"release": "v1", "kind": "frozen"}), ("release_images", image)):
        tables.append(warehouse, name, rows(warehouse.spark, name, row))


@pytest.mark.slow
def test_pairs_are_all_those_below_tau_also_when_images_were_added(warehouse, capsys, monkeypatch):
    images = [(0, 1, 1), (1, 2, 1), (3, 1, 1), (7, 1, 2), (1 << 63, 2, 1), (0, 1, 3)]
    add(warehouse, images[:2])
    assert deduplicate(warehouse, scope="global", tau=3)["duplicate_pairs"] == pairs_of(images[:2], 3)
    release(warehouse, "i001")
    add(warehouse, images[2:], first=2)
    monkeypatch.setattr(job, "ROWS_PER_TASK", 0)  # as if there were many
    capsys.readouterr()
    found = deduplicate(warehouse, scope="global", tau=3)
    assert "only what is new" in capsys.readouterr().err
    assert found["duplicate_pairs"] == pairs_of(images, 3)
    duplicates = {row["image_id"]: row["duplicate_of"] for row in found["pool"]}
    assert duplicates == {"i001": None, **{f"i{k:03}": "i001" for k in (0, 2, 3, 4, 5)}}, (
        "the released one wins"
    )
    larger = job.Config(scope="global", tau=4)
    assert job._earlier(warehouse, None, larger) is None, "a larger tau has pairs that were not looked for"


@pytest.mark.slow
@pytest.mark.parametrize("scope", ["global", "synset"])
@settings(max_examples=5)
@given(before=IMAGES, after=IMAGES)
def test_added_later_or_all_at_once_gives_the_same_tables(spark, tmp_path_factory, scope, before, after):
    grown, whole = (open_warehouse(spark, str(tmp_path_factory.mktemp(name) / "w")) for name in "ab")
    # A pair at the start, so that there is something to go on from.
    before = [(0, 1, 1), (1, 1, 1), *before]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "ROWS_PER_TASK", 0)
        add(grown, before)
        deduplicate(grown, scope=scope, tau=4)
        add(grown, after, first=len(before))
        found = deduplicate(grown, scope=scope, tau=4)
    add(whole, [*before, *after])
    assert found == deduplicate(whole, scope=scope, tau=4)


@pytest.mark.slow
def test_what_was_fingerprinted_after_it_was_in_the_pool_is_new(warehouse, monkeypatch):
    monkeypatch.setattr(job, "ROWS_PER_TASK", 0)
    images = [(0, 1, 1), (1, 1, 1), (3, 1, 1), (7, 1, 1)]
    add(warehouse, images[:2])
    add(warehouse, images[2:], first=2, are_printed=False)
    assert deduplicate(warehouse, scope="global", tau=3)["duplicate_pairs"] == pairs_of(images[:2], 3)
    add(warehouse, images[2:], first=2, are_candidates=False)
    assert deduplicate(warehouse, scope="global", tau=3)["duplicate_pairs"] == pairs_of(images, 3)


def test_compared_is_what_had_no_reason_before_the_comparison(spark):
    pool = rows(spark, "pool", *({"image_id": r, "reject_reason": r or None} for r in ("", *reasons.POOL)))
    found = {row["image_id"] for row in was_compared(pool).collect()}
    assert found == {"", *reasons.DUPLICATE} - {"not_fingerprinted"}


@pytest.mark.slow
def test_pairs_that_another_hand_wrote_are_not_gone_on_from(warehouse, capsys, monkeypatch):
    monkeypatch.setattr(job, "ROWS_PER_TASK", 0)
    add(warehouse, [(0, 1, 1), (1, 1, 1)])
    deduplicate(warehouse, scope="global", tau=4)
    told = {"image_id_l": "i000", "image_id_r": "i001", "distance_bits": 3}
    tables.overwrite(warehouse, "duplicate_pairs", rows(warehouse.spark, "duplicate_pairs", told))
    add(warehouse, [(3, 1, 1)], first=2)
    capsys.readouterr()
    assert deduplicate(warehouse, scope="global", tau=4)["duplicate_pairs"][0]["distance_bits"] == 1
    assert "only what is new" not in capsys.readouterr().err


def test_hashes_of_two_modes_are_not_compared(spark, warehouse, tmp_path):
    add(warehouse, [(0, 1, 1)])
    other = tmp_path / "other"
    rows(spark, "fingerprints", {"image_id": "x", "hash_mode": "fast", "phash": 0}).write.format(
        "delta"
    ).save(str(other))
    with pytest.raises(InputError, match="hashes of mode fast, this warehouse of mode exact"):
        deduplicate(warehouse, scope="global", against=str(other))


def test_a_release_is_compared_with_the_hashes_and_classes_that_it_is_published_without(warehouse, capsys):
    add(warehouse, [(0, 1, 1)])
    kind = {"kind": "imported"}
    image = {"label_source": "import", "split": "train", "synset_id": "n2", "label": "n2"}
    secret = {"image_id": "i000", "split": "holdout", "synset_id": "withheld", "label": "withheld"}
    for name, *added in (
        ("releases", {"release": "v1", "counts": {"withheld": 1}, **kind}, {"release": "v2", **kind}),
        (
            "release_images",
            {**image, "release": "v1", "image_id": "gone"},
            {**image, "release": "v1", **secret},
            {**image, "release": "v2", "image_id": "gone"},
        ),
        ("release_withheld", {"release": "v1", "image_id": "i000", "synset_id": "n1", "label": "n1"}),
    ):
        tables.append(warehouse, name, rows(warehouse.spark, name, *added))
    found = job._others(warehouse, "v1", scope="synset").select("image_id", "synset_id", "phash")
    assert set(map(tuple, found.collect())) == {("i000", "n1", 0), ("gone", "n2", None)}
    assert "1 of the 2 images of v1 have no pHash" in capsys.readouterr().err
    with pytest.raises(InputError, match="--against v2: wanted images with a pHash, none of the 1 has one"):
        job._others(warehouse, "v2", scope="synset")


def test_pixel_strategy_needs_pixels(warehouse):
    add(warehouse, [(0, 1, 1)])
    with pytest.raises(InputError, match="without pixel_sha256"):
        deduplicate(warehouse, strategy="pixel")
