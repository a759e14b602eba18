"""Rounds of the dynamic rule: the sample first, then only what is still in doubt, for as many votes as it lacks."""

from __future__ import annotations

import argparse
import csv
from collections import Counter, defaultdict

import pytest
from rows import as_dicts, rows

from synlake import stage, tables
from synlake.errors import InputError
from synlake.jobs import STAGES, export_tasks, import_votes, plan_annotation
from synlake.methods.vote_confidence import rates, rule_of

SIZE, SAMPLE, VOTES, MOST = 60, 20, 6, 6
PAGE = {"hit_size": 14, "n_positive": 2, "n_negative": 2}


def image(synset, k):
    return {"image_id": f"{synset}-{k:03d}", "synset_id": synset, "is_kept": True}


def crowd_says(task_id, image_id, worker):
    """On n1 all workers are right: every fourth image is a no. On n2 one of three workers says no to anything."""
    synset, k = image_id.split("-")
    if synset == "n2" and sum(map(ord, task_id)) % 3 == worker % 3:
        return "no"
    return "no" if int(k) % 4 == 0 else "yes"


class Crowd:
    """Answers exported files; each task is answered by workers who have not seen it."""

    def __init__(self, warehouse, folder):
        self.warehouse, self.folder, self.seen, self.n = warehouse, folder, Counter(), 0

    def answer(self, path):
        self.n += 1
        votes = self.folder / f"votes-{self.n}.csv"
        with path.open() as given, votes.open("w") as stream:
            stream.write("item_id,worker_id,answer\n")
            for task in csv.DictReader(given):
                for _ in range(int(task["n_votes_wanted"])):
                    worker = self.seen[task["task_id"]]
                    self.seen[task["task_id"]] += 1
                    said = crowd_says(task["task_id"], task["image_id"], worker)
                    stream.write(f"{task['task_id']},w{worker},{said}\n")
        stage.run_stage(self.warehouse, STAGES["import-votes"], import_votes.Config(input=str(votes)))


def ask_again(warehouse, capsys, **settings):
    arguments = argparse.Namespace(format="csv")
    export_tasks.run(warehouse, export_tasks.Config(**settings), arguments)
    (row,) = csv.DictReader(capsys.readouterr().out.splitlines())
    return {name: float(value) for name, value in row.items()}


