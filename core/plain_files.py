"""Files that are no Delta table: exports for people and other tools, and a release's own copies in plain Parquet."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from synlake.warehouse import Warehouse


def export_csv(df: DataFrame, target: str) -> None:
    """Write ``df`` as one CSV file with a header; an existing file is replaced only when the new one is whole."""
    scratch = f"{target}.tmp"
    df.coalesce(1).write.mode("overwrite").option("header", True).option("escape", '"').csv(scratch)
    _move_part(df.sparkSession, scratch, target)


def export_lines(df: DataFrame, target: str) -> None:
    """Write the one string column of ``df`` as one text file, a row a line, whole or not at all."""
    scratch = f"{target}.tmp"
    df.coalesce(1).write.mode("overwrite").text(scratch)
    _move_part(df.sparkSession, scratch, target)


def _move_part(spark: SparkSession, scratch: str, target: str) -> None:
    """Put the one file that Spark wrote into a folder in the place of ``target``."""
    jvm = spark._jvm
    assert jvm is not None
    assert spark._jsc is not None
    hadoop_path = jvm.org.apache.hadoop.fs.Path
    file_system = hadoop_path(scratch).getFileSystem(spark._jsc.hadoopConfiguration())
    part = next(
        status.getPath()
        for status in file_system.listStatus(hadoop_path(scratch))
        if status.getPath().getName().startswith("part-")
    )
    file_system.delete(hadoop_path(target), False)
    file_system.rename(part, hadoop_path(target))
    file_system.delete(hadoop_path(scratch), True)
    # Hadoop's local file system leaves a checksum file that no other tool wants.
    name = hadoop_path(target)
    file_system.delete(hadoop_path(name.getParent(), f".{name.getName()}.crc"), False)


def write_files(warehouse: Warehouse, folder: str, df: DataFrame, *, partition_by: str) -> None:
    """Replace a folder of plain Parquet files below the warehouse; for what belongs to one release alone.

    It is of ids and hashes, in which there is nothing to be found for a dictionary or to be compressed.
    """
    writer = (
        df.write.mode("overwrite").option("compression", "none").option("parquet.enable.dictionary", False)
    )
    writer.partitionBy(partition_by).parquet(f"{warehouse.root.rstrip('/')}/{folder}")


def read_files(warehouse: Warehouse, folder: str, schema: str) -> DataFrame:
    """What :func:`write_files` wrote."""
    return warehouse.spark.read.schema(schema).parquet(f"{warehouse.root.rstrip('/')}/{folder}")


def file_checksums(warehouse: Warehouse, folders: Sequence[str]) -> DataFrame:
    """``path`` (below the warehouse), ``size_bytes, sha256`` of each Parquet file in folders, known to Delta or not."""
    reader = warehouse.spark.read.format("binaryFile").option("pathGlobFilter", "*.parquet")
    found = reader.option("recursiveFileLookup", True).load(
        [f"{warehouse.root.rstrip('/')}/{folder}" for folder in folders]
    )
    relative = [
        F.when(F.contains("path", F.lit(f"/{folder}/")), F.concat(F.lit(f"{folder}/"), _after(f"/{folder}/")))
        for folder in folders
    ]
    return found.select(
        F.coalesce(*relative, F.col("path")).alias("path"),
        F.col("length").alias("size_bytes"),
        F.sha2("content", 256).alias("sha256"),
    )


def _after(delimiter: str) -> Column:
    return F.substring_index("path", delimiter, -1)
