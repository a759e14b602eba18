from __future__ import annotations

import networkx
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F
from rows import as_dicts, rows

import synlake.methods.splits as splits_module
from synlake.methods.components import connected_components
from synlake.methods.near_groups import duplicate_edges, repeated_edges, with_groups
from synlake.methods.release import decided_labels, judge_pool
from synlake.methods.splits import assign_splits, shared_groups, with_fixed

NODES = st.integers(0, 12).map(lambda i: f"i{i:02}")


@settings(max_examples=2, phases=(Phase.explicit, Phase.generate))
@given(st.lists(st.lists(st.tuples(NODES, NODES), max_size=20), min_size=20, max_size=20))
def test_components_agree_with_networkx(spark, graphs):
    """Twenty graphs side by side, so that one run of Spark's jobs tests them all."""
    edges = [(f"{g}-{a}", f"{g}-{b}") for g, given in enumerate(graphs) for a, b in given]
    df = spark.createDataFrame(edges, "id_l string, id_r string")
    graph = networkx.Graph(edges)
    wanted = {node: min(part) for part in networkx.connected_components(graph) for node in part}
    for n_edges in (None, len(edges)):  # by rounds, and in one task
        found = as_dicts(connected_components(df, n_edges=n_edges))
        assert {row["id"]: row["component"] for row in found} == wanted


def test_a_long_chain_is_one_component(spark):
    edges = [(f"i{k:03}", f"i{k + 1:03}") for k in range(60)]
    found = connected_components(spark.createDataFrame(edges, "id_l string, id_r string"))
    assert found.where("component <> 'i000'").isEmpty()
    assert found.count() == 61


def splits(spark, given, **sizes):
    """The rows of ``given`` (image, class, group) with their split; a group that has its image's name is alone."""
    df = spark.createDataFrame(given, "image_id string, synset_id string, group_id string")
    df = with_fixed(df.withColumn("is_alone", F.expr("image_id = group_id")), None)
    return assign_splits(df, shared_groups(df), **sizes)


@settings(max_examples=4)
@given(
    st.lists(st.tuples(st.sampled_from(["n1", "n2", "n3"]), st.integers(0, 30)), min_size=1, max_size=60),
    st.integers(0, 6),
    st.integers(0, 6),
)
def test_no_group_is_in_two_splits_and_every_image_in_one(spark, given, n_val, n_test):
    rows = [(f"i{k:02}", synset, f"g{group:02}") for k, (synset, group) in enumerate(given)]
    found = as_dicts(splits(spark, rows, n_val=n_val, n_test=n_test, seed=1))
    assert sorted(row["image_id"] for row in found) == sorted(f"i{k:02}" for k in range(len(given)))
    by_group = {}
    for row in found:
        by_group.setdefault(row["group_id"], set()).add(row["split"])
    assert all(len(splits) == 1 for splits in by_group.values())
    assert (n_val > 0 or n_test > 0) or {row["split"] for row in found} == {"train"}


@pytest.mark.parametrize(
    ("n", "val", "test"), [(1000, 50, 100), (300, 50, 100), (30, 5, 10), (2, 0, 0), (1, 0, 0)]
)
def test_sizes_are_exact_where_groups_are_single_images(spark, n, val, test):
    rows = [(f"i{k}", "n1", f"i{k}") for k in range(n)]
    counts = dict(splits(spark, rows, n_val=50, n_test=100, seed=3).groupBy("split").count().collect())
    assert (counts.get("val", 0), counts.get("test", 0)) == (val, test)
    assert counts.get("train", 0) == n - val - test


@settings(max_examples=5)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([1, 1, 1, 2, 9])), min_size=1, max_size=120),
    st.integers(0, 1000),
)
def test_known_class_sizes_change_no_split(spark, given, seed):
    """Also where most images of a class are in one group, of which the first hashes say little."""
    rows = [(f"i{k:03}", synset, f"i{k // span * span:03}") for k, (synset, span) in enumerate(given)]
    df = spark.createDataFrame(rows, "image_id string, synset_id string, group_id string").localCheckpoint()
    in_group = df.groupBy("group_id").agg((F.count("*") == 1).alias("is_alone"))
    df = with_fixed(df.join(in_group, on="group_id"), None)
    sizes = {s: sum(synset == s for _, synset, _ in rows) for s in {synset for _, synset, _ in rows}}
    plain, known = (
        assign_splits(df, shared_groups(df), n_val=2, n_test=3, n_holdout=1, seed=seed, sizes=given_sizes)
        for given_sizes in (None, sizes)
    )
    assert as_dicts(plain) == as_dicts(known)


def test_only_the_first_groups_of_a_large_class_are_looked_at(spark, monkeypatch):
    looked_at = []
    ends = splits_module._ends

    def counting(groups, *rest):
        looked_at.append(groups.count())
        return ends(groups, *rest)

    monkeypatch.setattr(splits_module, "_ends", counting)
    n, split = 3000, {}
    for k in (1, 600):  # images alone; and groups of 600, of which those with small hashes may hold no image
        rows = [(f"i{i:04}", "n1", f"i{i // k * k:04}") for i in range(n)]
        df = spark.createDataFrame(rows, "image_id string, synset_id string, group_id string")
        df = with_fixed(df.withColumn("is_alone", F.lit(k == 1)), None)
        found = assign_splits(df, shared_groups(df), n_val=5, n_test=10, seed=2, sizes={"n1": n})
        split[k] = dict(found.groupBy("split").count().collect())
    assert split[1] == {"val": 5, "test": 10, "train": n - 15}
    assert looked_at[0] < 100
    assert looked_at[1:] == [0, 5], "none of the five groups was below the bound, so all were looked at"
    assert split[600] == {"test": 600, "train": n - 600}


