from __future__ import annotations

import datetime as dt

import pytest
from rows import as_dicts

from synlake.methods import worker_quality

VOTES = "item_id string, worker_id string, answer string, answered_at timestamp"
GOLD = "item_id string, expected_answer string"


def at(second):
    return dt.datetime(2026, 1, 1, 12, 0, second)


@pytest.fixture
def workers(spark):
    votes = spark.createDataFrame(
        [
            ("a", "ann", "yes", at(0)),
            ("g", "ann", "yes", at(2)),
            ("h", "ann", "no", at(4)),
            ("a", "bob", "no", None),
        ],
        VOTES,
    )
    gold = spark.createDataFrame([("g", "no"), ("h", "no")], GOLD)
    return votes, worker_quality.measured(votes, gold)


def test_gold_and_speed_are_measured(workers):
    ann, bob = as_dicts(workers[1], "worker_id")
    assert ann == {
        "worker_id": "ann", "n_votes": 3, "n_gold": 2, "gold_accuracy": 0.5, "median_seconds": 2.0
    }  # fmt: skip
    assert bob == {
        "worker_id": "bob", "n_votes": 1, "n_gold": 0, "gold_accuracy": None, "median_seconds": None
    }  # fmt: skip


def test_answers_of_a_page_share_its_time(spark):
    sent = [(f"{item}{second}", "mia", "no", at(second)) for second in (10, 40) for item in "abc"]
    votes, gold = spark.createDataFrame(sent, VOTES), spark.createDataFrame([], GOLD)
    (mia,) = as_dicts(worker_quality.measured(votes, gold))
    assert mia["median_seconds"] == 10, "three answers in half a minute"


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({}, None),
        ({"min_gold_accuracy": 0.6}, "low_gold_accuracy"),
        ({"min_gold_accuracy": 0.6, "min_gold": 3}, None),
        ({"min_seconds": 3.0}, "too_fast"),
    ],
)
def test_workers_below_a_bar_are_flagged(workers, rule, reason):
    bars = {"min_gold_accuracy": 0.0, "min_gold": 1, "min_seconds": 0.0, **rule}
    judged = worker_quality.with_exclusion(workers[1], **bars)
    assert [row["exclusion_reason"] for row in as_dicts(judged, "worker_id")] == [reason, None]


def test_agreement_is_the_share_of_votes_equal_to_the_label(spark, workers):
    votes, measured = workers
    labels = spark.createDataFrame([("a", "yes"), ("g", "no")], "item_id string, label string")
    found = as_dicts(worker_quality.with_agreement(measured, votes, labels), "worker_id")
    assert [row["agreement"] for row in found] == [0.5, 0.0]
