from __future__ import annotations

import random
from collections import Counter, defaultdict
from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.metrics.agreement import AnnotationTask
from rows import as_dicts

from synlake.methods.agreement import agreement_table
from synlake.methods.vote_planning import offers, p_majority


def by_pairs(votes):
    """α and κ from their definitions, by listing every pair of votes."""
    by_item = defaultdict(list)
    for item, answer in votes:
        by_item[item].append(answer)
    units = [answers for answers in by_item.values() if len(answers) >= 2]
    pooled = [answer for answers in units for answer in answers]
    if not pooled:
        return None, None
    weights = [(a != b, 1 / (len(u) - 1)) for u in units for a, b in permutations(u, 2)]
    observed = sum(w for differ, w in weights if differ) / len(pooled)
    pairs = list(permutations(pooled, 2))
    expected = sum(a != b for a, b in pairs) / len(pairs)
    shares = [n / len(pooled) for n in Counter(pooled).values()]
    chance = sum(share**2 for share in shares)
    agree = sum(sum(a == b for a, b in permutations(u, 2)) / (len(u) * (len(u) - 1)) for u in units) / len(
        units
    )
    if expected == 0:
        return None, None
    return 1 - observed / expected, (agree - chance) / (1 - chance)


@settings(max_examples=12)
@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("xyz")), min_size=1, max_size=20))
def test_alpha_and_kappa_are_sums_over_pairs(spark, votes):
    (row,) = as_dicts(agreement_table(spark.createDataFrame(votes, "item_id string, answer string")))
    alpha, kappa = by_pairs(votes)
    assert row["krippendorff_alpha"] == (None if alpha is None else pytest.approx(alpha, abs=1e-9))
    assert row["fleiss_kappa"] == (None if kappa is None else pytest.approx(kappa, abs=1e-9))


@pytest.mark.parametrize("is_complete", [True, False])
def test_alpha_and_kappa_are_nltk_s(spark, is_complete):
    """Its alpha takes items with any number of votes; its pi (Siegel and Castellan's K) is Fleiss' κ."""
    rng = random.Random(3)
    votes = [
        (f"w{worker}", f"i{item}", rng.choice("xyyz"))
        for item in range(40)
        for worker in (range(4) if is_complete else rng.sample(range(6), rng.randint(1, 5)))
    ]
    frame = spark.createDataFrame(votes, "worker_id string, item_id string, answer string")
    (row,) = as_dicts(agreement_table(frame))
    theirs = AnnotationTask(data=votes)
    assert row["krippendorff_alpha"] == pytest.approx(theirs.alpha(), abs=1e-9)
    if is_complete:
        assert row["fleiss_kappa"] == pytest.approx(theirs.pi(), abs=1e-9)


def test_fleiss_own_example_of_agreement(spark):
    """Perfect agreement on different labels is 1; on each item half and half, it is below 0."""
    votes = [(item, item) for item in "xy" for _ in range(3)]
    (row,) = as_dicts(agreement_table(spark.createDataFrame(votes, "item_id string, answer string")))
    assert (row["krippendorff_alpha"], row["fleiss_kappa"], row["n_items"]) == (1.0, 1.0, 2)
    votes = [(item, answer) for item in "ab" for answer in "xy"]
    (row,) = as_dicts(agreement_table(spark.createDataFrame(votes, "item_id string, answer string")))
    assert row["fleiss_kappa"] == pytest.approx(-1.0)


@pytest.mark.parametrize("n_votes", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("accuracy", [0.0, 0.3, 0.85, 1.0])
def test_p_majority_is_the_sum_over_all_outcomes(n_votes, accuracy):
    total = 0.0
    for votes in product([True, False], repeat=n_votes):
        chance = 1.0
        for right in votes:
            chance *= accuracy if right else 1 - accuracy
        n_right = sum(votes)
        total += chance * (1.0 if 2 * n_right > n_votes else 0.5 if 2 * n_right == n_votes else 0.0)
    assert p_majority(n_votes, accuracy) == pytest.approx(total)


def test_gold_and_fees_are_paid_for():
    one, three = offers(100, price=0.1, fee=0.2, gold_share=0.2, accuracy=0.8, redundancies=(1, 3))
    assert (one.n_votes_in_all, one.cost) == (125, pytest.approx(15.0))
    assert (three.n_votes_in_all, three.expected_accuracy) == (375, pytest.approx(0.896))
