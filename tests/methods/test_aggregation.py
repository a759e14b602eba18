"""All methods on Spark: the same columns, the same answers however votes are laid out, and real votes."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from pyspark.sql import functions as F
from rows import as_dicts

from synlake.errors import InputError, UsageError
from synlake.methods import vote_blocks
from synlake.methods.aggregation import METHODS, Rule, aggregated
from synlake.methods.expectation_maximisation import check_size

VOTES = "item_id string, worker_id string, answer string"
GOLD = "item_id string, expected_answer string"


def run(spark, votes, rule, gold=()):
    frame = spark.createDataFrame(list(votes), VOTES)
    with aggregated(frame, spark.createDataFrame(list(gold), GOLD), rule) as found:
        return as_dicts(found.items, "item_id"), found


def real_votes(shared, name):
    folder = shared / "votes" / name
    with open(folder / "answer.csv", newline="") as answers, open(folder / "truth.csv", newline="") as truths:
        votes = [(row["question"], row["worker"], row["answer"]) for row in csv.DictReader(answers)]
        return votes, {row["question"]: row["truth"] for row in csv.DictReader(truths)}


def accuracy(items, truth):
    return sum(truth.get(row["item_id"]) == row["label"] for row in items) / len(truth)


def dense_dawid_skene(votes, *, n_rounds, smoothing):
    """Item → label → posterior: the paper's equations 2.3 to 2.5 and 3.1 on one array of items × workers × labels."""
    items, workers, labels = (sorted({vote[column] for vote in votes}) for column in range(3))
    given = np.zeros((len(items), len(workers), len(labels)))
    for item, worker, label in votes:
        given[items.index(item), workers.index(worker), labels.index(label)] += 1
    truth = given.sum(axis=1) / given.sum(axis=(1, 2))[:, None]
    for _ in range(n_rounds):
        pi = np.einsum("it,iwl->wtl", truth, given) + smoothing
        pi /= pi.sum(axis=2, keepdims=True)
        prior = (truth.sum(axis=0) + smoothing) / (truth + smoothing / len(items)).sum()
        joint = np.log(prior) + np.einsum("iwl,wtl->it", given, np.log(pi))
        truth = np.exp(joint - joint.max(axis=1, keepdims=True))
        truth /= truth.sum(axis=1, keepdims=True)
    return {item: dict(zip(labels, row, strict=True)) for item, row in zip(items, truth, strict=True)}


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_the_same_columns(spark, method):
    votes = [("a", "u", "yes"), ("a", "v", "yes"), ("b", "u", "no"), ("b", "v", "no"), ("b", "w", "yes")]
    items, found = run(spark, votes, Rule(method))
    assert [(row["item_id"], row["label"], row["n_votes"]) for row in items] == [
        ("a", "yes", 2),
        ("b", "no", 3),
    ]
    for row in items:
        assert row["confidence"] == pytest.approx(row["posterior"][row["label"]])
        assert sum(row["posterior"].values()) == pytest.approx(1.0)
        assert (row["difficulty"] is not None) == (method == "glad")
    assert bool(found.objective) == (method not in ("majority", "weighted_majority"))


@pytest.mark.parametrize(("name", "least"), [("dog", 0.842), ("product", 0.939)])
def test_dawid_skene_on_real_votes(spark, shared, name, least):
    votes, truth = real_votes(shared, name)
    items, found = run(spark, votes, Rule("dawid_skene"))
    assert accuracy(items, truth) >= least
    assert found.is_converged


@pytest.mark.parametrize("method", ["dawid_skene", "weighted_majority"])
def test_partitioning_changes_nothing(spark, shared, monkeypatch, method):
    votes, _ = real_votes(shared, "dog")
    votes = votes[:1500]
    plain, one = run(spark, votes, Rule(method, max_rounds=2))
    if method == "dawid_skene":
        wanted = dense_dawid_skene(votes, n_rounds=2, smoothing=0.01)
        for row in plain:
            assert row["posterior"] == pytest.approx(
                {label: p for label, p in wanted[row["item_id"]].items() if p >= 1e-9}, abs=1e-9
            )
    monkeypatch.setattr(vote_blocks, "BLOCK_VOTES", 88)  # 18 blocks: sums are made by a second stage
    split, many = run(spark, reversed(votes), Rule(method, max_rounds=2))
    assert [row["label"] for row in split] == [row["label"] for row in plain]
    assert [row["confidence"] for row in split] == pytest.approx(
        [row["confidence"] for row in plain], abs=1e-9
    )
    assert many.objective == pytest.approx(one.objective)


def test_gold_clamps_and_teaches(spark):
    """Two workers against one: only gold tells who is right, also where there is none."""
    votes = [
        (f"i{n}", worker, "yes" if worker == "right" else "no")
        for n in range(12)
        for worker in ("right", "wrong1", "wrong2")
    ]
    votes += [
        (f"j{n}", worker, "no" if worker == "right" else "yes")
        for n in range(12)
        for worker in ("right", "wrong1", "wrong2")
    ]
    gold = [(f"i{n}", "yes") for n in range(8)] + [(f"j{n}", "no") for n in range(8)]
    items, _ = run(spark, votes, Rule("dawid_skene"), gold)
    assert {row["item_id"]: row["label"] for row in items} == {
        **{f"i{n}": "yes" for n in range(12)},
        **{f"j{n}": "no" for n in range(12)},
    }


@pytest.mark.parametrize("method", METHODS)
def test_what_is_known_is_certain_whatever_the_votes_say(spark, method):
    votes = [(item, worker, "yes") for item in "abc" for worker in "uvw"] + [("c", "x", "no")]
    items, _ = run(spark, votes, Rule(method), [("a", "no")])
    assert [row["n_votes"] for row in items] == [3, 3, 4]
    assert (items[0]["label"], items[0]["is_tie"]) == ("no", False)
    assert items[0]["confidence"] == pytest.approx(1.0)
    assert items[0]["posterior"]["no"] == pytest.approx(1.0)


def test_a_tie_is_said_to_be_one(spark):
    items, _ = run(spark, [("a", "u", "yes"), ("a", "v", "no")], Rule("weighted_majority"))
    assert [(row["label"], row["is_tie"]) for row in items] == [("no", True)]


def test_confusion_counts_every_vote(spark):
    votes = [("a", "u", "x"), ("a", "v", "x"), ("b", "u", "y"), ("b", "v", "y"), ("b", "w", "x")]
    _, found = run(spark, votes, Rule("dawid_skene"))
    assert found.workers == ("u", "v", "w")
    assert found.confusion.sum(axis=(1, 2)) == pytest.approx([2, 2, 1])


def test_a_prior_must_name_every_label(spark):
    with pytest.raises(UsageError, match="missing: y"):
        run(spark, [("a", "u", "x"), ("b", "u", "y")], Rule("one_coin", {"x": 1.0}))


def test_a_model_too_large_is_refused_before_it_is_made():
    with pytest.raises(InputError, match="one_coin"):
        check_size(1_000_000, 1_000, 0)


def test_packing_keeps_items_whole(spark):
    votes = spark.range(300).select(
        (F.col("id") % 40).cast("string").alias("item_id"),
        (F.col("id") % 7).cast("string").alias("worker_id"),
        F.lit("x").alias("answer"),
        F.lit(None).cast("string").alias("expected_answer"),
    )
    packed = vote_blocks.pack(votes, labels=["x"], workers=[str(w) for w in range(7)], n_parts=5)
    ids = [item for row in packed.blocks.select("item_ids").collect() for item in row["item_ids"]]
    assert sorted(ids) == sorted({str(n) for n in range(40)})
