from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from rows import as_dicts

from synlake.methods.splits import assign_splits, fixed_splits

IMAGES = "image_id string, synset_id string, group_id string, phash long"
FIXED = "image_id string, split string, phash long"
#: (image, class, group) of a release: groups change from release to release.
RELEASE = st.dictionaries(
    st.integers(0, 25), st.tuples(st.sampled_from("ab"), st.integers(0, 9)), min_size=1, max_size=20
)


def split_of(spark, release, earlier, tau=0):
    found = [(f"i{i}", c, f"g{g}", 1 << i) for i, (c, g) in release.items()]
    images = spark.createDataFrame(found, IMAGES)
    before = spark.createDataFrame([(i, s, None) for i, s in earlier.items()], FIXED)
    fixed = fixed_splits(images, before, tau=tau)
    rows = as_dicts(assign_splits(images, n_val=2, n_test=3, seed=1, fixed=fixed))
    return {row["image_id"]: row["split"] for row in rows}


@settings(max_examples=12)
@given(RELEASE, RELEASE)
def test_no_test_image_is_ever_trained_on(spark, first, second):
    old = split_of(spark, first, {})
    new = split_of(spark, second, old)
    order = ("test", "val", "train")
    groups = {}
    for i, (_, g) in second.items():
        groups.setdefault(g, set()).add(f"i{i}")
    for members in groups.values():
        assert len({new[image] for image in members}) == 1, "a group is in one split"
        inherited = [order.index(old[image]) for image in members if image in old]
        if inherited:
            assert {new[image] for image in members} == {order[min(inherited)]}


def test_growth_fills_up_to_the_size_wanted(spark):
    small = {i: ("a", i) for i in range(6)}
    old = split_of(spark, small, {})
    grown = split_of(spark, {i: ("a", i) for i in range(24)}, old)
    assert all(grown[image] == split for image, split in old.items())
    assert sorted(grown.values()).count("test") == 3
    assert sorted(grown.values()).count("val") == 2


def test_a_new_image_near_a_test_image_is_test(spark):
    images = spark.createDataFrame([("n", "a", "n", 0b111), ("f", "a", "f", -1), ("k", "a", "k", 0)], IMAGES)
    earlier = spark.createDataFrame([("t", "test", 0), ("k", "train", 0)], FIXED)
    fixed = {(row["image_id"], row["split"]) for row in as_dicts(fixed_splits(images, earlier, tau=4))}
    assert fixed == {("t", "test"), ("k", "train"), ("n", "test")}
    assert ("n", "test") not in {
        (r["image_id"], r["split"]) for r in as_dicts(fixed_splits(images, earlier, tau=3))
    }
