"""The dynamic rule against every order of the votes written out, and against what is known of easy and hard synsets."""

from __future__ import annotations

import csv
from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import as_dicts

from synlake.demo import crowd
from synlake.jobs.compare_vote_plans import Config, _simulated
from synlake.methods.plan_comparison import canonical, compare, count_vectors
from synlake.methods.vote_confidence import (
    Rates,
    Rule,
    rates,
    rule_of,
    state_of,
    subsets,
    table_rows,
    truth_of,
    with_majority,
    with_rule,
)
from synlake.methods.vote_planning import p_majority

YES_NO = st.tuples(st.integers(0, 4), st.integers(0, 4)).filter(any)
CLASSES = st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 2)).filter(any)
SURE = st.lists(st.floats(0, 1), min_size=81, max_size=81)


def orders(counts):
    """Every order in which the votes could have come, votes for one label being different votes."""
    return list(permutations([place for place, n in enumerate(counts) for _ in range(n)]))


def share_right(part, right):
    top = [place for place, n in enumerate(part) if n == max(part)]
    return (right in top) / len(top)


@settings(max_examples=40)
@given(counts=st.one_of(YES_NO, CLASSES), right=st.integers(0, 1), k=st.integers(1, 9))
def test_a_majority_of_some_votes_is_the_mean_over_all_orders(counts, right, k):
    firsts = [order[:k] for order in orders(counts)] if sum(counts) <= 7 else []
    found = with_majority(counts, right, k)
    assert found.n_votes == min(k, sum(counts))
    if firsts:
        shares = [share_right([order.count(p) for p in range(len(counts))], right) for order in firsts]
        assert found.accuracy == pytest.approx(np.mean(shares))


@settings(max_examples=40)
@given(counts=st.one_of(YES_NO, CLASSES).filter(lambda c: sum(c) <= 7), right=st.integers(0, 1), sure=SURE)
def test_stopping_early_is_the_mean_over_all_orders(counts, right, sure):
    rule = Rule(np.array(sure).reshape(9, 9), target=0.8, max_votes=5, is_binary=len(counts) == 2)
    spent, shares = [], []
    for order in orders(counts):
        part = [0] * len(counts)
        for size, vote in enumerate(order, start=1):
            part[vote] += 1
            state = state_of(tuple(part), is_binary=rule.is_binary)
            if rule.is_settled(state) or size in (len(order), rule.max_votes):
                break
        spent.append(size)
        is_yes = rule.sure[state] >= 0.5
        shares.append(right == (0 if is_yes else 1) if rule.is_binary else share_right(part, right))
    found = with_rule(counts, right, rule)
    assert found.n_votes == pytest.approx(np.mean(spent))
    assert found.accuracy == pytest.approx(np.mean(shares))


@given(counts=st.one_of(YES_NO, CLASSES))
def test_parts_of_a_size_have_a_chance_of_one_together(counts):
    by_size = Counter()
    for part, chance in subsets(counts):
        by_size[sum(part)] += chance
    assert list(by_size.values()) == pytest.approx([1.0] * (sum(counts) + 1))


def sampled(random, *, n, accuracy, share_true=0.75, n_votes=10):
    is_true = random.random(n) < share_true
    yes = random.binomial(n_votes, np.where(is_true, accuracy, 1 - accuracy))
    return Counter((int(k), n_votes - int(k)) for k in yes)


def test_with_a_large_sample_the_table_is_bayes_theorem():
    samples = sampled(np.random.default_rng(1), n=200_000, accuracy=0.9)
    rule = rule_of(samples, target=0.95, max_votes=4)
    for yes in range(5):
        for no in range(5 - yes):
            if_true, if_false = 0.75 * 0.9**yes * 0.1**no, 0.25 * 0.1**yes * 0.9**no
            assert rule.sure[yes, no] == pytest.approx(if_true / (if_true + if_false), abs=0.01)


def test_easy_synsets_cost_few_votes_and_hard_ones_many():
    random = np.random.default_rng(2)
    spent = []
    for accuracy in (0.98, 0.9, 0.8, 0.7):
        rule = rule_of(sampled(random, n=60, accuracy=accuracy), target=0.95, max_votes=10)
        images = sampled(random, n=2000, accuracy=accuracy)
        spent.append(sum(n * with_rule(votes, 0, rule).n_votes for votes, n in images.items()) / 2000)
    assert spent == sorted(spent)
    assert spent[0] < 2
    assert spent[-1] > 4


@given(target=st.floats(0.6, 0.99), seed=st.integers(0, 99), accuracy=st.floats(0.6, 0.99))
def test_asking_for_several_at_once_wastes_none(target, seed, accuracy):
    """After fewer than ``n_more`` further votes, however they fall, the table is never sure."""
    rule = rule_of(sampled(np.random.default_rng(seed), n=40, accuracy=accuracy), target=target, max_votes=8)
    for a, b, confidence, _, n_more in table_rows(rule, {}):
        is_settled = confidence >= target or confidence <= 1 - target
        assert (n_more == 0) == ((is_settled and a + b > 0) or a + b == 8)
        assert a + b + n_more <= 8
        for m in range(1, n_more):
            assert not rule.is_settled((a + m, b))
            assert not rule.is_settled((a, b + m))


