"""The banded join, whole and routed, against comparing every pair."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import contextmanager
from itertools import combinations_with_replacement

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synlake.methods import banded_join, pair_routing
from synlake.methods.banded_join import near_pairs
from synlake.methods.bands import EVERYTHING, Bands, bands_for, n_masks

compiled = pytest.mark.skipif(
    not banded_join.is_compiled(), reason="no C compiler when synlake was installed: numpy does it all"
)
either_way = pytest.mark.parametrize("by", [pytest.param("near.c", marks=compiled), "numpy"])


@contextmanager
def compared(by, block):
    """Comparing is done by ``near.c`` or by numpy, ``block`` pairs or comparisons at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(banded_join, "_BLOCK", block)
        if by == "numpy":
            patch.setattr(banded_join, "_library", lambda: None)
        yield


@st.composite
def hash_sets(draw):
    """Hashes that are random, equal, in chains of single flips, or crowded into few bands."""
    seeds = draw(st.lists(st.integers(0, 2**64 - 1) | st.just(0), min_size=1, max_size=4))
    steps = draw(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 63), st.booleans()), max_size=70))
    hashes = list(seeds)
    for at, bit, from_last in steps:  # a flip of the last hash continues a chain, one of a seed makes a star
        hashes.append((hashes[-1] if from_last else seeds[at % len(seeds)]) ^ (1 << bit))
    return np.array(hashes, np.uint64)


def brute_force(hashes, max_bits, groups=None):
    distance = np.bitwise_count(hashes[:, None] ^ hashes[None, :])
    near = np.triu(distance <= max_bits, k=1)
    if groups is not None:
        near &= groups[:, None] == groups[None, :]
    return sorted((int(i), int(j), int(distance[i, j])) for i, j in np.argwhere(near))


def usable_bands(max_bits):
    every = [bands_for(n, max_bits) for n in range(1, min(16, max_bits + 1) + 1)]
    return [EVERYTHING, *(b for b in every if max(map(n_masks, b.widths, b.flips)) <= 3000)]


@either_way
@settings(max_examples=200)
@given(hash_sets(), st.integers(0, 19), st.integers(1, 3), st.sampled_from([1, 7, 1 << 17]), st.data())
def test_finds_every_pair_once(by, hashes, max_bits, n_groups, block, data):
    bands = data.draw(st.sampled_from([None, *usable_bands(max_bits)]))
    groups = np.arange(len(hashes)) % n_groups
    with compared(by, block):
        found = near_pairs(hashes, max_bits, bands=bands, groups=groups if n_groups > 1 else None)
    listed = sorted(zip(*(column.tolist() for column in found), strict=True))
    assert listed == brute_force(hashes, max_bits, groups if n_groups > 1 else None)


@either_way
@settings(max_examples=200)
@given(hash_sets(), st.integers(0, 24), st.integers(0, 4), st.sampled_from([1, 7, 1 << 17]), st.data())
def test_every_pair_meets_in_one_task(by, hashes, max_bits, prefix_bits, block, data):
    hashes = np.unique(hashes)
    known = np.array(data.draw(st.lists(st.booleans(), min_size=len(hashes), max_size=len(hashes))), bool)
    bands = data.draw(st.sampled_from(usable_bands(max_bits)))
    if bands == EVERYTHING:
        bands = Bands((prefix_bits,), (prefix_bits,))
    plan = pair_routing.Plan(len(hashes), max_bits, bands, min(prefix_bits, *bands.widths))
    found = []
    for route, members in routed(hashes, plan).items():
        chosen = np.array(data.draw(st.permutations(members)))
        with compared(by, block):
            columns = pair_routing.join_route(hashes[chosen], known[chosen], route, plan)
        found += [
            (min(a, b), max(a, b), bits) for a, b, bits in zip(*(c.tolist() for c in columns), strict=True)
        ]
    wanted = [
        (int(hashes[i]), int(hashes[j]), bits)
        for i, j, bits in brute_force(hashes, max_bits)
        if not (known[i] and known[j])
    ]
    assert sorted(found) == wanted


def routed(hashes, plan):
    """{route: positions of the hashes that are sent there}, by the words of pair_routing's docstring."""
    members = {}
    for at, value in enumerate(hashes.tolist()):
        for band, width in enumerate(plan.bands.widths):
            shift = plan.bands.shift(band) + width - plan.prefix_bits
            prefix = (value >> shift) % (1 << plan.prefix_bits)
            for other in range(prefix + 1):
                if (prefix ^ other).bit_count() <= plan.bands.flips[band]:
                    members.setdefault((band << plan.prefix_bits) + other, []).append(at)
    return members


def test_routes_are_those_of_the_words():
    hashes = np.random.default_rng(5).integers(0, 2**64, 50, dtype=np.uint64)
    plan = pair_routing.Plan(50, 7, bands_for(4, 7), 3)
    found = {}
    for at, route in zip(*(column.tolist() for column in pair_routing.routes(hashes, plan)), strict=True):
        found.setdefault(route, []).append(at)
    assert {route: sorted(members) for route, members in found.items()} == routed(hashes, plan)


@pytest.mark.parametrize("max_bits", range(20))
def test_bands_cover_a_hash_and_their_flips_suffice(max_bits):
    for bands in usable_bands(max_bits)[1:]:
        assert sum(bands.widths) == min(64, 32 * len(bands.widths))
        assert sum(flips + 1 for flips in bands.flips) == max_bits + 1


def test_more_hashes_than_a_task_holds_are_spread():
    plan = pair_routing.plan_join(10_000_000, 7)
    assert plan.prefix_bits == 4
    assert "10,000,000 hashes" in plan.describe()
    far = pair_routing.plan_join(10_000_000, 40)
    assert far.bands.widths == far.bands.flips == (far.prefix_bits,)


@pytest.mark.parametrize("prefix_bits", [0, 2])
def test_rows_may_repeat_and_tell_which_new_hashes_do(spark, prefix_bits):
    draw = random.Random(3)
    rows = [(draw.choice("ab"), draw.randrange(1 << 9), draw.random() < 0.3) for _ in range(300)]
    df = spark.createDataFrame(rows, "scope string, hash long, is_known boolean").repartition(3)
    plan = pair_routing.Plan(300, 1, bands_for(2, 1), prefix_bits)
    found = pair_routing.near_hashes(df, plan, n_all=300, is_distinct=False).collect()
    new = Counter(row[:2] for row in rows if not row[2])
    every = sorted({row[:2] for row in rows})
    wanted = [
        (scope, a, b, (a ^ b).bit_count())
        for (scope, a), (other, b) in combinations_with_replacement(every, 2)
        if scope == other and (a ^ b).bit_count() <= 1
        if (new[scope, a] > 1 if a == b else new[scope, a] or new[scope, b])
    ]
    assert sorted(map(tuple, found)) == wanted


def test_of_rows_that_are_the_same_two_are_sent():
    rows = [("a", 1, False)] * 5 + [("a", 1, True)] * 3 + [("b", 1, False)] + [("b", 2, True)] * 2
    table = pa.table(
        dict(zip(("scope", "hash", "is_known"), map(list, zip(*rows, strict=True)), strict=True))
    )
    sent = Counter(tuple(row.values()) for row in pair_routing._twice_at_most(table).to_pylist())
    assert sent == {row: min(2, n) for row, n in Counter(rows).items()}
