from __future__ import annotations

import csv
import math
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synlake.demo.crowd import (
    SKILL_RANGE,
    YES,
    Decision,
    Vote,
    Worker,
    crowd,
    right_answers,
    shown_by_folder,
    simulate_experts,
    simulate_votes,
    worker_rows,
    write_csv,
)
from synlake.errors import UsageError

TRUTH = {f"item-{k}": "no" if k % 10 == 0 else "yes" for k in range(6000)}


def _within(share: float, expected: float, n: int) -> bool:
    """Five standard deviations of a binomial share: a right program fails about once in two million."""
    return abs(share - expected) <= 5 * math.sqrt(max(expected * (1 - expected), 1e-12) / n) + 1e-9


def test_every_worker_answers_at_their_true_skill() -> None:
    workers = crowd(20)
    votes = simulate_votes(TRUTH, workers=workers, n_votes=5)
    for worker in workers:
        for answer, chance in (("yes", worker.right_on_yes), ("no", worker.right_on_no)):
            mine = [v for v in votes if v.worker_id == worker.worker_id and TRUTH[v.item_id] == answer]
            assert len(mine) > 50
            right = sum(vote.answer == answer for vote in mine) / len(mine)
            assert _within(right, chance, len(mine)), (worker, answer, right, len(mine))


def test_each_item_is_seen_by_as_many_different_workers_and_each_worker_by_as_many_items() -> None:
    votes = simulate_votes(TRUTH, workers=crowd(20), n_votes=5)
    assert list(Counter(vote.item_id for vote in votes).items()) == [(item, 5) for item in TRUTH]
    assert len({(vote.item_id, vote.worker_id) for vote in votes}) == len(votes)
    again = simulate_votes(TRUTH, workers=crowd(20)[::-1], n_votes=5)
    assert again == votes == sorted(votes, key=lambda v: (int(v.item_id[5:]), v.worker_id))
    for n in Counter(vote.worker_id for vote in votes).values():
        assert _within(n / len(TRUTH), 5 / 20, len(TRUTH))


def test_workers_do_not_err_together() -> None:
    """Errors of two workers on the same items are independent: both wrong as often as chance has it."""
    people = (Worker("a", "careful", 0.7, 0.7), Worker("b", "careful", 0.6, 0.6))
    votes = simulate_votes(TRUTH, workers=people, n_votes=2)
    wrong = Counter(vote.item_id for vote in votes if vote.answer != TRUTH[vote.item_id])
    assert _within(sum(n == 2 for n in wrong.values()) / len(TRUTH), 0.3 * 0.4, len(TRUTH))


@given(
    items=st.dictionaries(st.text(max_size=8), st.sampled_from(["yes", "no"]), max_size=20),
    order=st.randoms(),
    seed=st.integers(-(2**70), 2**70),
)
def test_order_and_company_of_items_change_nothing(items: dict[str, str], order: object, seed: int) -> None:
    workers = crowd(8)
    shuffled = list(items.items())
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    votes = simulate_votes(items, workers=workers, n_votes=3, seed=seed)
    again = simulate_votes(dict(shuffled), workers=workers[::-1], n_votes=3, seed=seed)
    assert sorted(votes, key=str) == sorted(again, key=str)
    for item, answer in items.items():
        alone = simulate_votes({item: answer}, workers=workers, n_votes=3, seed=seed)
        assert alone == [vote for vote in votes if vote.item_id == item]
    decisions = simulate_experts(items, seed=seed)
    assert simulate_experts(dict(shuffled), seed=seed) == [
        next(d for d in decisions if d.item_id == item) for item, _ in shuffled
    ]


def test_another_seed_gives_other_answers() -> None:
    workers = crowd(20)
    first = simulate_votes(TRUTH, workers=workers, n_votes=3, seed=1)
    assert simulate_votes(TRUTH, workers=workers, n_votes=3, seed=2) != first
    assert crowd(20, seed=1) != crowd(20, seed=2)


