from __future__ import annotations

import datetime as dt
from contextlib import ExitStack

from pyspark.sql import functions as F
from rows import NOON, as_dicts, rows

from synlake.jobs.duplicates import find
from synlake.methods.deduplication import (
    give_reason,
    held_out_rows,
    ranked,
    release_precedence,
    to_pool,
    with_hashes,
)
from synlake.methods.hash_graph import rank
from synlake.methods.quotas import apply_floor, apply_quota


def pool_of(spark, *images):
    """(image_id, synset_id, phash, width) → the pool before deduplication."""
    candidates = rows(spark, "candidates", *({"image_id": i, "synset_id": s} for i, s, _, _ in images))
    prints = rows(
        spark,
        "fingerprints",
        *(
            {"image_id": i, "phash": h, "width_px": w, "height_px": 10, "pixel_sha256": f"p{h}"}
            for i, h, w in {(i, h, w) for i, _, h, w in images}
        ),
    )
    return to_pool(candidates, prints)


def deduplicated(pool, strategy="phash", tau=4):
    with ExitStack() as stack:
        found = flagged(pool, strategy, tau, stack)
        return {row["image_id"] + row["synset_id"]: row for row in as_dicts(found, "image_id", "synset_id")}


def flagged(pool, strategy, tau, stack):
    images = ranked(pool.where("reject_reason IS NULL"), scope="synset")
    found = find(images, stack, strategy=strategy, tau=tau)
    return give_reason(found.images, strategy=strategy)


def test_more_pixels_rank_first_and_synsets_are_apart(spark):
    pool = pool_of(
        spark, ("a", "n1", 0, 10), ("b", "n1", 1, 20), ("b", "n2", 1, 20), ("c", "n1", 2**40 - 1, 5)
    )
    found = deduplicated(pool)
    assert (found["an1"]["duplicate_of"], found["an1"]["distance_bits"]) == ("b", 1)
    assert found["an1"]["reject_reason"] == "near_duplicate"
    assert [found[key]["reject_reason"] for key in ("bn1", "bn2", "cn1")] == [None, None, None]


def test_an_image_that_others_have_is_held_out_whatever_its_synset_and_hash_there(spark):
    pool = pool_of(
        spark, ("a", "n1", 0, 10), ("b", "n1", 1, 20), ("b", "n2", 1, 20), ("c", "n1", 2**40 - 1, 9)
    )
    others = spark.createDataFrame([("a", "n9", None)], "image_id string, synset_id string, phash bigint")
    images = ranked(pool, scope="synset")
    with ExitStack() as stack:
        both = images.unionByName(held_out_rows(others, images, scope="synset"))
        found = find(both, stack, strategy="phash", tau=4).images.where("precedence >= 0")
        held_out = {row["image_id"] + row["synset_id"] for row in found.where("is_held_out").collect()}
    assert held_out == {"an1", "bn1"}


def test_a_release_without_hashes_has_those_of_fingerprints(spark):
    given = {"a": (None, None), "b": (5, "exact"), "c": (None, None)}
    images = (
        {"image_id": i, "split": "test", "label_source": "import", "phash": phash, "hash_mode": mode}
        for i, (phash, mode) in given.items()
    )
    prints = rows(spark, "fingerprints", *({"image_id": i, "phash": 3, "hash_mode": "fast"} for i in "ab"))
    found = with_hashes(rows(spark, "release_images", *images), prints).collect()
    assert {r["image_id"]: (r["phash"], r["hash_mode"]) for r in found} == {**given, "a": (3, "fast")}


def test_distance_equal_to_tau_is_no_duplicate(spark):
    pool = pool_of(spark, ("a", "n1", 0, 10), ("b", "n1", 0b1111, 10))
    assert deduplicated(pool, tau=4)["bn1"]["reject_reason"] is None
    assert deduplicated(pool, tau=5)["bn1"]["reject_reason"] == "near_duplicate"


def test_earlier_retrieval_ranks_before_id(spark):
    early = NOON - dt.timedelta(days=1)
    candidates = rows(
        spark,
        "candidates",
        {"image_id": "a", "synset_id": "n1"},
        {"image_id": "b", "synset_id": "n1", "retrieved_at": early},
    )
    size = {"width_px": 9, "height_px": 9, "phash": 0}
    prints = rows(spark, "fingerprints", {"image_id": "a", **size}, {"image_id": "b", **size})
    found = deduplicated(to_pool(candidates, prints))
    assert (found["an1"]["duplicate_of"], found["bn1"]["duplicate_of"]) == ("b", None)


