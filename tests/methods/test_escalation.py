from __future__ import annotations

import datetime as dt

from pyspark.sql import functions as F
from rows import as_dicts, rows

from synlake.methods.escalation import escalation_reason, second_opinion, with_difficult_synsets
from synlake.methods.experts import expert_labels
from synlake.methods.reviews import flag_decisions, review_sheet, second_round

ITEMS = "item_id string, label string, confidence double, posterior map<string,double>, n_votes bigint, is_tie boolean"


def test_each_doubt_has_its_reason_and_the_first_one_counts(spark):
    def item(name, top, n_votes=5, is_tie=False):
        return name, "x", top, {"x": top, "y": 1 - top}, n_votes, is_tie

    ours = [
        item("fine", 0.9),
        item("tie", 0.5, is_tie=True),
        item("low", 0.6),
        item("few", 0.9, 1),
        item("other", 0.9),
        item("even", 0.9),
        item("unheard", 0.9),
    ]
    their_posteriors = {
        "fine": {"x": 0.8, "y": 0.2},
        "tie": {"y": 1.0},
        "low": {"y": 1.0},
        "few": {"y": 1.0},
        "other": {"y": 0.6, "x": 0.4},
        "even": {"x": 0.5, "y": 0.5},
    }
    theirs = [(name, "y", max(found.values()), found, 5, False) for name, found in their_posteriors.items()]
    ours, theirs = spark.createDataFrame(ours, ITEMS), spark.createDataFrame(theirs, ITEMS)
    reason = escalation_reason(min_confidence=0.67, min_votes=2)
    found = second_opinion(ours, theirs).select("item_id", reason.alias("reason"))
    assert {row["item_id"]: row["reason"] for row in found.collect()} == {
        "fine": None,
        "tie": "tie",
        "low": "low_confidence",
        "few": "few_votes",
        "other": "methods_disagree",
        "even": None,
        "unheard": None,
    }
    alone = second_opinion(ours, None).where(reason == "methods_disagree")
    assert alone.isEmpty()


def test_a_synset_is_difficult_when_it_surely_has_too_many_doubts(spark):
    def synset(name, n, n_doubtful):
        return [
            {
                "item_id": f"{name}-{i}",
                "synset_id": name,
                "escalation_reason": "tie" if i < n_doubtful else None,
            }
            for i in range(n)
        ]

    given = [*synset("hard", 40, 20), *synset("small", 3, 2), *synset("easy", 40, 2), *synset(None, 40, 30)]
    given.append({"item_id": "known", "synset_id": "hard"})
    labels, is_known = rows(spark, "labels", *given), F.col("item_id") == "known"
    found = as_dicts(with_difficult_synsets(labels, max_doubtful=0.3, is_known=is_known), "item_id")
    assert len(found) == len(given)
    difficult = {row["item_id"] for row in found if row["escalation_reason"] == "difficult_synset"}
    assert difficult == {f"hard-{i}" for i in range(20, 40)}
    assert sum(row["escalation_reason"] == "tie" for row in found) == 20 + 2 + 2 + 30


def test_escalated_items_are_asked_again_before_an_expert_is(spark):
    def label(name, n_votes, **more):
        return {"item_id": name, "synset_id": "s", "n_votes": n_votes, **more}

    tie = {"is_escalated": True, "escalation_reason": "tie"}
    labels = rows(
        spark,
        "labels",
        label("again", 3, **tie),
        label("expert", 7, **tie),
        label("decided", 7, **tie),
        label("settled", 3),
        label("drawn", 3),
        label("drawn, in doubt since", 3, **tie),
        label("gold", 3, is_gold=True, **tie),
    )
    decision = {
        "review_id": "1",
        "item_id": "decided",
        "reviewer_id": "eve",
        "kind": "decision",
        "label": "yes",
    }
    draws = [
        {"review_id": name, "item_id": name, "kind": "audit"} for name in ("drawn", "drawn, in doubt since")
    ]
    reviews = rows(spark, "reviews", decision, *draws)
    tasks = rows(spark, "tasks", {"task_id": "expert", "question": "Is there a cat?", "gloss": "feline"})
    more = as_dicts(second_round(labels, reviews, max_votes=7), "item_id")
    assert [(row["item_id"], row["n_more"]) for row in more] == [("again", 4), ("drawn, in doubt since", 4)]
    sheet = as_dicts(review_sheet(labels, reviews, tasks, max_votes=7), "item_id")
    assert [(row["item_id"], row["why"], row["question"]) for row in sheet] == [
        ("drawn", "audit", None),
        ("expert", "tie", "Is there a cat?"),
    ]
    at_once = as_dicts(review_sheet(labels, reviews, tasks, max_votes=0), "item_id")
    assert {row["item_id"] for row in at_once} == {"again", "expert", "drawn", "drawn, in doubt since"}
    assert second_round(labels, reviews, max_votes=0).isEmpty()


