"""The models on one block, without Spark: against sums written out, and the laws that each must keep."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synlake.methods import em_steps
from synlake.methods.aggregation import Rule, model
from synlake.methods.em_steps import Statistics
from synlake.methods.vote_blocks import Block
from synlake.methods.weighted_majority import agreement_counts, weighted_shares
from synlake.methods.worker_quality import model_rows, spammer_scores, spammers

MODELS = ("dawid_skene", "one_coin", "glad", "mace")


def block_of(votes, *, n_labels, n_items, gold=None):
    """``votes``: (item, worker, label) codes."""
    items, workers, labels = (np.array(column, dtype=np.int32) for column in zip(*votes, strict=True))
    known = np.full(n_items, -1, dtype=np.int32)
    for item, label in (gold or {}).items():
        known[item] = label
    return Block(items, (workers * n_labels + labels).astype(np.int32), known, n_labels)


def run_em(name, block, *, n_workers, rounds=20, prior="method"):
    """Posteriors (items × labels) and the objective after each round."""
    labels = tuple("abcdefgh"[: block.n_labels])
    one = model(Rule(name, prior), labels)
    has_nodes = one.n_nodes > 0
    n_cells = n_workers * block.n_labels
    shares = np.ones(1) if one.node_shares is None else one.node_shares
    found = em_steps.statistics(block, em_steps.start(block, shares), 0.0, n_cells=n_cells, nodes=has_nodes)
    tables, trace = None, []
    for _ in range(rounds):
        tables, log_prior = one.maximise(found, tables)
        truth, likelihood = em_steps.posterior(block, tables)
        found = em_steps.statistics(block, truth, likelihood, n_cells=n_cells, nodes=has_nodes)
        trace.append(likelihood + log_prior)
    return truth.sum(axis=2), np.array(trace)


def simulated(rng, *, n_items=150, n_labels=3, skills=(0.95, 0.95, 0.9, 0.9, 0.34, 0.34, 0.34)):
    truth = rng.integers(n_labels, size=n_items)
    votes = []
    for item, (worker, skill) in product(range(n_items), enumerate(skills)):
        wrong = (truth[item] + rng.integers(1, n_labels)) % n_labels
        votes.append((item, worker, truth[item] if rng.random() < skill else wrong))
    return truth, votes


@st.composite
def some_votes(draw):
    n_labels, n_items, n_workers = draw(st.integers(2, 4)), draw(st.integers(1, 8)), draw(st.integers(1, 5))
    cells = draw(st.lists(st.integers(0, n_labels - 1), min_size=n_items, max_size=n_items))
    votes = [(item, draw(st.integers(0, n_workers - 1)), label) for item, label in enumerate(cells)]
    more = st.tuples(st.integers(0, n_items - 1), st.integers(0, n_workers - 1), st.integers(0, n_labels - 1))
    return [*votes, *draw(st.lists(more, max_size=40))], n_labels, n_items, n_workers


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=60)
@given(given_votes=some_votes())
def test_the_objective_never_falls(name, given_votes):
    votes, n_labels, n_items, n_workers = given_votes
    block = block_of(votes, n_labels=n_labels, n_items=n_items)
    _, trace = run_em(name, block, n_workers=n_workers)
    assert np.diff(trace).min() > -1e-8 * max(1.0, np.abs(trace).max())


@pytest.mark.parametrize("name", MODELS)
def test_relabelling_classes_and_workers_permutes_the_results(name):
    _, votes = simulated(np.random.default_rng(3))
    classes, workers = np.array([2, 0, 1]), np.array([4, 6, 0, 1, 5, 2, 3])
    moved = [(item, workers[w], classes[label]) for item, w, label in votes]
    plain, _ = run_em(name, block_of(votes, n_labels=3, n_items=150), n_workers=7)
    permuted, _ = run_em(name, block_of(moved, n_labels=3, n_items=150), n_workers=7)
    np.testing.assert_allclose(permuted[:, classes], plain, atol=1e-9)


def test_relabelling_and_doubling_leave_weighted_majority_as_it_is():
    _, votes = simulated(np.random.default_rng(3))
    classes, workers = np.array([2, 0, 1]), np.array([4, 6, 0, 1, 5, 2, 3])

    def shares(given):
        block = block_of(given, n_labels=3, n_items=150)
        agree, seen = (counts.reshape(7, 3).sum(axis=1) for counts in agreement_counts(block, n_cells=21))
        return weighted_shares(block, agree / seen)

    moved = [(item, workers[w], classes[label]) for item, w, label in votes]
    np.testing.assert_allclose(shares(moved)[:, classes], shares(votes), atol=1e-12)
    np.testing.assert_allclose(shares(votes * 2), shares(votes), atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_order_of_votes_changes_nothing(name):
    rng = np.random.default_rng(5)
    _, votes = simulated(rng)
    plain, _ = run_em(name, block_of(votes, n_labels=3, n_items=150), n_workers=7)
    rng.shuffle(votes)
    shuffled, _ = run_em(name, block_of(votes, n_labels=3, n_items=150), n_workers=7)
    np.testing.assert_allclose(shuffled, plain, atol=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_blocks_add_up(name):
    """Statistics of two halves are those of the whole: how votes are partitioned changes nothing."""
    _, votes = simulated(np.random.default_rng(9))
    whole = block_of(votes, n_labels=3, n_items=150)
    one = model(Rule(name), tuple("abc"))
    shares = np.ones(1) if one.node_shares is None else one.node_shares

    def flat(block):
        truth = em_steps.start(block, shares)
        return em_steps.statistics(block, truth, 0.5, n_cells=21, nodes=one.n_nodes > 0).flat()

    halves = [
        block_of([(i - low, w, k) for i, w, k in votes if low <= i < low + 75], n_labels=3, n_items=75)
        for low in (0, 75)
    ]
    together = flat(halves[0]) + flat(halves[1])
    together[3] -= 0.5  # each half brought its log-likelihood
    np.testing.assert_allclose(together, flat(whole), atol=1e-12)
    again = Statistics.from_flat(flat(whole), n_labels=3, n_nodes=one.n_nodes)
    np.testing.assert_array_equal(again.flat(), flat(whole))


@pytest.mark.parametrize("name", MODELS)
def test_a_good_minority_wins_over_guessing(name):
    truth, votes = simulated(np.random.default_rng(1))
    counts = np.zeros((150, 3))
    for item, _, label in votes:
        counts[item, label] += 1
    by_majority = (counts.argmax(axis=1) == truth).mean()
    found, _ = run_em(name, block_of(votes, n_labels=3, n_items=150), n_workers=7)
    assert (found.argmax(axis=1) == truth).mean() > max(0.97, by_majority)


@pytest.mark.parametrize("name", MODELS)
def test_gold_is_certain_whatever_the_votes(name):
    votes = [(0, 0, 1), (0, 1, 1), (1, 0, 0), (1, 1, 0), (2, 1, 2)]
    found, _ = run_em(name, block_of(votes, n_labels=3, n_items=3, gold={0: 2}), n_workers=2)
    np.testing.assert_allclose(found[0], [0.0, 0.0, 1.0])


@pytest.mark.parametrize("name", MODELS)
def test_one_label_only(name):
    found, trace = run_em(name, block_of([(0, 0, 0), (1, 0, 0)], n_labels=1, n_items=2), n_workers=1)
    np.testing.assert_allclose(found, [[1.0], [1.0]])
    assert np.isfinite(trace).all()


def test_dawid_skene_is_the_formula_written_out():
    """One round on a handful of votes, by the sums of the paper's equations 2.3 to 2.5."""
    votes = [(0, 0, 0), (0, 1, 0), (0, 2, 1), (1, 0, 1), (1, 1, 1), (2, 0, 0), (2, 2, 1)]
    shares = np.array([[2 / 3, 1 / 3], [0, 1], [1 / 2, 1 / 2]])
    pi = np.full((3, 2, 2), 0.01)  # the smoothing
    for item, worker, label in votes:
        pi[worker, :, label] += shares[item]
    pi /= pi.sum(axis=2, keepdims=True)
    prior = (shares.sum(axis=0) + 0.01) / (shares.sum() + 0.02)
    joint = np.tile(prior, (3, 1))
    for item, worker, label in votes:
        joint[item] *= pi[worker, :, label]
    found, trace = run_em("dawid_skene", block_of(votes, n_labels=2, n_items=3), n_workers=3, rounds=1)
    np.testing.assert_allclose(found, joint / joint.sum(axis=1, keepdims=True))
    log_prior = 0.01 * (np.log(pi).sum() + np.log(prior).sum())
    assert trace[0] == pytest.approx(np.log(joint.sum(axis=1)).sum() + log_prior)