def test_strategies(spark):
    pool = pool_of(spark, ("a", "n1", 0, 10), ("b", "n1", 0, 10), ("c", "n1", 1, 10))
    by_strategy = {s: deduplicated(pool, s) for s in ("none", "pixel", "phash")}
    reasons = {s: [row["reject_reason"] for _, row in sorted(f.items())] for s, f in by_strategy.items()}
    assert reasons == {
        "none": [None, None, None],
        "pixel": [None, "pixel_duplicate", None],
        "phash": [None, "near_duplicate", "near_duplicate"],
    }


def test_every_candidate_is_accounted_for_with_one_reason(spark):
    candidates = rows(
        spark,
        "candidates",
        {"image_id": "ok", "synset_id": "n1", "source_ref": "1"},
        {"image_id": "ok", "synset_id": "n1", "source_ref": "2"},
        {"image_id": "bad", "synset_id": "n1"},
        {"image_id": "huge", "synset_id": "n1", "reject_reason": "too_many_bytes"},
        {"image_id": "new", "synset_id": "n1"},
        {"image_id": "part", "synset_id": "n1", "source_ref": "1", "reject_reason": "unreadable"},
        {"image_id": "part", "synset_id": "n1", "source_ref": "2"},
    )
    size = {"width_px": 9, "height_px": 9, "phash": 0}
    prints = rows(
        spark,
        "fingerprints",
        {"image_id": "ok", **size},
        {"image_id": "part", **size},
        {"image_id": "bad", "reject_reason": "truncated"},
    )
    found = {row["image_id"]: row for row in as_dicts(to_pool(candidates, prints))}
    assert {i: row["reject_reason"] for i, row in found.items()} == {
        "ok": None,
        "part": None,
        "bad": "truncated",
        "huge": "too_many_bytes",
        "new": "not_fingerprinted",
    }
    assert sum(row["n_sources"] for row in found.values()) == candidates.count()


def test_floor_brings_the_least_duplicate_back_first(spark):
    pool = pool_of(spark, ("a", "n1", 0, 30), ("b", "n1", 0b1, 20), ("c", "n1", 0b111, 10), ("d", "n2", 0, 1))
    with ExitStack() as stack:
        floored = apply_floor(flagged(pool, "phash", 8, stack), floor=2)
        kept = {row["image_id"]: row for row in as_dicts(floored, "image_id")}
    assert (kept["c"]["is_restored"], kept["c"]["reject_reason"], kept["c"]["duplicate_of"]) == (
        True,
        None,
        "a",
    )
    assert (kept["b"]["is_restored"], kept["b"]["reject_reason"]) == (False, "near_duplicate")
    assert not kept["a"]["is_restored"]
    assert not kept["d"]["is_restored"], "a class without duplicates has nothing to bring back"


def test_quota_keeps_a_seeded_sample_and_what_was_released(spark):
    pool = pool_of(spark, *((f"i{k}", "n1", k << 40, 10) for k in range(6)), ("x", "n2", 0, 10))
    released = spark.createDataFrame([("i4", 1)], "image_id string, precedence int")
    pool = ranked(pool, scope="synset", released=released)
    pool = apply_floor(pool.withColumns({"duplicate_of": F.lit(None), "distance_bits": F.lit(None)}), floor=0)

    def kept(quota, seed):
        out = apply_quota(pool, quota=quota, seed=seed).where("reject_reason IS NULL AND synset_id = 'n1'")
        return frozenset(row["image_id"] for row in out.collect())

    samples = [kept(3, seed) for seed in range(4)]
    assert {len(sample) for sample in samples} == {3}
    assert all("i4" in sample for sample in samples)
    assert len(set(samples)) > 1
    assert kept(3, 1) == samples[1]
    assert (len(kept(1, 1)), len(kept(10, 1))) == (1, 6)


def test_images_of_earlier_releases_rank_before_those_of_later_ones(spark):
    pool = pool_of(spark, *((name, "n1", 0, width) for name, width in zip("abcd", (1, 2, 3, 4), strict=True)))
    releases = rows(
        spark,
        "releases",
        {"release": "v1", "frozen_at": NOON},
        {"release": "v2", "frozen_at": NOON + dt.timedelta(days=1)},
    )
    released = (("v1", "b"), ("v2", "b"), ("v2", "c"))
    images = rows(spark, "release_images", *({"release": r, "image_id": i} for r, i in released))

    def in_rank(first=None):
        precedence = release_precedence(releases, images, first=first)
        ordered = ranked(pool, scope="synset", released=precedence).orderBy(rank())
        return "".join(row["image_id"] for row in ordered.collect())

    assert in_rank() == "bcda", "of the rest, more pixels come first"
    assert in_rank("v2") == "cbda", "both are in v2, and of two in one release more pixels come first"
