from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import functions as F
from rows import as_dicts, rows

from synlake import contract, delta_log, plain_files, tables
from synlake.errors import ConflictError, ContractError, EnvironmentFault, InputError, WarehouseVersionError
from synlake.schemas import TABLES
from synlake.warehouse import Warehouse, open_warehouse


@pytest.mark.parametrize("name", TABLES)
def test_every_schema_names_a_key_and_a_comment_for_each_column(name):
    spec = TABLES[name]
    columns = set(spec.schema.names)
    assert set(spec.key) <= columns
    assert set(spec.cluster_by) <= columns
    assert set(spec.partition_by) <= columns
    assert all(field.metadata.get("comment") for field in spec.schema)
    assert all(not spec.schema[key].nullable for key in spec.key)


def test_a_table_is_readable_by_other_engines_and_keeps_its_comments(spark, warehouse):
    tables.overwrite(
        warehouse, "pool", rows(spark, "pool", {"image_id": "a", "synset_id": "n1", "is_kept": True})
    )
    other = DeltaTable(tables.path(warehouse, "pool"))
    assert other.to_pyarrow_table().to_pylist()[0]["image_id"] == "a"
    assert other.protocol().min_reader_version == 1
    field = next(f for f in other.schema().fields if f.name == "distance_bits")
    assert "Hamming" in field.metadata["comment"]


def test_overwrite_then_append_then_insert_new(spark, warehouse):
    def queries(*words):
        return rows(spark, "queries", *({"synset_id": "n1", "query": w, "kind": "lemma"} for w in words))

    assert tables.overwrite(warehouse, "queries", queries("a", "b")) == 2
    assert tables.overwrite(warehouse, "queries", queries("c")) == 1
    assert tables.insert_new(warehouse, "queries", queries("c", "d", "d")) == 1
    assert [row["query"] for row in as_dicts(tables.read(warehouse, "queries"), "query")] == ["c", "d"]
    before = tables.version(warehouse, "queries")
    assert tables.insert_new(warehouse, "queries", queries("c")) == 0
    assert tables.version(warehouse, "queries") == before  # no commit for no rows


def test_a_broken_contract_commits_nothing_and_lists_every_fault(spark, warehouse):
    twice = {"image_id": "a", "synset_id": "n1", "is_kept": True}
    wrong = {"image_id": "b", "synset_id": "n1", "is_kept": False, "reject_reason": "mood"}
    with pytest.raises(ContractError) as caught:
        tables.overwrite(warehouse, "pool", rows(spark, "pool", twice, twice, wrong))
    text = str(caught.value)
    assert "the key (image_id, synset_id) is not unique: 1 keys, such as a, n1" in text
    assert "reject_reason is a known one: 1 keys, such as b, n1" in text
    assert tables.read(warehouse, "pool").isEmpty()


def test_missing_extra_and_mistyped_columns_are_listed_together(spark):
    df = spark.createDataFrame([(1, "x")], "synset_id int, mood string")
    with pytest.raises(ContractError) as caught:
        contract.conform(df, TABLES["queries"])
    assert "column query is missing" in str(caught.value)
    assert "column mood is not in the schema" in str(caught.value)
    assert "column synset_id is int, wanted string" in str(caught.value)


def test_a_missing_table_names_the_stage_that_writes_it(warehouse):
    with pytest.raises(InputError, match=r"submit.sh deduplicate-images --warehouse"):
        tables.read(warehouse, "pool")


def test_pins_hold_a_reader_to_a_version(spark, warehouse):
    tables.overwrite(warehouse, "queries", rows(spark, "queries", {"query": "a", "kind": "lemma"}))
    pinned = Warehouse(spark, warehouse.root, pins={"queries": tables.version(warehouse, "queries")})
    tables.overwrite(warehouse, "queries", rows(spark, "queries", {"query": "b", "kind": "lemma"}))
    assert as_dicts(tables.read(pinned, "queries"))[0]["query"] == "a"
    assert as_dicts(tables.read(warehouse, "queries"))[0]["query"] == "b"


def words(spark, *given):
    return rows(spark, "queries", *({"query": word, "kind": "lemma"} for word in given))


def words_in(df):
    return sorted(row["query"] for row in df.collect())


#: With the lists of files that Delta keeps in its checksum files, and from its log where there are none.
LISTED_OR_NOT = [
    pytest.param(True, id="listed"),
    pytest.param(False, id="unlisted", marks=pytest.mark.slow),
]


def forget_checksum_files(warehouse, table):
    """As where another engine wrote last, or a table has too many files to be listed."""
    for path in Path(tables.path(warehouse, table), "_delta_log").glob("*.crc"):
        path.unlink()
    warehouse.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()