#: Accuracy of crowd-kit 1.4 on these votes, by `benchmarks/crowd_accuracy.py`.
PEER = {
    ("dog", "one_coin"): 0.8302,
    ("dog", "glad"): 0.8340,
    ("dog", "mace"): 0.8302,
    ("product", "one_coin"): 0.9084,
    ("product", "glad"): 0.9283,
    ("product", "mace"): 0.9290,
}


@pytest.mark.parametrize(("name", "method"), PEER)
def test_accuracy_on_real_votes_is_near_the_peer_s_or_above(shared, name, method):
    """Dawid–Skene: see test_aggregation."""
    votes, truth = (
        pd.read_csv(shared / "votes" / name / f"{kind}.csv", dtype=str) for kind in ("answer", "truth")
    )
    coded = [pd.factorize(votes[column], sort=True) for column in ("question", "worker", "answer")]
    items, labels = coded[0][1], coded[2][1]
    block = block_of(
        list(zip(*(codes for codes, _ in coded), strict=True)), n_labels=len(labels), n_items=len(items)
    )
    found, _ = run_em(method, block, n_workers=len(coded[1][1]), rounds=12)
    by_item = pd.Series(labels[found.argmax(axis=1)], index=items)
    accuracy = (by_item.reindex(truth["question"]).to_numpy() == truth["truth"].to_numpy()).mean()
    assert accuracy >= PEER[name, method] - 0.003


@pytest.mark.parametrize("name", MODELS)
def test_who_is_always_right_and_who_guesses_are_told_apart(name):
    _, votes = simulated(np.random.default_rng(2), n_items=400, skills=(1.0, 1.0, 1.0, 1 / 3, 1 / 3))
    block = block_of(votes, n_labels=3, n_items=400)
    truth, _ = run_em(name, block, n_workers=5)
    cells = em_steps.statistics(block, truth[:, :, None], 0.0, n_cells=15, nodes=False).confusion
    confusion = cells.reshape(3, 5, 3).transpose(1, 0, 2)
    scores = spammer_scores(confusion)
    assert scores[:3].min() > 0.95
    assert scores[3:].max() < 0.05
    accuracy = [row[1] for row in model_rows("abcde", "xyz", confusion)]
    assert min(accuracy[:3]) > 0.98
    assert max(accuracy[3:]) < 0.42
    assert spammers("abcde", confusion, min_score=0.1, min_votes=400) == ["d", "e"]
    assert spammers("abcde", confusion, min_score=0.1, min_votes=401) == []