OPTIONS = [{"answer": "n01", "text": "tench"}, {"answer": "n02", "text": "goldfish"}]


def test_experts_who_disagree_are_joined_by_another(spark):
    labels = rows(
        spark, "labels", {"item_id": "a", "is_escalated": True, "escalation_reason": "tie", "n_votes": 3}
    )
    tasks = rows(spark, "tasks", {"task_id": "a", "options": OPTIONS})

    def decided(*says):
        given = [
            {"review_id": r, "item_id": "a", "reviewer_id": r, "kind": "decision", "label": s}
            for r, s in says
        ]
        return rows(spark, "reviews", *given)

    both = decided(("eve", "n01"), ("bob", "n02"))
    assert [row["is_disputed"] for row in as_dicts(expert_labels(both))] == [True]
    sheet = as_dicts(review_sheet(labels, both, tasks, max_votes=7))
    assert [(row["why"], row["options"]) for row in sheet] == [
        ("experts_disagree", "n01: tench; n02: goldfish")
    ]
    assert second_round(labels, both, max_votes=7).isEmpty()
    three = decided(("eve", "n01"), ("bob", "n02"), ("ann", "n02"))
    assert [row["expert_label"] for row in as_dicts(expert_labels(three))] == ["n02"]
    assert review_sheet(labels, three, tasks, max_votes=7).isEmpty()


def test_an_expert_gives_one_of_the_answers_that_were_offered(spark):
    labels = rows(spark, "labels", *({"item_id": item} for item in "abcd"))
    tasks = rows(spark, "tasks", *({"task_id": item, "options": OPTIONS} for item in "abc"))
    says = [("a", "Goldfish"), ("b", "maybe"), ("c", "maybe"), ("c", "N01"), ("d", "any at all")]
    given = spark.createDataFrame(
        [(item, "eve", label, None, None, n) for n, (item, label) in enumerate(says)],
        "item_id string, reviewer_id string, label string, reviewed_at string, raw string, line_order int",
    )
    none = rows(spark, "reviews")
    now = F.lit(dt.datetime(2026, 1, 1))
    found = as_dicts(flag_decisions(given, labels, tasks, none, as_of=now), "item_id", "label")
    assert [(row["item_id"], row["label"], row["reject_reason"]) for row in found] == [
        ("a", "n02", None),
        ("b", "maybe", "unknown_answer"),
        ("c", "maybe", "unknown_answer"),
        ("c", "n01", None),
        ("d", "any at all", None),
    ]
    # With other tasks and labels: what counts goes on to, and b, whose task is gone, may be anything.
    counts = rows(spark, "reviews", *(row for row in found if row["reject_reason"] is None))
    more = spark.createDataFrame([("e", "eve", "N01", None, None, 9)], given.schema).unionByName(given)
    tasks = rows(spark, "tasks", *({"task_id": item, "options": OPTIONS} for item in "cde"))
    labels = rows(spark, "labels", *({"item_id": item} for item in "bcde"))
    again = as_dicts(flag_decisions(more, labels, tasks, counts, as_of=now), "item_id", "label")
    assert [(row["item_id"], row["reject_reason"]) for row in again] == [
        ("a", None),
        ("b", None),
        ("c", "unknown_answer"),
        ("c", None),
        ("d", None),
        ("e", None),
    ]
