"""Spreading work over tasks by what it weighs, and holding intermediate rows on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from synlake.local_rows import local_rows

#: Bytes of images that one task works through, about.
TASK_BYTES = 128 << 20
#: Tasks for each core at the least, so that one slow task does not hold up the rest.
TASKS_PER_CORE = 2
#: Narrow rows up to this are few: one task works through all of them.
FEW_ROWS = 100_000
#: Rows of a release in one file, about: 30 MB.
FILE_ROWS = 250_000

_FOR_WIDE_ROWS = {
    "spark.sql.parquet.columnarReaderBatchSize": "64",
    "spark.sql.execution.arrow.maxBytesPerBatch": "4m",
}
_FOR_FEW_ROWS = {
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.autoBroadcastJoinThreshold": "-1",
    "spark.sql.shuffle.partitions": "1",
}


@contextmanager
def held(df: DataFrame) -> Iterator[DataFrame]:
    """``df`` kept on the executors' disks while the block runs, where it is used more than once."""
    df = _without_plan(df).persist(StorageLevel.DISK_ONLY)
    try:
        yield df
    finally:
        df.unpersist()


def _without_plan(df: DataFrame) -> DataFrame:
    """The same rows, from a plan of one node; what precedes the last stage of ``df`` is computed now.

    Spark describes the whole plan of each query to its listeners, again after every stage, and a held table by the
    plan that it is made by. Where held tables are made of held tables, several times over, these descriptions grew to
    50 MB, and most of a freeze's time went into them.
    """
    session = df.sparkSession._jsparkSession
    rows = df._jdf.queryExecution().toRdd()
    return DataFrame(session.internalCreateDataFrame(rows, df._jdf.schema(), False), df.sparkSession)


@contextmanager
def wide_rows(spark: SparkSession) -> Iterator[None]:
    """Settings for rows that hold an image's bytes while the block runs: few in a batch.

    A batch should fit the processor's cache; with those that suit narrow rows, reading takes three times as long.
    """
    with _settings(spark, _FOR_WIDE_ROWS):
        yield


@contextmanager
def few_rows(spark: SparkSession) -> Iterator[None]:
    """Settings for rows that one task can hold while the block runs: a query is one job, in one partition.

    There is nothing to adapt then, and each stage that adaptive execution finishes first, and each table that is
    broadcast, would be a job of its own.
    """
    with _settings(spark, _FOR_FEW_ROWS):
        yield


def dealt_by_class(df: DataFrame, sizes: Mapping[str, int], *, by: str, within: str) -> DataFrame:
    """``df`` in partitions of some :data:`FILE_ROWS` rows, those of a class (``by``) side by side in as few as can be.

    ``sizes`` counts the rows of each class, so that nothing need be sampled. In a class they are ordered by a hash of
    ``within``, and a class that is in several partitions is spread by it: to sort by one number costs least.
    """
    starts, n_rows = [], 0
    for name, n in sorted(sizes.items()):
        starts.append((name, n_rows, n))
        n_rows += n
    n_partitions = -(-n_rows // FILE_ROWS) or 1
    places = local_rows(df.sparkSession, starts, f"{by} string, _start long, _n long")
    at = F.coalesce(F.pmod(F.xxhash64(within), F.col("_n")) + F.col("_start"), F.lit(0)).alias("_at")
    placed = df.join(F.broadcast(places), on=by, how="left").select(*df.columns, at)
    target = F.floor(F.col("_at") * n_partitions / max(1, n_rows)).cast("int")
    return placed.repartitionById(n_partitions, target).sortWithinPartitions("_at").drop("_at")


@contextmanager
def joined_in_place(spark: SparkSession) -> Iterator[None]:
    """Rows that lie together by some of the columns of a join, as after another join, stay there for it.

    For columns whose values have few rows each, such as ``image_id``: they decide what a task gets. Elsewhere Spark is
    right to spread rows by all columns of the join.
    """
    with _settings(spark, {"spark.sql.requireAllClusterKeysForCoPartition": "false"}):
        yield


@contextmanager
def _settings(spark: SparkSession, wanted: Mapping[str, str]) -> Iterator[None]:
    before = {name: spark.conf.get(name) or "" for name in wanted}
    try:
        for name, value in wanted.items():
            spark.conf.set(name, value)
        yield
    finally:
        for name, value in before.items():
            spark.conf.set(name, value)


def tasks_for(spark: SparkSession, n_rows: int, rows_per_task: int) -> int:
    """How many tasks ``n_rows`` are for: one where it is enough, else at least one a core; 0 for no rows."""
    n_tasks = -(-n_rows // rows_per_task)
    return n_tasks if n_tasks <= 1 else max(n_tasks, spark.sparkContext.defaultParallelism)


def by_weight(df: DataFrame, size_column: str, *keys: str) -> DataFrame:
    """``df`` in as many partitions as its bytes ask for, rows placed by a hash of ``keys``.

    The number is explicit because adaptive execution would join partitions whose rows are small, and rows
    that only name an image stand for much work.
    """
    total = df.agg(F.coalesce(F.sum(size_column), F.lit(0)).alias("n")).first()
    assert total is not None  # an aggregate without groups has one row
    cores = df.sparkSession.sparkContext.defaultParallelism
    n_tasks = max(cores * TASKS_PER_CORE, -(-int(total["n"]) // TASK_BYTES))
    return df.repartition(n_tasks, *keys)