def test_the_crowd_is_mostly_careful_with_some_spammers() -> None:
    workers = crowd(21)
    assert Counter(worker.kind for worker in workers) == {"careful": 18, "always yes": 2, "guesses": 1}
    skills = sorted(worker.right_on_yes for worker in workers if worker.kind == "careful")
    assert (skills[0], skills[-1]) == SKILL_RANGE
    assert len({worker.worker_id for worker in workers}) == 21
    assert [w.kind for w in crowd(1)] == ["careful"]


def test_experts_are_right_at_their_rate() -> None:
    decisions = simulate_experts(TRUTH, accuracy=0.9)
    assert [decision.item_id for decision in decisions] == list(TRUTH)
    right = sum(decision.label == TRUTH[decision.item_id] for decision in decisions) / len(TRUTH)
    assert _within(right, 0.9, len(TRUTH))
    assert simulate_experts({}) == []


@pytest.mark.parametrize("n_votes", [0, 6])
def test_no_worker_is_asked_twice(n_votes: int) -> None:
    with pytest.raises(UsageError, match="wanted 1 to 5"):
        simulate_votes(TRUTH, workers=crowd(5), n_votes=n_votes)
    assert len(simulate_votes({"a": "yes"}, workers=crowd(5), n_votes=5)) == 5
    assert simulate_votes({}, workers=crowd(5), n_votes=5) == []


def test_right_answers_follow_what_the_picture_shows() -> None:
    tasks = [
        {"task_id": "t1", "image_id": "i1", "synset_id": "n1"},
        {"task_id": "t2", "image_id": "i1", "synset_id": "n2"},
        {"task_id": "t3", "image_id": "unheard of", "synset_id": "n1"},
    ]
    assert right_answers(tasks, {"i1": {"n1"}}) == {"t1": "yes", "t2": "no", "t3": "no"}
    candidates = [{"image_id": "i1", "synset_id": "n1"}, {"image_id": "i1", "synset_id": "n2"}]
    assert shown_by_folder(candidates) == {"i1": {"n1", "n2"}}


def test_csv_says_what_was_answered(tmp_path: Path) -> None:
    rows = [
        Vote('a,"b"\nc', "w", "yes", "2024-01-08T08:00:00Z"),
        Vote("ü", "w", "no", "2024-01-08T08:00:01Z"),
    ]
    write_csv(tmp_path / "new" / "votes.csv", rows, Vote)
    with (tmp_path / "new" / "votes.csv").open(newline="", encoding="utf-8") as stream:
        assert [Vote(**row) for row in csv.DictReader(stream)] == rows
    write_csv(tmp_path / "none.csv", [], Decision)
    assert (tmp_path / "none.csv").read_text() == "item_id,reviewer_id,label,reviewed_at\n"


def test_workers_are_shown_beside_their_estimates() -> None:
    workers = (Worker("a", "always yes", 1.0, 0.0), Worker("b", "careful", 0.8, 0.8))
    rows = worker_rows(
        workers, [{"worker_id": "a", "agreement": 0.7, "gold_accuracy": 0.5, "n_votes": 9}], share_yes=0.6
    )
    assert [(row["worker_id"], row["true_accuracy"], row["agreement"]) for row in rows] == [
        ("b", pytest.approx(0.8), None),
        ("a", pytest.approx(0.6), 0.7),
    ]


def test_what_nobody_can_see_is_guessed():
    workers = [Worker(f"w{k:02d}", "careful", 1.0, 1.0) for k in range(20)]
    truth = {f"i{k}": YES for k in range(1000)}
    ease = dict.fromkeys(list(truth)[:500], 0.0)
    votes = simulate_votes(truth, workers=workers, n_votes=5, ease=ease)
    said_yes = {
        hard: [v.answer == YES for v in votes if (v.item_id in ease) == hard] for hard in (True, False)
    }
    assert 0.45 < sum(said_yes[True]) / 2500 < 0.55
    assert all(said_yes[False]), "of what is easy, all is seen"