def test_an_image_that_nobody_saw_gets_a_vote_however_easy_its_synset_is():
    rule = rule_of({(5, 0): 99.0, (0, 5): 1.0}, target=0.9, max_votes=8)
    assert rule.is_settled((0, 0))
    assert rule.n_more((0, 0)) == 1
    assert rule.n_more((1, 0)) == 0


def test_rates_of_a_small_synset_lean_on_those_of_all():
    pooled = rates(sampled(np.random.default_rng(3), n=5000, accuracy=0.9))
    assert pooled.yes_if_true == pytest.approx(0.9, abs=0.01)
    assert pooled.yes_if_false == pytest.approx(0.1, abs=0.01)
    nothing = rates({}, pooled)
    assert (nothing.yes_if_true, nothing.yes_if_false) == (pooled.yes_if_true, pooled.yes_if_false)
    assert rates({(3, 0): 1}, Rates(0.5, 0.5)).yes_if_true == pytest.approx((3 + 5) / 13)


def test_ties_are_nobodys():
    assert truth_of((2, 2)).tolist() == [0.5, 0.5]
    assert with_majority((1, 1), 0, 2).accuracy == 0.5


def test_majorities_of_a_simulated_crowd_are_as_right_as_the_formula_says():
    """Workers alike and independent: resampled majorities against P_maj(k, p)."""
    workers = [crowd.Worker(f"w{k:02d}", "careful", 0.8, 0.8) for k in range(30)]
    truth = {f"i{k}": crowd.YES if k % 2 else crowd.NO for k in range(3000)}
    counts = {item: Counter() for item in truth}
    for vote in crowd.simulate_votes(truth, workers=workers, n_votes=9):
        counts[vote.item_id][vote.answer] += 1
    vectors = Counter(canonical(counts[item], truth[item], [crowd.YES, crowd.NO]) for item in truth)
    judged = compare(
        {"": vectors}, n_votes=(1, 3, 5), sample_size=40, target=0.95, max_votes=9, n_samples=3, seed=1
    )
    for one, k in zip(judged, (1, 3, 5), strict=False):
        assert one.accuracy == pytest.approx(p_majority(k, 0.8), abs=0.015)
    dynamic = judged[-1]
    assert dynamic.n_votes < 6
    assert dynamic.accuracy > judged[2].accuracy


def test_simulated_hard_synsets_are_harder():
    groups, ease = _simulated(Config(simulate=True, n_synsets=3, n_images=200))
    assert list(ease.values()) == [1, pytest.approx(2 / 3), pytest.approx(1 / 3)]
    right = [
        sum(n * with_majority(*vector, 1).accuracy for vector, n in groups[name].items()) / 200
        for name in ease
    ]
    assert right == sorted(right, reverse=True)
    assert right[0] - right[2] > 0.15


@pytest.mark.parametrize(
    ("name", "majority", "low", "high"), [("dog", 10, 0.80, 0.84), ("product", 3, 0.890, 0.902)]
)
def test_on_real_votes_the_rule_is_as_right_for_less(shared, name, majority, low, high):
    folder = shared / "votes" / name
    truth = {row["question"]: row["truth"] for row in csv.DictReader((folder / "truth.csv").open())}
    counts = {item: Counter() for item in truth}
    for row in csv.DictReader((folder / "answer.csv").open()):
        counts[row["question"]][row["answer"]] += 1
    labels = sorted({label for votes in counts.values() for label in votes} | set(truth.values()))
    vectors = Counter(canonical(counts[item], truth[item], labels) for item in truth)
    all_votes, dynamic = compare(
        {"": vectors}, n_votes=(majority,), sample_size=42, target=0.95, max_votes=10, n_samples=10, seed=7
    )
    assert low < all_votes.accuracy < high, "the majority's figures are published"
    assert dynamic.accuracy > all_votes.accuracy - 0.01
    assert dynamic.n_votes < 0.65 * all_votes.n_votes


def test_votes_and_truth_become_vectors(spark):
    votes = [("i1", w, a) for w, a in (("a", "x"), ("b", "y"), ("c", "x"), ("d", "z"))]
    votes += [("i2", f"w{k}", "y") for k in range(20)] + [("i3", "a", "x")]
    given = spark.createDataFrame(votes, "item_id string, worker_id string, answer string")
    truth = spark.createDataFrame([("i1", "z"), ("i2", "x")], "item_id string, label string")
    found = as_dicts(count_vectors(given, truth, most_votes=12, seed=1), "item_id")
    labels = ["x", "y", "z"]
    assert [
        canonical([tuple(one.values()) for one in row["by_label"]], row["label"], labels) for row in found
    ] == [
        ((1, 2, 1), 0),
        ((0, 12, 0), 0),
    ]
