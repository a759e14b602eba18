"""Rows of the driver, and which task gets them."""

from __future__ import annotations

from collections import Counter

import pytest
from pyspark.sql import functions as F

from synlake.local_rows import dealt_rows, local_rows


@pytest.mark.parametrize(
    ("n_rows", "n_partitions", "sizes"),
    [(10, 4, [2, 2, 3, 3]), (3, 8, [1, 1, 1]), (5, 1, [5]), (40, 40, [1] * 40)],
)
def test_rows_are_dealt_out_evenly(spark, n_rows, n_partitions, sizes):
    dealt = dealt_rows(spark, ((i,) for i in range(n_rows)), "n int not null", n_partitions)
    tasks = dealt.withColumn("task", F.spark_partition_id()).collect()
    assert sorted(row["n"] for row in tasks) == list(range(n_rows))
    assert sorted(Counter(row["task"] for row in tasks).values()) == sizes


def test_no_rows_are_dealt_out_too(spark):
    assert dealt_rows(spark, [], "path binary").columns == ["path"]
    assert dealt_rows(spark, [], "path binary").count() == 0


def test_null_where_there_may_be_none_is_an_error(spark):
    with pytest.raises(ValueError, match="column n may not be null"):
        local_rows(spark, [(1,), (None,)], "n int not null")
