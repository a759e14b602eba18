from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.errors import PySparkException

from synlake import tables
from synlake.delta_log import DataFile
from synlake.jobs.storing import store_images, take_away
from synlake.udfs.files import batch_of
from synlake.udfs.image_store import IMAGE_BYTES, Images, write_files
from synlake.warehouse import Warehouse

ROWS = [(f"{i:064x}", 3000 + i, bytes([i % 256]) * (3000 + i)) for i in range(50)]


def read_from(batches):
    for batch in batches:
        for row in batch.to_pylist():
            yield ROWS[row["n"]]


@pytest.fixture
def images(spark):
    return Images(spark.range(50).selectExpr("cast(id as int) AS n").repartition(3, "n"), read_from)


def stored(warehouse):
    return sorted(tuple(row) for row in tables.read(warehouse, "image_bytes").collect())


def test_files_that_tasks_write_hold_the_rows_that_spark_would_write(spark, warehouse, images):
    marked = Warehouse(spark, warehouse.root, user_metadata={"run_id": "r1"})
    store_images(marked, images)
    assert [(i, n, bytes(b)) for i, n, b in stored(warehouse)] == ROWS
    assert stored(warehouse) == sorted(tuple(row) for row in images.as_rows().collect())
    newest = tables.commits(warehouse, "image_bytes").first()
    assert (newest["operation"], json.loads(newest["userMetadata"])) == ("WRITE", {"run_id": "r1"})
    assert tables.read(warehouse, "image_bytes").count() == 50  # Delta answers from the files' own counts


def test_images_are_added_to_those_that_spark_wrote(spark, warehouse, images):
    tables.append_unstaged(warehouse, "image_bytes", images.as_rows().where("size_bytes < 3010"))
    rest = Images(images.places.where("n >= 10"), read_from)
    store_images(warehouse, rest)
    assert [(i, n, bytes(b)) for i, n, b in stored(warehouse)] == ROWS


def test_a_file_that_was_not_committed_is_in_no_version(spark, warehouse, images):
    table = Path(tables.make(warehouse, "image_bytes"))
    (table / "part").mkdir()
    orphans = images.as_files(table / "part").collect()  # a job killed here
    assert sum(row["n_rows"] for row in orphans) == 50
    assert stored(warehouse) == []
    tables.append_files(warehouse, "image_bytes", [DataFile(**orphans[0].asDict())])
    assert len(stored(warehouse)) == orphans[0]["n_rows"]


def test_a_job_that_fails_leaves_no_files_of_its_own(warehouse, images, tmp_path):
    table = Path(tables.make(warehouse, "image_bytes"))
    others = table / "part-of-another-job" / "1.parquet"
    others.parent.mkdir()
    others.touch()
    has_read = tmp_path / "has_read"

    def half(batches):
        for row in read_from(batches):
            if row == ROWS[7]:
                wait_for(has_read.exists)
                raise OSError("No space left on device")
            yield row
        has_read.touch()
        time.sleep(0.5)  # then the job has failed; Spark may end this worker, or let it write its file

    with pytest.raises(PySparkException, match="No space"):
        store_images(warehouse, Images(images.places, half))
    time.sleep(1)
    assert list(table.glob("part-*")) == [others.parent]
    assert list(table.rglob("*.parquet")) == [others]
    assert stored(warehouse) == []


def test_into_a_folder_that_was_taken_away_a_task_writes_nothing(tmp_path):
    folder = tmp_path / "part"
    folder.mkdir()
    one = batch_of(ROWS[:5], IMAGE_BYTES)
    task = write_files(repeat(one, 2000), folder, file_bytes=1)

    def write_on():
        for _ in task:
            pass

    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(write_on)
        wait_for(lambda: len(list(folder.iterdir())) >= 10)
        take_away(folder)
        with pytest.raises(FileNotFoundError):
            written.result(timeout=60)
    assert list(tmp_path.iterdir()) == []


def wait_for(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_large_task_writes_several_files(tmp_path):
    batches = (batch_of(ROWS[i : i + 5], IMAGE_BYTES) for i in range(0, 50, 5))
    found = [row for batch in write_files(batches, tmp_path, file_bytes=40_000) for row in batch.to_pylist()]
    assert [row["n_rows"] for row in found] == [15, 15, 15, 5]
    files = [pq.ParquetFile(tmp_path.parent / row["name"]) for row in found]
    assert [file.metadata.num_row_groups for file in files] == [3, 3, 3, 1]
    assert [row["size_bytes"] for row in found] == [
        (tmp_path.parent / row["name"]).stat().st_size for row in found
    ]
    assert [value for file in files for value in file.read()["bytes"].to_pylist()] == [row[2] for row in ROWS]


def test_of_a_file_that_could_not_be_finished_nothing_stays(tmp_path):
    def broken():
        yield batch_of(ROWS[:5], IMAGE_BYTES)
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        list(write_files(broken(), tmp_path))
    assert not list(tmp_path.iterdir())
