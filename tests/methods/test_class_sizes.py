"""The distribution of class sizes, against numpy and counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import as_dicts, rows

from synlake.methods.class_sizes import distribution, sizes_by_synset


@settings(max_examples=6)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(any))
def test_gini_and_shares_are_those_of_numpy(spark, sizes):
    given_rows = [(0, f"n{k}", n) for k, n in enumerate(sizes)]
    found = as_dicts(distribution(spark.createDataFrame(given_rows, "stage INT, synset_id STRING, n LONG")))[
        0
    ]
    values = np.sort(np.array(sizes, float))
    gini = np.abs(values[:, None] - values[None, :]).mean() / (2 * values.mean())
    assert found["gini"] == pytest.approx(gini, abs=1e-4)
    n_head, n_tail = -(-len(values) // 10), len(values) // 2
    assert found["head_share"] == pytest.approx(values[len(values) - n_head :].sum() / values.sum(), abs=1e-4)
    assert found["tail_share"] == pytest.approx(values[:n_tail].sum() / values.sum(), abs=1e-4)
    assert (found["smallest"], found["median"], found["largest"]) == (
        values[0],
        np.median(values),
        values[-1],
    )


def test_an_image_counts_up_to_the_stage_that_dropped_it(spark):
    base = {"synset_id": "n1"}
    pool = rows(
        spark,
        "pool",
        {**base, "image_id": "kept", "is_kept": True},
        {**base, "image_id": "copy", "reject_reason": "near_duplicate", "duplicate_of": "kept"},
        {**base, "image_id": "back", "is_kept": True, "is_restored": True, "duplicate_of": "kept"},
        {**base, "image_id": "over", "reject_reason": "over_quota"},
        {**base, "image_id": "bad", "reject_reason": "truncated"},
    )
    assert [row["n"] for row in as_dicts(sizes_by_synset(pool), "stage")] == [4, 2, 2]
