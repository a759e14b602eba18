from __future__ import annotations

import math

import numpy as np
from rows import as_dicts, rows

from synlake.methods.label_quality import labellings, majority_of, quality_table
from synlake.methods.vote_planning import p_majority

VOTES = "item_id string, worker_id string, answer string"


def test_majorities_of_drawn_votes_are_as_right_as_the_planner_expects(spark):
    """P_maj(k, p) against a simulated crowd (synthetic): five votes an item, each right with p = 0.8."""
    rng, n_items = np.random.default_rng(4), 3000
    votes = [
        (f"i{item}", f"w{worker}", "yes" if rng.random() < 0.8 else "no")
        for item in range(n_items)
        for worker in rng.choice(50, size=5, replace=False)
    ]
    frame = spark.createDataFrame(votes, VOTES)
    for k in (1, 2, 3):
        share = majority_of(frame, n_votes=k, seed=1).where("label = 'yes'").count() / n_items
        expected = p_majority(k, 0.8)
        assert abs(share - expected) < 4 * math.sqrt(expected * (1 - expected) / n_items)
    assert majority_of(frame, n_votes=6, seed=1).isEmpty()


def test_the_table_counts_each_way_to_label_in_each_part(spark):
    votes = spark.createDataFrame(
        [("a", "u", "yes"), ("a", "v", "yes"), ("a", "w", "no"), ("b", "u", "no"), ("c", "u", "yes")], VOTES
    )
    tie = {"is_escalated": True, "escalation_reason": "tie"}
    labels = rows(
        spark,
        "labels",
        {"item_id": "a", "label": "yes"},
        {"item_id": "b", "label": "no", **tie},
        {"item_id": "c", "label": "yes", **tie},
        {"item_id": "g", "label": "yes", "is_gold": True},
    )
    decision = {"review_id": "1", "item_id": "b", "reviewer_id": "eve", "kind": "decision", "label": "yes"}
    ways = labellings(votes, labels, rows(spark, "reviews", decision), redundancies=(1, 3), seed=1)
    truth = spark.createDataFrame(
        [("a", "yes"), ("b", "yes"), ("c", "yes"), ("g", "yes"), ("z", "no")], "item_id string, truth string"
    )
    parts = spark.createDataFrame(
        [("a", "grain", "fine"), ("b", "grain", "fine")], "item_id string, level string, part string"
    )
    found = {
        (row["part"], row["labels"]): (row["n_right"], row["n_items"])
        for row in as_dicts(quality_table(ways, truth, parts))
    }
    assert found["all", "majority of 3"] == (1, 1)
    assert found["all", "all votes"] == (2, 3)
    assert found["all", "final"] == (2, 2), "the expert wins over the vote on b; c waits for one"
    assert found["fine", "final"] == (2, 2)
    assert found["fine", "all votes"] == (1, 2)
    assert found["all", "one vote"][1] == 3
