"""Who is asked again: by a fixed number, and by each synset's table; counted by hand."""

from __future__ import annotations

import pytest
from rows import as_dicts, rows

from synlake.methods.vote_confidence import rates, rule_of
from synlake.methods.vote_rounds import (
    confidence_tables,
    control_offers,
    counted,
    lacking_dynamic,
    lacking_fixed,
    pooled_rates,
)

OPTIONS = [("yes", "yes", None), ("no", "no", None)]
#: task: synset, votes wanted (0: not of the sample), yes, no
TASKS = {
    **{f"a{k}": ("n1", 4, 4, 0) for k in range(8)},
    **{f"b{k}": ("n1", 4, 0, 4) for k in range(4)},
    "short": ("n1", 4, 2, 0),
    "new": ("n1", 0, 0, 0),
    "sure": ("n1", 0, 3, 0),
    "torn": ("n1", 0, 1, 1),
    "full": ("n1", 0, 3, 3),
    "waits": ("n2", 0, 1, 0),
}


def test_what_each_task_lacks(spark):
    tasks = [
        {
            "task_id": name,
            "synset_id": synset,
            "n_votes_wanted": wanted,
            "hit_id": "h" if wanted else None,
            "options": OPTIONS,
        }
        for name, (synset, wanted, *_) in TASKS.items()
    ]
    gold = {
        "is_gold": True,
        "synset_id": "n1",
        "image_id": "i",
        "options": OPTIONS,
        "hit_id": "h",
        "n_votes_wanted": 4,
    }
    tasks += [{**gold, "task_id": f"g{k}", "expected_answer": "yes"} for k in range(2)]
    votes = [
        {"item_id": name, "worker_id": f"{answer}{k}", "answer": answer}
        for name, (_, _, *counts) in TASKS.items()
        for answer, n in zip(("yes", "no"), counts, strict=True)
        for k in range(n)
    ]
    given = rows(spark, "tasks", *tasks)
    votes += [{"item_id": name, "worker_id": "bot", "answer": "yes"} for name in TASKS]
    workers = [{"worker_id": "bot", "exclusion_reason": "too_fast"}, {"worker_id": "yes0"}]
    found = counted(given, rows(spark, "votes", *votes), rows(spark, "workers", *workers)).cache()
    assert {row["task_id"]: tuple(row["counts"]) for row in as_dicts(found)} == {
        name: (yes, no) for name, (_, _, yes, no) in TASKS.items()
    }
    fixed = {row["task_id"]: row["n_more"] for row in as_dicts(lacking_fixed(found, n_votes=None))}
    assert {name for name, n in fixed.items() if n} == {"short"}
    fixed = {row["task_id"]: row["n_more"] for row in as_dicts(lacking_fixed(found, n_votes=3))}
    assert (fixed["new"], fixed["torn"], fixed["full"], fixed["waits"]) == (3, 1, 0, 2)

    samples = {(4, 0): 8, (0, 4): 4}  # of "short", two votes tell too little
    pooled = pooled_rates(found)
    assert pooled == rates(samples)
    rule = rule_of(samples, target=0.9, max_votes=6, pooled=pooled)
    tables = confidence_tables(found, pooled, target=0.9, max_votes=6)
    dynamic = {row["task_id"]: row["n_more"] for row in as_dicts(lacking_dynamic(found, tables, max_votes=6))}
    assert dynamic == {
        **{name: 0 for name in TASKS if name[1:].isdigit()},
        "short": 2,
        "new": rule.n_more((0, 0)),
        "sure": 0,
        "torn": rule.n_more((1, 1)),
        "full": 0,
        "waits": None,
    }
    assert dynamic["new"] > 0
    assert dynamic["torn"] > 0
    for row in as_dicts(tables):
        assert row["confidence"] == pytest.approx(rule.sure[row["n_for"], row["n_against"]], abs=1e-12)
    (offer,) = as_dicts(control_offers(given))
    assert (offer["task_id"], offer["is_positive"]) == ("g0", True)
    found.unpersist()
