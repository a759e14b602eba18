"""Images into table ``image_bytes``: as rows that Spark writes, or as data files that the reading tasks write.

Through Spark an image passes from Python to the JVM and is copied there several times, which took as long as
fetching them from a server. A task that sees the table's disk writes a Parquet file there instead, and tells its name;
it is of the table once the name is committed. What a killed task leaves is in no version of the table, and VACUUM
takes it away, as it does with files of Spark's own tasks.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import BinaryType, LongType, StringType, StructField, StructType

from synlake.spread import TASK_BYTES
from synlake.udfs.files import batch_of, batches_of

#: Rows of ``image_bytes``.
IMAGE_BYTES = StructType(
    [
        StructField("image_id", StringType(), False),
        StructField("size_bytes", LongType(), False),
        StructField("bytes", BinaryType(), False),
    ]
)
#: One row a data file: the fields of :class:`synlake.delta_log.DataFile`.
WRITTEN = StructType(
    [
        StructField("name", StringType(), False),
        StructField("size_bytes", LongType(), False),
        StructField("n_rows", LongType(), False),
        StructField("modified_ms", LongType(), False),
    ]
)
#: What a task makes of its rows: values of IMAGE_BYTES.
Reading = Callable[[Iterator[pa.RecordBatch]], Iterator[tuple[object, ...]]]


@dataclass(frozen=True)
class Images:
    """Images that are read only when they are stored: where each is, and how a task reads it."""

    places: DataFrame
    reading: Reading

    def as_rows(self) -> DataFrame:
        """Rows of ``image_bytes``."""
        reading = self.reading  # what goes to tasks must not hold a DataFrame
        return self.places.mapInArrow(lambda rows: batches_of(reading(rows), IMAGE_BYTES), IMAGE_BYTES)

    def as_files(self, folder: Path) -> DataFrame:
        """The rows of WRITTEN, of files that tasks write into ``folder`` of the table's while these rows are computed.

        A job's own folder: what a failed job leaves is told from what others write, and no late task adds to it.
        """
        reading = self.reading
        return self.places.mapInArrow(
            lambda rows: write_files(batches_of(reading(rows), IMAGE_BYTES), folder), WRITTEN
        )


def write_files(
    batches: Iterator[pa.RecordBatch], folder: Path, file_bytes: int = TASK_BYTES
) -> Iterator[pa.RecordBatch]:
    """Write batches of IMAGE_BYTES to files of about ``file_bytes`` in ``folder``; a row of WRITTEN each.

    Each batch is a row group, and memory holds one. Of a file that could not be finished nothing stays.
    """
    for batch in batches:
        path = folder / f"{uuid.uuid4()}.parquet"
        try:
            n_rows = _write(path, chain([batch], batches), file_bytes)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        about = path.stat()
        row = (f"{folder.name}/{path.name}", about.st_size, n_rows, about.st_mtime_ns // 1_000_000)
        yield batch_of([row], WRITTEN)


def _write(path: Path, batches: Iterator[pa.RecordBatch], file_bytes: int) -> int:
    n_rows = 0
    # Neither compression nor a dictionary makes images smaller, and their least and greatest bytes help nobody.
    with (
        open(path, "xb") as stream,
        pq.ParquetWriter(
            stream,
            to_arrow_schema(IMAGE_BYTES),
            compression="none",
            use_dictionary=False,
            write_statistics=["image_id", "size_bytes"],
            store_schema=False,
        ) as writer,
    ):
        for batch in batches:
            writer.write_batch(batch)
            n_rows += batch.num_rows
            if stream.tell() >= file_bytes:
                break
    return n_rows