@pytest.mark.parametrize("is_listed", LISTED_OR_NOT)
def test_every_version_is_as_delta_and_delta_rs_read_it(spark, warehouse, is_listed):
    noted = replace(warehouse, user_metadata={"stage": "of a test"})
    for write, given in [("overwrite", "ab"), ("append", "c"), ("overwrite", "de")]:
        if not is_listed:
            tables.make(warehouse, "queries")
            forget_checksum_files(warehouse, "queries")
        getattr(tables, write)(noted, "queries", words(spark, *given))
    place, newest = tables.path(warehouse, "queries"), tables.version(warehouse, "queries")
    for back, expected in enumerate(["de", "abc", "ab", ""]):
        version = newest - back
        ours = tables.read(replace(warehouse, pins={"queries": version}), "queries")
        theirs = spark.read.format("delta").option("versionAsOf", version).load(place)
        rust = DeltaTable(place, version=version).to_pyarrow_table().column("query").to_pylist()
        assert words_in(ours) == words_in(theirs) == sorted(rust) == list(expected)
    commits = tables.commits(warehouse, "queries").orderBy("version").collect()[1:]
    assert [commit["operationParameters"]["mode"] for commit in commits] == [
        "Overwrite",
        "Append",
        "Overwrite",
    ]
    assert {commit["userMetadata"] for commit in commits} == {'{"stage": "of a test"}'}


def test_to_plan_a_read_of_a_listed_table_takes_no_spark_job(spark, warehouse):
    def jobs_of(group):
        spark.sparkContext.setJobGroup(group, group)
        files = tables.read(warehouse, "queries").inputFiles()
        return len(files), len(spark.sparkContext.statusTracker().getJobIdsForGroup(group))

    tables.overwrite(warehouse, "queries", words(spark, "a"))
    assert jobs_of("listed") == (1, 0)
    forget_checksum_files(warehouse, "queries")
    n_files, n_jobs = jobs_of("unlisted")
    assert (n_files, n_jobs > 0) == (1, True)


def test_of_two_that_replace_all_rows_at_once_one_is_refused(spark, warehouse, monkeypatch):
    tables.overwrite(warehouse, "queries", words(spark, "a"))
    operation = delta_log._write_operation

    def interrupted(*given, **named):  # called between the writing of files and their commit
        monkeypatch.setattr(delta_log, "_write_operation", operation)
        tables.overwrite(warehouse, "queries", words(spark, "b"))
        return operation(*given, **named)

    monkeypatch.setattr(delta_log, "_write_operation", interrupted)
    with pytest.raises(ConflictError, match="table queries: another run changed it"):
        tables.overwrite(warehouse, "queries", words(spark, "c"))
    assert words_in(tables.read(warehouse, "queries")) == ["b"]


def guesses(spark, model, label):
    return rows(
        spark,
        "predictions",
        *(
            {"release": "r", "model": model, "image_id": one, "rank": 1, "label": label, "split": "all"}
            for one in "xy"
        ),
    )


def labels_by_model(df):
    return {
        (row["model"], row["label"]): row["n"]
        for row in df.groupBy("model", "label").agg(F.count("*").alias("n")).collect()
    }


@pytest.mark.parametrize("is_listed", LISTED_OR_NOT)
def test_rows_with_some_values_are_replaced_and_all_others_stay(spark, warehouse, is_listed):
    for model, label in [("it's", "a"), ("other", "b"), ("it's", "c")]:
        if not is_listed:
            tables.make(warehouse, "predictions")
            forget_checksum_files(warehouse, "predictions")
        where = {"release": "r", "model": model}
        tables.overwrite(warehouse, "predictions", guesses(spark, model, label), where=where)
    expected = {("it's", "c"): 2, ("other", "b"): 2}
    assert labels_by_model(tables.read(warehouse, "predictions")) == expected
    assert labels_by_model(spark.read.format("delta").load(tables.path(warehouse, "predictions"))) == expected
    rust = DeltaTable(tables.path(warehouse, "predictions")).to_pyarrow_table().to_pylist()
    assert Counter((row["model"], row["label"]) for row in rust) == expected
    tables.overwrite(warehouse, "predictions", guesses(spark, "x", "x").limit(0), where={"model": "it's"})
    assert labels_by_model(tables.read(warehouse, "predictions")) == {("other", "b"): 2}


def test_values_of_columns_that_are_no_partitions_are_replaced_too(spark, warehouse):
    tables.overwrite(warehouse, "queries", words(spark, "a", "b"))
    tables.overwrite(warehouse, "queries", words(spark, "b"), where={"query": "b"})
    tables.overwrite(warehouse, "queries", words(spark), where={"query": "a"})
    assert words_in(tables.read(warehouse, "queries")) == ["b"]


