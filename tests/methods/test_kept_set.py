from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from synlake.methods.kept_set import dropped_hashes, dropped_nodes

EDGES = st.sets(st.tuples(st.integers(0, 19), st.integers(0, 19)).filter(lambda e: e[0] < e[1]), max_size=60)


def one_by_one(edges, n_nodes):
    dropped = set()
    for node in range(n_nodes):
        if any(earlier not in dropped for earlier, later in edges if later == node):
            dropped.add(node)
    return dropped


@settings(max_examples=300)
@given(EDGES)
def test_the_kept_set_is_the_first_in_rank_independent_and_dominating(edges):
    earlier, later = (np.array([edge[side] for edge in sorted(edges)], np.int64) for side in (0, 1))
    dropped = set(np.flatnonzero(dropped_nodes(earlier, later, 20)).tolist())
    assert dropped == one_by_one(edges, 20)
    kept = set(range(20)) - dropped
    assert not any(a in kept and b in kept for a, b in edges)
    assert all(any((k, node) in edges for k in kept) for node in dropped)


@settings(max_examples=1)
@given(st.lists(EDGES, min_size=5, max_size=8))
def test_rounds_over_tables_decide_the_same(spark, graphs):
    rows = [(str(scope), a, b) for scope, edges in enumerate(graphs) for a, b in edges]
    df = spark.createDataFrame(rows, "scope string, earlier long, later long")
    found = {tuple(row) for row in dropped_hashes(df, in_one_task=3).collect()}
    assert found == {(str(s), node) for s, edges in enumerate(graphs) for node in one_by_one(edges, 20)}


def test_a_long_chain_is_decided_in_one_walk():
    n = 20_000
    dropped = dropped_nodes(np.arange(n - 1), np.arange(1, n), n)
    assert np.array_equal(dropped, np.arange(n) % 2 == 1)
