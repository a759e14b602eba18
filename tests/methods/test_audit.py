from __future__ import annotations

import math

import pytest
from pyspark.sql import functions as F
from rows import as_dicts, rows
from scipy.stats import binomtest

from synlake.methods.accuracy import score_labels, wilson_bounds
from synlake.methods.audit import audit_table, audited, drawn_for_audit


def labels(spark, *given):
    full = [{"label": "yes", "confidence": 1.0, "n_votes": 3, "posterior": {}, **row} for row in given]
    return rows(spark, "labels", *full)


def test_wilson_is_scipys(spark):
    cases = [(0, 1), (1, 1), (9, 10), (50, 100), (399, 400), (0, 0)]
    low, high = wilson_bounds(F.col("right"), F.col("n"))
    frame = spark.createDataFrame(cases, "right bigint, n bigint").select("right", "n", low, high)
    for right, n, found_low, found_high in frame.collect():
        if n == 0:
            assert (found_low, found_high) == (None, None)
            continue
        wanted = binomtest(right, n).proportion_ci(method="wilson")
        assert found_low == pytest.approx(wanted.low, abs=1e-9)
        assert found_high == pytest.approx(wanted.high, abs=1e-9)


def test_each_stratum_gives_its_share(spark):
    given = [
        {"item_id": f"{synset}-{band}-{n}", "synset_id": synset, "confidence": band}
        for synset, size in (("s1", 40), ("s2", 15))
        for band in (0.7, 1.0)
        for n in range(size)
    ]
    given.append({"item_id": "gold", "synset_id": "s1", "is_gold": True})
    given.append({"item_id": "open", "synset_id": "s1", "is_escalated": True, "escalation_reason": "tie"})
    drawn = drawn_for_audit(labels(spark, *given), ratio=0.1, seed=3)
    counts = {
        (row["synset_id"], row["confidence"]): row["n"]
        for row in drawn.groupBy("synset_id", "confidence").agg(F.count(F.lit(1)).alias("n")).collect()
    }
    assert counts["s1", 0.7] == counts["s1", 1.0] == 4
    for band in (0.7, 1.0):
        assert counts.get(("s2", band), 0) in (math.floor(1.5), math.ceil(1.5))
    assert not {"gold", "open"} & {row["item_id"] for row in drawn.collect()}


def test_only_drawn_and_decided_items_say_something(spark):
    given = labels(
        spark,
        {"item_id": "a", "synset_id": "dog"},
        {"item_id": "b", "synset_id": "cat"},
        {"item_id": "c", "synset_id": "cat", "confidence": 0.7},
        {"item_id": "d", "synset_id": "cat"},
        {"item_id": "e", "synset_id": "cat"},
        {"item_id": "f", "synset_id": "oak"},
        {"item_id": "g", "synset_id": "oak", "is_escalated": True, "escalation_reason": "tie"},
    )
    draws = [{"review_id": f"x{i}", "item_id": i, "kind": "audit"} for i in "abcdfg"]
    decisions = [
        {"review_id": f"y{n}", "item_id": item, "reviewer_id": who, "kind": "decision", "label": label}
        for n, (item, who, label) in enumerate(
            [
                ("a", "r", "yes"),
                ("b", "r", "no"),
                ("c", "r", "yes"),
                ("d", "r", "yes"),
                ("d", "s", "no"),
                ("e", "r", "no"),
                ("f", "r", "yes"),
                ("g", "r", "no"),
            ]
        )
    ]  # d is disputed, e was never drawn, and g is escalated by now
    checked = audited(given, rows(spark, "reviews", *draws, *decisions))
    assert {row["item_id"]: row["is_right"] for row in as_dicts(checked)} == {
        "a": True,
        "b": False,
        "c": True,
        "f": True,
    }
    chosen = {"dog": "pet", "cat": "pet", "oak": "tree"}
    taxonomy = [
        {"synset_id": name, "parent_ids": [parent], "is_selected": True} for name, parent in chosen.items()
    ]
    taxonomy.append({"synset_id": "elm", "parent_ids": ["tree"], "reject_reason": "too_deep"})
    synsets = rows(spark, "synsets", *taxonomy)
    found = [
        (row["level"], row["part"], row["n_right"], row["n_audited"])
        for row in audit_table(checked, synsets).collect()
    ]
    assert found == [
        ("all", "all", 3, 4),
        ("confidence", "0.7", 1, 1),
        ("confidence", "0.9", 2, 3),
        ("grain", "coarse", 1, 1),
        ("grain", "fine", 2, 3),
        ("parent", "pet", 2, 3),
        ("parent", "tree", 1, 1),
        ("synset", "cat", 1, 2),
        ("synset", "dog", 1, 1),
        ("synset", "oak", 1, 1),
    ]


def test_score_counts_only_items_with_both(spark):
    given = labels(spark, {"item_id": "a", "label": "x"}, {"item_id": "b", "label": "y"}, {"item_id": "z"})
    truth = spark.createDataFrame([("a", "x"), ("b", "x"), ("c", "x")], "item_id string, truth string")
    (row,) = as_dicts(score_labels(given, truth))
    assert (row["n_truth"], row["n_scored"], row["n_right"], row["accuracy"]) == (3, 2, 1, 0.5)
