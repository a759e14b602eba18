from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from archives import special, write_tar, write_zip
from misbehaving import jpeg
from rows import as_dicts, rows

from synlake import tables
from synlake.errors import InputError
from synlake.jobs import ingest_images

TENCH, GOLDFISH, SHARK = "n01440764", "n01443537", "n01484850"
PICTURES = [jpeg(i) for i in range(8)]


def select(spark, warehouse, *chosen):
    words = {TENCH: ["tench", "Tinca_tinca"], GOLDFISH: ["goldfish"], SHARK: ["great_white_shark"]}
    given = [
        {
            "selection_id": "default",
            "synset_id": key,
            "lemmas": lemmas,
            "is_selected": key in chosen,
            "reject_reason": None if key in chosen else "over_target",
        }
        for key, lemmas in words.items()
    ]
    tables.overwrite(warehouse, "synsets", rows(spark, "synsets", *given))


def ingest(warehouse, path, source, **changes):
    return ingest_images.main(warehouse, ingest_images.Config(source=source, input=str(path), **changes))


def reasons(warehouse):
    found = as_dicts(tables.read(warehouse, "candidates"), "source_ref")
    return {row["source_ref"]: row["reject_reason"] or row["synset_id"] for row in found}


@pytest.mark.slow  # five runs; those of a Parquet folder below are the quick version
def test_archives_of_every_kind_become_candidates_and_a_second_selection_takes_more(
    spark, warehouse, tmp_path
):
    select(spark, warehouse, TENCH)
    shards = tmp_path / "shards"
    (shards / "more").mkdir(parents=True)
    write_tar(
        shards / "00.tar",
        (f"{TENCH}/a.jpg", PICTURES[0]),
        ("0001.jpg", PICTURES[1]),
        ("0001.cls", b"1"),
        ("0002.jpg", PICTURES[2]),
        ("0002.txt", b"Tench, Tinca tinca"),
        (special("l.jpg", b"2", "/etc/passwd"), None),
        ("readme.md", b"about"),
        (f"{TENCH}/a.jpg", PICTURES[0]),  # the same once more
    )
    write_tar(shards / "more" / "01.tar.gz", (f"{TENCH}_b.jpg", PICTURES[3]), mode="w:gz")
    (shards / "02.tar").write_bytes(b"nonsense" * 200)
    (tmp_path / "labels.csv").write_text(f"label,synset_id\n1,{GOLDFISH}\n", encoding="utf-8")
    labels = {"labels_file": str(tmp_path / "labels.csv")}
    outcome = ingest(warehouse, shards, "tar", **labels)
    expected = {
        "shards/00.tar/n01440764/a.jpg": TENCH,
        "shards/00.tar/0001.jpg": "synset_not_selected",
        "shards/00.tar/0002.jpg": TENCH,
        "shards/00.tar/l.jpg": "not_a_file",
        "shards/more/01.tar.gz/n01440764_b.jpg": TENCH,
        "shards/02.tar": "broken_archive",
    }
    assert reasons(warehouse) == expected
    assert dict(outcome.rejected) == {"synset_not_selected": 1, "not_a_file": 1, "broken_archive": 1}
    stored = {bytes(row["bytes"]) for row in tables.read(warehouse, "image_bytes").collect()}
    assert stored == {PICTURES[0], PICTURES[2], PICTURES[3]}
    versions = [tables.version(warehouse, name) for name in ("image_bytes", "candidates")]
    ingest(warehouse, shards, "tar", **labels)
    assert [tables.version(warehouse, name) for name in ("image_bytes", "candidates")] == versions
    select(spark, warehouse, GOLDFISH, TENCH)
    ingest(warehouse, shards, "tar", batch_bytes=1000, **labels)
    taken = tables.read(warehouse, "candidates").where("reject_reason IS NULL")
    assert {row["source_ref"] for row in taken.collect()} == {
        *(ref for ref, value in expected.items() if value == TENCH),
        "shards/00.tar/0001.jpg",
    }

    path = write_zip(tmp_path / "z.zip", (f"x/{GOLDFISH}/1.jpg", PICTURES[4]), ("2.jpg", PICTURES[5]))
    ingest(warehouse, path, "zip", name="zips")
    assert reasons(warehouse)["zips/x/n01443537/1.jpg"] == GOLDFISH
    assert reasons(warehouse)["zips/2.jpg"] == "no_synset"


def test_parquet_with_nulls_large_images_and_a_file_of_another_type(spark, warehouse, tmp_path):
    select(spark, warehouse, TENCH, GOLDFISH)
    folder = tmp_path / "data"
    folder.mkdir()
    large = PICTURES[0] + bytes(5000)
    table = pa.table(
        {
            "picture": [PICTURES[0], None, large, PICTURES[1], PICTURES[2]],
            "kind": ["Goldfish", "goldfish", "goldfish", "bird", GOLDFISH],
        }
    )
    pq.write_table(table, folder / "a.parquet", row_group_size=2)
    pq.write_table(pa.table({"picture": [1], "kind": ["goldfish"]}), folder / "b.parquet")
    with pytest.raises(InputError, match=r"--synset-column label: .*picture \(binary\)"):
        ingest(warehouse, folder, "parquet", synset_column="label")
    outcome = ingest(warehouse, folder, "parquet", synset_column="kind", max_bytes=4000)
    assert reasons(warehouse) == {
        "data/a.parquet/0": GOLDFISH,
        "data/a.parquet/1": "unreadable",
        "data/a.parquet/2": "too_many_bytes",
        "data/a.parquet/3": "no_synset",
        "data/a.parquet/4": GOLDFISH,
        "data/b.parquet": "no_image_column",
    }
    again = ingest(warehouse, folder, "parquet", synset_column="kind", max_bytes=4000)
    assert (again.rows_in, again.rows_kept) == (outcome.rows_in, outcome.rows_kept) == (6, 2)


def test_an_input_of_which_nothing_can_be_used_is_said(spark, warehouse, tmp_path):
    select(spark, warehouse, TENCH)
    with pytest.raises(InputError, match=r"no archive there.*\.tar"):
        ingest(warehouse, tmp_path / "*.tar", "tar")
    path = write_tar(tmp_path / "x.tar", ("1.jpg", PICTURES[0]), ("1.cls", b"7"))
    with pytest.raises(InputError, match=r"a label there is '7'\n.*--labels-file"):
        ingest(warehouse, path, "tar")
