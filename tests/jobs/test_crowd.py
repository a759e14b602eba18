"""From votes to reviewed labels as a user goes: spammers out, a second round, experts, and what it all bought."""

from __future__ import annotations

import argparse
import csv
import datetime as dt

import numpy as np
import pytest
from rows import as_dicts, rows

from synlake import tables
from synlake.errors import InputError, UsageError
from synlake.jobs import aggregate_votes, audit_report, quality_report, review_labels

TABLE = argparse.Namespace(format="csv")


@pytest.fixture
def voted(spark, warehouse):
    """60 tasks on two synsets (synthetic). Four workers are right nine times of ten, two guess; owls are hard."""
    rng = np.random.default_rng(8)
    truth = {f"t{n:02}": ("owl" if n < 20 else "bus", "yes" if n % 2 else "no") for n in range(60)}
    votes = []
    for item, (synset, answer) in truth.items():
        for worker in ("ann", "bob", "eve", "kim", "x1", "x2"):
            p = 0.5 if worker.startswith("x") or synset == "owl" else 0.93
            said = answer if rng.random() < p else {"yes": "no", "no": "yes"}[answer]
            votes.append({"vote_id": f"{item}{worker}", "item_id": item, "worker_id": worker, "answer": said})
    tasks = [{"task_id": item, "synset_id": synset, "image_id": item} for item, (synset, _) in truth.items()]
    tables.overwrite(warehouse, "tasks", rows(spark, "tasks", *tasks))
    tables.append(warehouse, "votes", rows(spark, "votes", *votes))
    return {item: answer for item, (_, answer) in truth.items()}


def printed(capsys, job, warehouse, settings):
    capsys.readouterr()
    assert job.run(warehouse, settings, TABLE) == 0
    return list(csv.DictReader(capsys.readouterr().out.splitlines()))


def test_votes_are_judged_asked_again_reviewed_and_measured(voted, warehouse, tmp_path, capsys):
    settings = aggregate_votes.Config(
        method="one_coin",
        min_confidence=0.95,
        min_spammer_score=0.1,
        second_method="majority",
        max_doubtful=0.2,
    )
    outcome = aggregate_votes.main(warehouse, settings)
    workers = {
        row["worker_id"]: row["exclusion_reason"]
        for row in as_dicts(tables.read(warehouse, "workers"), "worker_id")
    }
    assert {name for name, reason in workers.items() if reason == "spammer"} == {"x1", "x2"}
    assert {c.metric: c.value for c in outcome.controls}["n_votes_of_excluded_workers"] == 120
    labels = {row["item_id"]: row for row in as_dicts(tables.read(warehouse, "labels"), "item_id")}
    assert {row["n_votes"] for row in labels.values()} == {4}
    owls = [row for row in labels.values() if row["synset_id"] == "owl"]
    assert all(row["is_escalated"] for row in owls)
    assert {row["escalation_reason"] for row in owls} == {"low_confidence", "difficult_synset"}
    assert not any(row["is_escalated"] for row in labels.values() if row["synset_id"] == "bus")

    when = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.timezone.utc)
    again = review_labels.main(warehouse, review_labels.Config(max_votes=5, audit_ratio=0.5))
    more = list(csv.DictReader((tmp_path / "warehouse" / "exports" / "more_votes.csv").open()))
    n_escalated = sum(row["is_escalated"] for row in labels.values())
    assert [row["n_more"] for row in more] == ["1"] * n_escalated
    assert {c.metric: c.value for c in again.controls} == {
        "n_escalated_open": 0,
        "n_asked_again": n_escalated,
    }

    review_labels.main(warehouse, review_labels.Config(max_votes=4, audit_ratio=0.5))
    sheet = list(csv.DictReader((tmp_path / "warehouse" / "exports" / "review.csv").open()))
    assert sum(row["why"] != "audit" for row in sheet) == n_escalated
    filled = [{**row, "reviewer_id": "doc", "label": voted[row["item_id"]]} for row in sheet[:-1]] + sheet[
        -1:
    ]
    with (tmp_path / "filled.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(sheet[0]))
        writer.writeheader()
        writer.writerows(filled)
    done = review_labels.main(
        warehouse, review_labels.Config(decisions_file=str(tmp_path / "filled.csv"), as_of=when)
    )
    assert done.rejected == {"not_decided": 1}
    decided = as_dicts(tables.read(warehouse, "reviews").where("kind = 'decision' AND reject_reason IS NULL"))
    assert len(decided) == len(sheet) - 1
    assert {(row["reviewer_id"], row["reviewed_at"].timestamp()) for row in decided} == {
        ("doc", when.timestamp())
    }

    (whole,) = [
        r for r in printed(capsys, audit_report, warehouse, audit_report.Config()) if r["level"] == "all"
    ]
    assert int(whole["n_audited"]) == sum(row["why"] == "audit" for row in sheet[:-1])
    with (tmp_path / "truth.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("item_id", "label"), *voted.items()])
    found = printed(
        capsys, quality_report, warehouse, quality_report.Config(truth=str(tmp_path / "truth.csv"))
    )
    whole = {row["labels"]: float(row["accuracy"]) for row in found if row["level"] == "all"}
    assert whole["one vote"] < whole["all votes"] < whole["final"]
    assert (
        float(next(r["accuracy"] for r in found if (r["part"], r["labels"]) == ("escalated", "final"))) == 1
    )
    by_audit = printed(capsys, quality_report, warehouse, quality_report.Config())
    assert {row["part"] for row in by_audit} == {"all", "settled"}


def test_majority_tells_no_spammers(voted, warehouse):
    with pytest.raises(UsageError, match="--method dawid_skene"):
        aggregate_votes.main(warehouse, aggregate_votes.Config(min_spammer_score=0.1))


def test_a_known_answer_is_kept_in_the_dataset_and_needs_no_expert(voted, warehouse, tmp_path):
    known = dict(sorted(voted.items())[:3])
    path = tmp_path / "gold.csv"
    path.write_text(
        "item_id,expected_answer\n" + "".join(f"{item},{answer}\n" for item, answer in known.items())
    )
    aggregate_votes.main(warehouse, aggregate_votes.Config(gold_file=str(path), min_confidence=0.99))
    labels = {row["item_id"]: row for row in as_dicts(tables.read(warehouse, "labels"), "item_id")}
    for item, answer in known.items():
        row = labels[item]
        assert (row["label"], row["confidence"], row["is_gold"], row["escalation_reason"]) == (
            answer,
            1.0,
            False,
            None,
        )
    assert any(row["is_escalated"] for row in labels.values())
    path.write_text("item_id,expected_answer\na,yes\na,no\n")
    with pytest.raises(InputError, match="item a has the answers no, yes"):
        aggregate_votes.main(warehouse, aggregate_votes.Config(gold_file=str(path)))
