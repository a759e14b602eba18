"""Every way to deduplicate against the definition, computed by comparing everything with everything."""

from __future__ import annotations

import datetime as dt
from contextlib import ExitStack

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synlake.jobs.duplicates import find
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


def found_by(rows, **settings):
    """(dropped, pairs) of ranked rows, in the form of :func:`by_definition`."""
    with ExitStack() as stack:
        found = find(rows, stack, strategy="phash", **settings)
        flagged = found.images.where("duplicate_of IS NOT NULL").collect()
        pairs = hash_graph.image_pairs(found.images, found.hash_pairs).collect()
        n_most = hash_graph.n_image_pairs(found.nodes, found.hash_pairs).first()["n"]
        assert found.n_images == rows.count()
    assert n_most >= len(pairs)
    dropped = {(r["image_id"], r["synset_id"]): (r["duplicate_of"], r["distance_bits"]) for r in flagged}
    listed = [tuple(pair) for pair in pairs]
    assert len(listed) == len(set(listed))
    return dropped, set(listed)


#: Many cases in one run of Spark, in synsets of their own.
CASES = st.lists(adversarial_images(), min_size=5, max_size=9).map(
    lambda cases: [(f"{n}{i}", f"{n}{s}", *rest) for n, case in enumerate(cases) for i, s, *rest in case]
)
#: All in one task; some synsets larger than a task; all but those of one row as graphs.
ROWS_PER_TASK = (10_000, 8, 1)


def check(spark, images, tau, scope, rows_per_task, random):
    random.shuffle(images)
    rows = ranked(as_rows(spark, images), scope=scope).repartition(random.randint(1, 3))
    assert found_by(rows, tau=tau, rows_per_task=rows_per_task) == by_definition(images, tau, scope)


@pytest.mark.parametrize(("scope", "rows_per_task"), [("synset", 8), ("global", 10_000), ("global", 0)])
@settings(max_examples=1)
@given(images=CASES, tau=st.integers(1, 20), random=st.randoms(use_true_random=False))
def test_found_duplicates_are_those_of_the_definition(spark, images, tau, scope, rows_per_task, random):
    check(spark, images, tau, scope, rows_per_task, random)


@pytest.mark.slow
@pytest.mark.parametrize("tau", range(1, 21))
@settings(max_examples=2)
@given(
    images=CASES,
    scope=st.sampled_from(["synset", "global"]),
    rows_per_task=st.sampled_from(ROWS_PER_TASK),
    random=st.randoms(use_true_random=False),
)
def test_they_are_for_every_tau_and_way(spark, images, tau, scope, rows_per_task, random):
    check(spark, images, tau, scope, rows_per_task, random)


@settings(max_examples=1)
@given(CASES, st.integers(1, 20), st.sampled_from(["synset", "global"]), st.data())
def test_what_was_compared_before_is_believed_and_the_rest_is_found(spark, images, tau, scope, data):
    ids = sorted({image[0] for image in images})
    old = set(data.draw(st.lists(st.sampled_from(ids), unique=True)))
    compared = [image for image in images if image[0] in old]
    rows = ranked(as_rows(spark, images), scope=scope)
    _, old_pairs = by_definition(compared, tau, scope)
    pairs = spark.createDataFrame(
        sorted(old_pairs), "image_id_l string, image_id_r string, distance_bits int"
    )
    earlier = hash_graph.earlier_of(rows, as_rows(spark, compared).select("image_id", "synset_id"), pairs)
    assert found_by(rows, tau=tau, earlier=earlier) == by_definition(images, tau, scope)


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
