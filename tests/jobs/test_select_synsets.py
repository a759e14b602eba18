from __future__ import annotations

import csv

import pytest
from rows import as_dicts

from synlake import tables
from synlake.errors import InputError, UsageError
from synlake.jobs import select_synsets

HEADER = ["synset_id", "parent_ids", "lemmas", "gloss"]
THINGS = [
    ["top", "", "thing", ""],
    ["tool", "top", "tool", ""],
    ["saw", "tool", "saw|hand saw", "it cuts"],
    ["file", "tool", "file", ""],
    ["pet", "top", "pet", ""],
    ["cat", "pet", "cat", ""],
    ["hound", "pet", "hound|saw", ""],
]


def write(path, rows, header=HEADER):
    with open(path, "w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return str(path)


def test_a_taxonomy_of_ones_own_an_audit_and_its_decisions(warehouse, tmp_path):
    own = {
        "taxonomy_file": write(tmp_path / "own.csv", THINGS),
        "taxonomy_mode": "replace",
        "roots": ("top",),
        "min_depth": 2,
        "leaf_only": True,
        "wnids": ("saw",),
    }
    select_synsets.main(warehouse, select_synsets.Config(**own))
    chosen = tables.read(warehouse, "synsets").where("is_selected")
    assert [row["synset_id"] for row in as_dicts(chosen)] == ["saw"]  # and no other, where no number is given
    own["n_synsets"] = 9  # more than there are
    sheet = tmp_path / "sheet.csv"
    audited = select_synsets.Config(**own, audit_sample=2, audit_file=str(sheet))
    outcome = select_synsets.main(warehouse, audited)
    found = {row["synset_id"]: row for row in as_dicts(tables.read(warehouse, "synsets"))}
    assert {key for key, row in found.items() if row["is_selected"]} == {"saw", "file", "cat"}
    assert (found["hound"]["reject_reason"], found["hound"]["rejected_by"]) == ("same_lemma", "saw")
    assert found["saw"]["lemmas"] == ["saw", "hand_saw"]
    assert dict(outcome.rejected) == {"same_lemma": 1, "too_shallow": 3}
    with open(sheet, newline="", encoding="utf-8") as stream:
        drawn = list(csv.DictReader(stream))
    assert "cat" in {row["synset_id"] for row in drawn}  # the one selected synset of its branch
    assert len(drawn) == 2
    answers = [
        row | {"decision": "drop" if row["synset_id"] == "cat" else "", "auditor": "ann"} for row in drawn
    ]
    back = write(tmp_path / "back.csv", [list(row.values()) for row in answers], list(answers[0]))
    select_synsets.main(warehouse, select_synsets.Config(**own, audit_decisions=back))
    found = {row["synset_id"]: row for row in as_dicts(tables.read(warehouse, "synsets"))}
    assert (found["cat"]["reject_reason"], found["cat"]["audited_by"]) == ("audit_rejected", "ann")


def test_all_faults_of_a_taxonomy_are_in_one_error(tmp_path):
    rows = [
        ["a", "", "a", ""],
        ["a", "", "a", ""],
        ["b", "c", "b", ""],
        ["c", "b", "c", ""],
        ["d", "nowhere", "d", ""],
    ]
    path = write(tmp_path / "bad.csv", rows)
    with pytest.raises(InputError) as error:
        select_synsets.taxonomy.load(path, "replace")
    for words in (
        "1 duplicate ids: a",
        "2 cycles through: b, c",
        "unknown parents: d → nowhere",
        "1 orphans",
    ):
        assert words in str(error.value)


def test_a_taxonomy_extends_wordnet_and_retires_synsets(tmp_path):
    rows = [["x1", "n02084071", "robot dog", "new"], ["n02085374", "n02084071", "", "toy dog, retired"]]
    nouns = {n.synset_id: n for n in select_synsets.taxonomy.load(write(tmp_path / "more.csv", rows))}
    assert nouns["x1"].parent_ids == ("n02084071",)
    assert "n02085374" not in nouns
    assert "n02084071" in nouns["n02085620"].parent_ids  # Chihuahua was below toy dog
    assert len(nouns) == 82_115


def test_a_sample_needs_a_file(warehouse):
    with pytest.raises(UsageError, match="--audit-file"):
        select_synsets.main(warehouse, select_synsets.Config(audit_sample=3))
