from __future__ import annotations

import hashlib
from collections import defaultdict
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synlake.methods import checksum
from synlake.methods.checksum import content_checksum, table_checksums

ROWS = st.lists(st.tuples(st.text("ab,\n|", max_size=3), st.one_of(st.none(), st.floats(0, 1))), max_size=8)


@settings(max_examples=6)
@given(ROWS, st.integers(1, 4))
def test_the_checksum_does_not_see_order_or_partitions(spark, given, n):
    schema = "a string, b double"
    straight = content_checksum(spark.createDataFrame(given, schema))
    turned = spark.createDataFrame(list(reversed(given)), schema).repartition(n).select("b", "a")
    assert straight == content_checksum(turned)


@settings(max_examples=6)
@given(ROWS, ROWS)
def test_the_checksum_sees_every_difference(spark, one, other):
    schema = "a string, b double"

    one, other = rounded_rows(one), rounded_rows(other)
    same = content_checksum(spark.createDataFrame(one, schema)) == content_checksum(
        spark.createDataFrame(other, schema)
    )
    assert same == (sorted(map(repr, one)) == sorted(map(repr, other)))


def rounded_rows(given):
    return [(a, None if b is None else round(b, 6)) for a, b in given]


def test_the_checksum_counts_repeated_rows_and_names_of_columns(spark):
    once = spark.createDataFrame([("a",)], "x string")
    twice = spark.createDataFrame([("a",), ("a",)], "x string")
    renamed = once.withColumnRenamed("x", "y")
    assert len({content_checksum(df) for df in (once, twice, renamed, once.limit(0))}) == 4


def by_hand(hashes):
    """The checksum as ARCHITECTURE describes it: sorted hashes of each bucket are hashed, and then those."""
    buckets = defaultdict(list)
    for digits in sorted(one.hex() for one in hashes):
        buckets[digits[:3]].append(digits)
    digests = [hashlib.sha256("".join(buckets[name]).encode()).hexdigest() for name in sorted(buckets)]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


@pytest.mark.parametrize("per_task", [1_000_000, 400])
def test_checksums_of_tables_are_those_computed_by_hand(spark, monkeypatch, per_task):
    monkeypatch.setattr(checksum, "_HASHES_PER_TASK", per_task)
    random = Random(5)
    hashes = {
        "a": [random.randbytes(32) for _ in range(2000)],
        "b": [bytes(32), b"\1" + bytes(31)] * 2,
        "c": [],
    }
    rows = [(table, one) for table, mine in hashes.items() for one in mine]
    df = spark.createDataFrame(random.sample(rows, len(rows)), "table string, row_sha256 binary").repartition(
        3
    )
    assert table_checksums(df, list(hashes)) == {t: (by_hand(mine), len(mine)) for t, mine in hashes.items()}