@pytest.mark.slow
def test_rounds_ask_only_for_what_is_in_doubt(spark, warehouse, tmp_path, capsys):
    with pytest.raises(InputError, match="no tasks were planned"):
        export_tasks.run(warehouse, export_tasks.Config(), argparse.Namespace(format="csv"))
    synsets = [
        {"selection_id": "default", "synset_id": s, "lemmas": [s], "is_selected": True} for s in ("n1", "n2")
    ]
    tables.overwrite(warehouse, "synsets", rows(spark, "synsets", *synsets))
    pool = [image(synset, k) for synset in ("n1", "n2") for k in range(SIZE)]
    tables.overwrite(warehouse, "pool", rows(spark, "pool", *pool))
    gold = tmp_path / "gold.csv"
    gold.write_text("image_id,synset_id,expected_answer\n" + "".join(f"n1-9{k},n1,yes\n" for k in range(3)))
    plan = plan_annotation.Config(
        votes="dynamic",
        sample_size=SAMPLE,
        n_sample_votes=VOTES,
        max_votes=MOST,
        target_confidence=0.9,
        gold_file=str(gold),
        export=str(tmp_path / "1.csv"),
        **PAGE,
    )
    stage.run_stage(warehouse, STAGES["plan-annotation"], plan)
    tasks = as_dicts(tables.read(warehouse, "tasks"), "task_id")
    questions = {task["task_id"]: task for task in tasks if not task["is_gold"]}
    sample = {name for name, task in questions.items() if task["n_votes_wanted"]}
    assert Counter(questions[name]["synset_id"] for name in sample) == {"n1": SAMPLE, "n2": SAMPLE}
    exported = list(csv.DictReader((tmp_path / "1.csv").open()))
    assert {row["task_id"] for row in exported} & questions.keys() == sample
    assert {row["n_votes_wanted"] for row in exported} == {str(VOTES)}

    waiting = ask_again(warehouse, capsys, export=str(tmp_path / "again.csv"))
    assert waiting["n_waiting_for_sample"] == 2 * (SIZE - SAMPLE)
    assert waiting["n_votes_asked"] == 2 * SAMPLE * VOTES, "nobody has answered yet"

    people = Crowd(warehouse, tmp_path)
    people.answer(tmp_path / "1.csv")
    second = ask_again(warehouse, capsys, export=str(tmp_path / "2.csv"))
    assert second["n_done"] == 2 * SAMPLE
    assert second["n_asked"] == 2 * (SIZE - SAMPLE)
    assert second["n_waiting_for_sample"] == 0
    check_tables(warehouse, questions, sample)
    asked = list(csv.DictReader((tmp_path / "2.csv").open()))
    assert not {row["task_id"] for row in asked} & sample
    check_pages(asked, {task["task_id"]: task for task in tasks})

    people.answer(tmp_path / "2.csv")
    third = ask_again(warehouse, capsys, export=str(tmp_path / "3.csv"))
    n_votes = Counter(row["item_id"] for row in as_dicts(tables.read(warehouse, "votes")))
    spent = {
        s: [n_votes[n] for n, t in questions.items() if t["synset_id"] == s and n not in sample]
        for s in ("n1", "n2")
    }
    open_ = {row["task_id"] for row in csv.DictReader((tmp_path / "3.csv").open())} & questions.keys()
    assert {questions[name]["synset_id"] for name in open_} == {"n2"}, "of n1, workers agree"
    assert max(spent["n1"]) <= 2
    assert third["n_asked"] == len(open_) > 0
    # A number of votes for all is another way to ask for more.
    fixed = ask_again(warehouse, capsys, n_votes=2, export=str(tmp_path / "fixed.csv"))
    assert fixed["n_votes_asked"] == sum(max(0, 2 - n_votes[name]) for name in questions)
    with pytest.raises(InputError, match="--budget 0: this round costs"):
        ask_again(warehouse, capsys, n_votes=9, budget=0.0)


def check_tables(warehouse, questions, sample):
    """vote_confidence is what the pure rule says of the sample's votes, counted by hand."""
    counts = defaultdict(lambda: [0, 0])
    for vote in as_dicts(tables.read(warehouse, "votes")):
        counts[vote["item_id"]][vote["answer"] == "no"] += 1
    by_synset = defaultdict(Counter)
    for name in sample:
        by_synset[questions[name]["synset_id"]][tuple(counts[name])] += 1
    pooled = rates(by_synset["n1"] + by_synset["n2"])
    found = as_dicts(tables.read(warehouse, "vote_confidence"))
    for synset, samples in by_synset.items():
        rule = rule_of(samples, target=0.9, max_votes=MOST, pooled=pooled)
        rows_ = {(row["n_for"], row["n_against"]): row for row in found if row["synset_id"] == synset}
        assert len(rows_) == (MOST + 1) * (MOST + 2) / 2
        for state, row in rows_.items():
            assert row["confidence"] == pytest.approx(rule.sure[state], abs=1e-12)
            assert row["n_more"] == rule.n_more(state)


def check_pages(asked, tasks):
    """The second round's HITs are of one synset and one number of votes, with the controls there are."""
    hits = defaultdict(list)
    for row in asked:
        hits[row["hit_id"]].append(row)
    for page in hits.values():
        assert len({(row["synset_id"], row["n_votes_wanted"]) for row in page}) == 1
        kinds = Counter(tasks[row["task_id"]]["expected_answer"] for row in page)
        assert kinds["no"] == PAGE["n_negative"]
        assert kinds["yes"] == (PAGE["n_positive"] if page[0]["synset_id"] == "n1" else 0)
        assert kinds[None] <= PAGE["hit_size"] - 4
        assert len({row["image_id"] for row in page}) == len(page)
