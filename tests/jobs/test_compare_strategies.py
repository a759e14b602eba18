from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from argparse import Namespace

from synlake import tables
from synlake.jobs import compare_strategies


def test_hierarchical_reaches_more_branches_and_is_more_consistent(warehouse, capsys, tmp_path):
    plot = tmp_path / "plot.svg"
    settings = compare_strategies.Config(n_synsets=300, seeds=2, plot=str(plot))
    assert compare_strategies.run(warehouse, settings, Namespace(format="csv")) == 0
    header, *lines = capsys.readouterr().out.strip().splitlines()
    scores = {
        line.split(",")[0]: dict(zip(header.split(","), line.split(","), strict=True)) for line in lines
    }
    best = scores.pop("hierarchical")
    assert set(scores) == {"random", "popularity"}
    for other in scores.values():
        assert float(best["n_branches"]) > float(other["n_branches"])
        assert float(best["c_hier"]) > float(other["c_hier"])
    stored = tables.read(warehouse, "strategy_scores")
    assert stored.groupBy("strategy").count().where("count = 2").count() == 3
    assert ElementTree.parse(plot).getroot().tag.endswith("svg")
