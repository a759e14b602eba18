"""Every way to deduplicate against the definition, computed by comparing everything with everything."""

from __future__ import annotations

import datetime as dt
from contextlib import ExitStack

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synlake.jobs import deduplicate_images as job
from synlake.methods import hash_graph, synset_dedup
from synlake.methods.deduplication import ranked

SCHEMA = (
    "image_id string, synset_id string, n_sources int, first_retrieved_at timestamp, phash long,"
    " pixels string, n_pixels long, reject_reason string"
)
NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.timezone.utc)


@st.composite
def adversarial_images(draw):
    """Images of few synsets whose hashes are equal, near, in chains or far apart: a few seeds, some bits flipped."""
    seeds = draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=3))
    flips = st.lists(st.integers(0, 63), max_size=9)
    image = st.tuples(
        st.sampled_from(seeds), flips, st.sampled_from("ab"), st.integers(1, 2), st.integers(0, 1)
    )
    images = []
    for i, (seed, bits, synset, n_pixels, minute) in enumerate(
        draw(st.lists(image, min_size=1, max_size=25))
    ):
        value = seed
        for bit in bits:
            value ^= 1 << bit
        images.append((f"i{i:02}", synset, value, n_pixels, minute))
    for i, _synset, value, n_pixels, minute in images[:: draw(st.integers(3, 9))]:  # some are in both synsets
        other = "ab"[_synset == "a"]
        images.append((i, other, value, n_pixels, minute))
    return images


def as_rows(spark, images):
    rows = [
        (image, synset, 1, NOON + dt.timedelta(minutes=minute), signed(value), str(value), n_pixels, None)
        for image, synset, value, n_pixels, minute in images
    ]
    return spark.createDataFrame(rows, SCHEMA)


def signed(value):
    return int(np.array(value, np.uint64).view(np.int64))


def by_definition(images, tau, scope):
    """(dropped {row: (duplicate_of, bits)}, pairs), by DESIGN's rule, one image after another."""
    in_rank = sorted(images, key=lambda one: (-one[3], one[4], one[0], one[1]))
    first = {}
    for image, synset, value, _, _ in in_rank:
        first.setdefault(((synset if scope == "synset" else ""), value), (image, synset))
    kept, dropped = [], {}
    nearest_of_hash = {}
    for image, synset, value, _, _ in in_rank:
        place = synset if scope == "synset" else ""
        if first[place, value] == (image, synset):
            near = [(bin(value ^ v).count("1"), n, i) for n, (p, v, i) in enumerate(kept) if p == place]
            near = [one for one in near if one[0] < tau]
            if near:
                bits, _, of = min(near)
                nearest_of_hash[place, value] = dropped[image, synset] = (of, bits)
            else:
                kept.append((place, value, image))
        else:
            dropped[image, synset] = nearest_of_hash.get((place, value), (first[place, value][0], 0))
    pairs = {
        (min(a[0], b[0]), max(a[0], b[0]), bin(a[2] ^ b[2]).count("1"))
        for a in images
        for b in images
        if a[0] != b[0] and (scope == "global" or a[1] == b[1]) and bin(a[2] ^ b[2]).count("1") < tau
    }
    return dropped, pairs


def found_by(spark, images, tau, scope):
    with ExitStack() as stack:
        rows = ranked(as_rows(spark, images), scope=scope)
        found = job.find(rows, job.Config(tau=tau, scope=scope), stack)
        flagged = found.images.where("duplicate_of IS NOT NULL").collect()
        pairs = hash_graph.image_pairs(found.images, found.hash_pairs).collect()
        n_most = hash_graph.n_image_pairs(found.nodes, found.hash_pairs).first()["n"]
    assert n_most >= len(pairs)
    dropped = {(r["image_id"], r["synset_id"]): (r["duplicate_of"], r["distance_bits"]) for r in flagged}
    listed = [tuple(pair) for pair in pairs]
    assert len(listed) == len(set(listed))
    return dropped, set(listed)


@settings(max_examples=4)
@given(adversarial_images(), st.integers(1, 20), st.sampled_from(["synset", "global"]))
def test_found_duplicates_are_those_of_the_definition(spark, images, tau, scope):
    assert found_by(spark, images, tau, scope) == by_definition(images, tau, scope)


@settings(max_examples=2)
@given(adversarial_images(), st.integers(1, 20))
def test_a_synset_too_large_for_a_task_is_split_to_the_same_result(spark, images, tau):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "ROWS_PER_TASK", 8)
        assert found_by(spark, images, tau, "synset") == by_definition(images, tau, "synset")


@settings(max_examples=150)
@given(adversarial_images(), st.integers(1, 64), st.randoms(use_true_random=False))
def test_the_kernel_of_a_synset_does_not_depend_on_the_order_of_rows(images, tau, random):
    images = list(images)
    random.shuffle(images)
    keys = [(-one[3], one[4], one[0]) for one in images]

    def in_rank(rows):
        return np.array(sorted(rows.tolist(), key=lambda row: keys[row]), np.int64)

    synsets = np.array(["ab".index(one[1]) for one in images])
    hashes = np.array([one[2] for one in images], np.uint64)
    flagged = synset_dedup.flag(synsets, hashes, in_rank, tau)
    found = {
        (images[row][0], images[row][1]): (images[of][0], bits)
        for row, (of, bits) in enumerate(zip(flagged.duplicate_of, flagged.distance_bits, strict=True))
        if of >= 0
    }
    assert found == by_definition(images, tau, "synset")[0]
