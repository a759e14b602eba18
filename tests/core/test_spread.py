"""Where rows go, and in what order."""

from __future__ import annotations

import pytest
from pyspark.sql import functions as F
from rows import rows

from synlake import spread, tables
from synlake.errors import ContractError
from synlake.schemas import TABLES


def test_a_class_is_side_by_side_in_as_few_partitions_as_can_be(spark, monkeypatch):
    monkeypatch.setattr(spread, "FILE_ROWS", 100)
    sizes = {"a": 30, "b": 350, "c": 1, "d": 19}
    given = [(name, f"{name}{k}") for name, n in sizes.items() for k in range(n)]
    df = spark.createDataFrame(given, "label string, image_id string").repartition(3)
    dealt = spread.dealt_by_class(df, sizes, by="label", within="image_id")
    found = dealt.withColumn("part", F.spark_partition_id()).collect()
    assert sorted((row["label"], row["image_id"]) for row in found) == sorted(given)
    parts = [[row["label"] for row in found if row["part"] == part] for part in range(4)]
    assert all(part == sorted(part) for part in parts), "classes are side by side"
    assert [sorted(set(part)) for part in parts] == [["a", "b"], ["b"], ["b"], ["b", "c", "d"]]
    assert all(70 <= len(part) <= 130 for part in parts)


def test_rows_of_a_class_that_was_not_counted_are_not_lost(spark):
    df = spark.createDataFrame([("a", "1"), ("x", "2")], "label string, image_id string")
    assert spread.dealt_by_class(df, {"a": 1}, by="label", within="image_id").count() == 2


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"split": "tset"}, "split is a known one: 1 keys, such as r1, b, n1"),
        ({"group_id": None}, "a column that is never null is null: 1 keys, such as r1, b, n1"),
    ],
)
def test_rules_are_checked_while_rows_are_written(spark, warehouse, fault, said):
    good = {"release": "r1", "image_id": "a", "synset_id": "n1", "split": "val", "label_source": "votes"}
    broken = {**good, "image_id": "b", **fault}
    names = TABLES["release_images"].schema.names
    loose = ", ".join(f"{f.name} {f.dataType.simpleString()}" for f in TABLES["release_images"].schema)
    given = rows(spark, "release_images", good).collect()
    wrong = {**given[0].asDict(), **broken}
    df = spark.createDataFrame([tuple(given[0]), tuple(wrong[name] for name in names)], loose)
    with pytest.raises(ContractError, match=said):
        tables.append_unique(warehouse, "release_images", df, {"n1": 2})
    assert tables.read(warehouse, "release_images").isEmpty()
    tables.append_unique(warehouse, "release_images", df.limit(1), {"n1": 1})
    assert tables.read(warehouse, "release_images").count() == 1
