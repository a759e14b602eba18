"""Splits over generations of releases. Each example holds many small worlds, so that one Spark job tests them all."""

from __future__ import annotations

import random
from itertools import combinations

import networkx
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F
from rows import as_dicts

from synlake.methods.near_groups import (
    edges_of,
    hashes_to_group,
    near_pairs_of,
    near_secret,
    rows_to_group,
    with_groups,
)
from synlake.methods.splits import PRECEDENCE, SECRET, assign_splits, shared_groups, with_fixed, with_near

IMAGES = "image_id string, synset_id string, phash long, duplicate_of string"
EARLIER = "image_id string, split string, phash long"
TAU = 4
#: Low bits of a hash: images of a world are near by chance. The high bits keep worlds apart.
LOW_BITS = 9
N_WORLDS = 40


def world_of(draw: random.Random):
    """The hashes of 15 images, and three releases of some: images come, stay, go, come again, and regroup."""
    hashes = [draw.randrange(1 << LOW_BITS) for _ in range(15)]
    releases = []
    for _ in range(3):
        chosen = draw.sample(range(15), draw.randint(1, 12))
        # Its one or two classes, and the image that it is a restored duplicate of.
        drawn = {
            i: (draw.choice(["a", "b", "ab"]), draw.choice([None, None, draw.randrange(15)])) for i in chosen
        }
        releases.append(drawn)
    return hashes, releases


def hash_of(world: int, low: int) -> int:
    """Worlds differ in at least TAU bits, as each of the six bits of their number is there eight times."""
    high = sum(0xFF << (8 * bit) for bit in range(6) if world >> bit & 1)
    return (high << LOW_BITS | low) & ((1 << 63) - 1)


def freeze(spark, worlds, at, earlier):
    """``{image: split}`` and the groups, over all worlds, of their releases number ``at``."""
    rows = [
        (f"{w}-i{i:02}", f"{w}-{c}", hash_of(w, hashes[i]), None if d is None else f"{w}-i{d:02}")
        for w, (hashes, releases) in enumerate(worlds)
        for i, (classes, d) in releases[at].items()
        for c in classes
    ]
    known = spark.createDataFrame(earlier, EARLIER)
    images = with_fixed(spark.createDataFrame(rows, IMAGES), known)
    secret = known.where(F.col("split").isin(*SECRET)).select("phash", "split")
    pairs = near_pairs_of(images, secret, n_images=1000, tau=TAU).localCheckpoint()
    grouped = with_groups(
        images, edges_of(rows_to_group(images, hashes_to_group(pairs)), pairs), n_edges=len(rows)
    )
    grouped = with_near(grouped, near_secret(images.where("fixed_place IS NULL"), secret, pairs))
    found = as_dicts(assign_splits(grouped, shared_groups(grouped), n_val=1, n_test=2, n_holdout=1, seed=1))
    assert sorted((r["image_id"], r["synset_id"]) for r in found) == sorted(r[:2] for r in rows)
    of_images = {(r["image_id"], r["split"]) for r in found}
    assert len(of_images) == len({row[0] for row in rows}), "an image of two classes is in one split"
    return rows, dict(of_images), {r["image_id"]: r["group_id"] for r in found}


def n_bits(a, b):
    return (a ^ b).bit_count()


def check_groups(rows, splits, groups):
    """Groups are the components of: near hashes, or a duplicate and what it duplicates."""
    graph = networkx.Graph()
    graph.add_nodes_from(row[0] for row in rows)
    graph.add_edges_from((row[0], row[3]) for row in rows if row[3] is not None)
    by_world = {}
    for row in rows:
        by_world.setdefault(row[0].split("-")[0], []).append(row)
    for inside in by_world.values():
        graph.add_edges_from((a[0], b[0]) for a, b in combinations(inside, 2) if n_bits(a[2], b[2]) < TAU)
    for part in networkx.connected_components(graph):
        members = part & splits.keys()
        assert {groups[image] for image in members} <= {min(part)}
        assert len({splits[image] for image in members}) <= 1, "a group is in one split"


@settings(max_examples=1, phases=(Phase.explicit, Phase.generate))
@given(st.integers(0, 1 << 30))
def test_over_growth_removal_and_regrouping_nothing_secret_is_trained_on(spark, seed):
    draw = random.Random(seed)
    worlds = [world_of(draw) for _ in range(N_WORLDS)]
    earlier, ever = [], {}
    for at in range(3):
        rows, splits, groups = freeze(spark, worlds, at, earlier)
        check_groups(rows, splits, groups)
        hashes = {row[0]: row[2] for row in rows}
        for image, split in splits.items():
            mine = [PRECEDENCE.index(splits[other]) for other in splits if groups[other] == groups[image]]
            assert len(set(mine)) == 1
            if image in ever:  # a split is left only for one that is more secret
                assert PRECEDENCE.index(split) <= min(map(PRECEDENCE.index, ever[image]))
            if split == "train":
                near = [
                    h
                    for h, s in ((h, s) for _, s, h in earlier)
                    if s in SECRET and n_bits(h, hashes[image]) < TAU
                ]
                was_trained_on = "train" in ever.get(image, ())
                assert not near or was_trained_on, "a new image near a secret one is as secret"
        for image, split in splits.items():
            ever.setdefault(image, set()).add(split)
            earlier.append((image, split, hashes[image]))
    assert earlier


def simple(spark, n, earlier=()):
    images = spark.createDataFrame(
        [(f"i{k}", "a", f"i{k}", True) for k in range(n)],
        "image_id string, synset_id string, group_id string, is_alone boolean",
    )
    fixed = spark.createDataFrame(list(earlier), "image_id string, split string")
    images = with_fixed(images, fixed)
    rows = as_dicts(assign_splits(images, shared_groups(images), n_val=2, n_test=3, n_holdout=1, seed=1))
    return {row["image_id"]: row["split"] for row in rows}


def test_growth_fills_up_to_the_size_wanted(spark):
    old = simple(spark, 6)
    assert sorted(old.values()) == ["test", "train", "train", "train", "train", "val"]
    grown = simple(spark, 24, old.items())
    assert all(grown[image] == split for image, split in old.items())
    assert [list(grown.values()).count(s) for s in PRECEDENCE] == [1, 3, 2, 18]


@pytest.mark.parametrize(("tau", "found"), [(4, {"n", "e"}), (3, {"e"})])
def test_a_new_image_near_a_test_image_is_test(spark, tau, found):
    images = spark.createDataFrame(
        [("n", 0b111), ("f", -1), ("k", 0b1110000), ("e", 0)], "image_id string, phash long"
    )
    earlier = spark.createDataFrame([("t", "test", 0), ("k", "train", 0b1110000)], EARLIER)
    secret = earlier.where("split = 'test'").select("phash", "split")
    pairs = near_pairs_of(images, secret, n_images=4, tau=tau)
    images = with_fixed(images, earlier)
    near = near_secret(images.where("fixed_place IS NULL"), secret, pairs)
    places = {row["image_id"]: row["fixed_place"] for row in as_dicts(with_near(images, near))}
    given = {image: PRECEDENCE[place - 1] for image, place in places.items() if place is not None}
    assert given == {"k": "train", **dict.fromkeys(found, "test")}