def test_the_seed_decides(spark):
    rows = [(f"i{k}", "n1", f"i{k}") for k in range(40)]
    tests = [
        frozenset(
            r["image_id"]
            for r in splits(spark, rows, n_val=0, n_test=10, seed=s).where("split = 'test'").collect()
        )
        for s in (1, 1, 2)
    ]
    assert tests[0] == tests[1] != tests[2]


def test_experts_win_over_votes_and_disputes_stay_open(spark):
    item = {"synset_id": "n1", "label": "yes", "confidence": 1.0, "n_votes": 3}
    labels = rows(
        spark,
        "labels",
        {"item_id": "sure", "image_id": "a", **item},
        {"item_id": "open", "image_id": "b", **item, "is_escalated": True, "escalation_reason": "tie"},
        {"item_id": "done", "image_id": "c", **item, "is_escalated": True, "escalation_reason": "tie"},
        {"item_id": "split", "image_id": "d", **item},
        {"item_id": "gold", "image_id": "e", **item, "is_gold": True},
    )
    decision = {"kind": "decision", "reviewer_id": "r1"}
    reviews = rows(
        spark,
        "reviews",
        {"review_id": "1", "item_id": "done", "label": "no", **decision},
        {"review_id": "2", "item_id": "split", "label": "no", **decision},
        {"review_id": "3", "item_id": "split", "label": "yes", "kind": "decision", "reviewer_id": "r2"},
        {"review_id": "4", "item_id": "sure", "label": "no", **decision, "reject_reason": "duplicate_review"},
        {"review_id": "5", "item_id": "sure", "kind": "audit", "reviewer_id": "audit"},
    )
    found = {row["image_id"]: row for row in as_dicts(decided_labels(labels, reviews))}
    assert set(found) == set("abcd")
    assert (found["a"]["label"], found["a"]["label_source"], found["a"]["is_open"]) == ("yes", "votes", False)
    assert found["b"]["is_open"]
    assert (found["c"]["label"], found["c"]["label_source"], found["c"]["is_open"]) == ("no", "review", False)
    assert found["d"]["is_open"]


def test_what_is_left_out_has_one_reason(spark):
    kept = {"synset_id": "n1", "is_kept": True}
    pool = rows(
        spark,
        "pool",
        {"image_id": "a", **kept},
        {"image_id": "b", **kept},
        {"image_id": "c", **kept},
        {"image_id": "d", **kept},
        {"image_id": "e", "synset_id": "n1", "reject_reason": "truncated"},
        {"image_id": "f", **kept},
        {"image_id": "g", **kept},
        {"image_id": "h", **kept},
    )
    prints = spark.createDataFrame([("a", 7)], "image_id string, phash bigint")
    columns = "image_id string, synset_id string, label string, confidence double, n_votes bigint, "
    decided = spark.createDataFrame(
        [
            ("a", "n1", "yes", 1.0, 3, "votes", False),
            ("b", "n1", "no", 1.0, 3, "votes", False),
            ("c", "n1", "yes", 0.5, 2, "votes", True),
            # Of several synsets: this one, another one, none of them.
            ("f", "n1", "n1", 1.0, 3, "votes", False),
            ("g", "n1", "n2", 1.0, 3, "votes", False),
            ("h", "n1", "none", 1.0, 3, "votes", False),
        ],
        columns + "label_source string, is_open boolean",
    )
    found = {row["image_id"]: row["left_out"] for row in as_dicts(judge_pool(pool, prints, decided))}
    assert found == {
        "a": None,
        "b": "label_is_no",
        "c": "unresolved_escalation",
        "d": "not_labelled",
        "e": "not_kept",
        "f": None,
        "g": "label_is_no",
        "h": "label_is_no",
    }


def test_restored_duplicates_share_a_group_with_what_they_duplicate(spark):
    given = [("a", None), ("b", "a"), ("c", "b"), ("d", None)]
    df = spark.createDataFrame(given, "image_id string, duplicate_of string").withColumn(
        "synset_id", F.lit("n1")
    )
    grouped = as_dicts(with_groups(df, duplicate_edges(df), n_edges=2))
    assert {row["image_id"]: row["group_id"] for row in grouped} == {"a": "a", "b": "a", "c": "a", "d": "d"}


def test_an_image_of_two_classes_is_in_one_split(spark):
    """Each class puts four of its images into test; the larger one would choose others than the smaller one."""
    given = [*((f"i{k}", "n1") for k in range(8)), *((f"i{k}", "n2") for k in range(12))]
    df = spark.createDataFrame(given, "image_id string, synset_id string")
    grouped = with_fixed(with_groups(df, repeated_edges(df), n_edges=8), None)
    found = as_dicts(assign_splits(grouped, shared_groups(grouped), n_val=0, n_test=4, seed=1))
    assert len(found) == len(given)
    assert len({(row["image_id"], row["split"]) for row in found}) == 12
    assert {row["image_id"] for row in found if row["is_alone"]} == {"i8", "i9", "i10", "i11"}