@pytest.mark.parametrize("model", ["mine", "other"])
def test_to_replace_the_same_partition_at_once_is_refused_and_another_is_not(
    spark, warehouse, monkeypatch, model
):
    operation = delta_log._write_operation

    def replace_guesses(model, label):
        where = {"release": "r", "model": model}
        tables.overwrite(warehouse, "predictions", guesses(spark, model, label), where=where)

    def interrupted(*given, **named):
        monkeypatch.setattr(delta_log, "_write_operation", operation)
        replace_guesses(model, "b")
        return operation(*given, **named)

    monkeypatch.setattr(delta_log, "_write_operation", interrupted)
    if model == "mine":
        with pytest.raises(ConflictError, match="table predictions: another run changed it"):
            replace_guesses("mine", "c")
        expected = {("mine", "b"): 2}
    else:
        replace_guesses("mine", "c")
        expected = {("mine", "c"): 2, ("other", "b"): 2}
    assert labels_by_model(tables.read(warehouse, "predictions")) == expected


def test_a_mark_that_is_refused_looks_again(spark, warehouse, monkeypatch):
    place, operation = tables.make(warehouse, "queries"), delta_log._write_operation

    def interrupted(*given, **named):
        monkeypatch.setattr(delta_log, "_write_operation", operation)
        assert not delta_log.commit_mark(spark, place, delta_log.Mark("a", 4))
        return operation(*given, **named)

    monkeypatch.setattr(delta_log, "_write_operation", interrupted)
    assert delta_log.commit_mark(spark, place, delta_log.Mark("a", 2))
    assert delta_log.last_transaction(spark, place, "a") == 4
    assert delta_log.last_transaction(spark, place, "b") == 0


def test_rows_are_not_added_to_a_table_of_other_columns(spark, warehouse):
    place = tables.path(warehouse, "queries")
    tables.overwrite(warehouse, "queries", words(spark, "a"))
    spark.sql(f"ALTER TABLE delta.`{place}` ADD COLUMNS (mood string)")
    other = words(spark, "b").drop("kind")
    assert not delta_log.write_rows(spark, place, other, delta_log.Change(None, None, "", {}))
    assert words_in(tables.read(warehouse, "queries")) == ["a"]


def test_a_warehouse_of_a_newer_synlake_is_refused(spark, warehouse):
    tables.overwrite(warehouse, "queries", rows(spark, "queries", {"query": "a", "kind": "lemma"}))
    target = f"delta.`{tables.path(warehouse, 'queries')}`"
    spark.sql(f"ALTER TABLE {target} SET TBLPROPERTIES ('synlake.layout' = '99')")
    with pytest.raises(WarehouseVersionError, match="layout 99"):
        tables.read(warehouse, "queries")
    with pytest.raises(WarehouseVersionError, match="layout 99"):
        tables.append(warehouse, "queries", rows(spark, "queries", {"query": "b", "kind": "lemma"}))


def test_a_strangers_delta_table_is_not_taken_for_ours(spark, warehouse):
    spark.range(3).write.format("delta").save(tables.path(warehouse, "pool"))
    with pytest.raises(InputError, match="did not write"):
        tables.read(warehouse, "pool")


@pytest.mark.parametrize("must_exist", [True, False])
def test_a_file_is_no_warehouse(tmp_path, must_exist):
    place = tmp_path / "notes.txt"
    place.write_text("mine")
    with pytest.raises(InputError, match="is a file; wanted a folder"):
        open_warehouse(None, str(place), must_exist=must_exist)
    assert place.read_text() == "mine"


def test_a_warehouse_below_a_file_cannot_be_made(spark, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(EnvironmentFault, match="cannot be written"):
        open_warehouse(spark, str(tmp_path / "file" / "warehouse"))


def test_a_folder_may_be_given_as_an_address(spark, tmp_path):
    opened = open_warehouse(spark, (tmp_path / "ware house").as_uri())
    assert opened.root == str(tmp_path / "ware house")


@pytest.mark.parametrize("name", ["a*", "run[1]", "{a}", "why?"])
def test_a_folder_that_spark_takes_for_a_pattern_is_refused(spark, tmp_path, name):
    with pytest.raises(InputError, match="for a pattern"):
        open_warehouse(spark, str(tmp_path / name))
    assert not (tmp_path / name).exists()


def test_export_writes_one_file_with_a_header(spark, tmp_path):
    target = tmp_path / "out dir" / "tasks.csv"
    plain_files.export_csv(spark.createDataFrame([('say "a", b', 1)], "words string, n int"), str(target))
    assert target.read_text() == 'words,n\n"say ""a"", b",1\n'
    assert [path.name for path in target.parent.iterdir()] == ["tasks.csv"]


def test_user_metadata_says_which_run_wrote_a_commit(spark, warehouse):
    marked = Warehouse(spark, warehouse.root, user_metadata={"run_id": "r1"})
    tables.overwrite(marked, "queries", rows(spark, "queries", {"query": "a", "kind": "lemma"}))
    newest = tables.commits(warehouse, "queries").orderBy("version", ascending=False).first()
    assert json.loads(newest["userMetadata"]) == {"run_id": "r1"}
