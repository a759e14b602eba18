from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import as_dicts

from synlake.methods.majority import majority_vote

VOTES = "item_id string, worker_id string, answer string"


def voted(spark, *pairs):
    rows = [(item, f"w{i}", answer) for i, (item, answer) in enumerate(pairs)]
    return spark.createDataFrame(rows, VOTES)


def test_confidence_is_the_share_of_the_top_label(spark):
    votes = voted(spark, ("a", "yes"), ("a", "yes"), ("a", "no"), ("b", "no"))
    assert as_dicts(majority_vote(votes, min_confidence=0.67), "item_id") == [
        {
            "item_id": "a",
            "label": "yes",
            "confidence": pytest.approx(2 / 3),
            "n_votes": 3,
            "is_escalated": True,
            "escalation_reason": "low_confidence",
        },
        {
            "item_id": "b",
            "label": "no",
            "confidence": 1.0,
            "n_votes": 1,
            "is_escalated": False,
            "escalation_reason": None,
        },
    ]


def test_a_tie_escalates_and_breaks_by_label_order(spark):
    votes = voted(spark, ("a", "yes"), ("a", "no"))
    (row,) = as_dicts(majority_vote(votes, min_confidence=0.5))
    assert (row["label"], row["escalation_reason"]) == ("no", "tie")


@settings(max_examples=15)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y", "z"])), min_size=1, max_size=30))
def test_agrees_with_counting(spark, pairs):
    by_item = defaultdict(Counter)
    for item, answer in pairs:
        by_item[item][answer] += 1
    twice = [(f"{item} twice", answer) for item, answer in pairs for _ in range(2)]
    votes = voted(spark, *pairs, *twice)
    found = {row["item_id"]: row for row in as_dicts(majority_vote(votes, min_confidence=0.0))}
    assert set(found) == {*by_item, *(f"{item} twice" for item in by_item)}
    for item, counts in by_item.items():
        again = found[f"{item} twice"]
        assert again["n_votes"] == 2 * found[item]["n_votes"]
        assert {**again, "n_votes": 0, "item_id": ""} == {**found[item], "n_votes": 0, "item_id": ""}
        top = max(counts.values())
        assert found[item]["label"] == min(label for label, n in counts.items() if n == top)
        assert found[item]["confidence"] == pytest.approx(top / sum(counts.values()))
        assert found[item]["is_escalated"] == (list(counts.values()).count(top) > 1)
