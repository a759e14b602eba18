"""Images straight from a table's data files, by tasks that see the disk these are on.

On Spark's own way to a Python worker the bytes of an image are copied half a dozen times, and the JVM collects them
again: that took as long as decoding the image. Here a task is told where a row group is and reads it with pyarrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlparse

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import IntegerType, LongType, StringType, StructField, StructType

from synlake.local_rows import dealt_rows
from synlake.spread import TASK_BYTES, TASKS_PER_CORE
from synlake.udfs.files import batch_of

#: Bytes of images in a batch, about, and rows at the most.
_BATCH_BYTES, _BATCH_ROWS = 4 << 20, 64
_ROW_GROUPS = StructType(
    [
        StructField("path", StringType(), False),
        StructField("row_group", IntegerType(), False),
        StructField("size_bytes", LongType(), False),
    ]
)


def local(path: str) -> str:
    """The file that Spark names as an address, ``file:///a%20b``."""
    return unquote(urlparse(path).path)


def row_groups(spark: SparkSession, files: Sequence[str]) -> DataFrame:
    """``path, row_group, size_bytes`` of Parquet files, named as Spark names them, spread evenly over tasks.

    The driver holds one row a row group: what a task works through in a few seconds.
    """

    def listed(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for path in batch.column(0).to_pylist():
                about = pq.read_metadata(local(path))
                sizes = (about.row_group(n).total_byte_size for n in range(about.num_row_groups))
                rows = [(path, n, size) for n, size in enumerate(sizes)]
                if rows:  # a file of no rows has no row groups
                    yield batch_of(rows, _ROW_GROUPS)

    at_least = TASKS_PER_CORE * spark.sparkContext.defaultParallelism
    paths = dealt_rows(spark, ((path,) for path in files), "path string", at_least)
    found = paths.mapInArrow(listed, _ROW_GROUPS).collect()
    n_tasks = max(at_least, sum(row["size_bytes"] for row in found) // TASK_BYTES)
    return dealt_rows(spark, found, _ROW_GROUPS, n_tasks)


@dataclass(frozen=True)
class StoredImages:
    """``(image_id, bytes)`` of the images in row groups from :func:`row_groups`, read anew each time they are iterated.

    Holds a batch. Bytes are scalars of Arrow, still to be copied.
    """

    row_groups: pa.RecordBatch

    def __iter__(self) -> Iterator[tuple[str, pa.BinaryScalar]]:
        """Yield row group after row group, in order."""
        for row in self.row_groups.to_pylist():
            for batch in _images(local(row["path"]), row["row_group"]):
                yield from zip(batch.column("image_id").to_pylist(), batch.column("bytes"), strict=True)


def _images(path: str, row_group: int) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path, memory_map=True, pre_buffer=False) as file:
        about = file.metadata.row_group(row_group)
        n_rows = _BATCH_BYTES * about.num_rows // max(1, about.total_byte_size)
        yield from file.iter_batches(
            max(1, min(n_rows, _BATCH_ROWS)),
            row_groups=[row_group],
            columns=["image_id", "bytes"],
            use_threads=False,
        )
