"""Image bytes to rows of ``fingerprints``, an Arrow batch at a time, on executors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.types import BooleanType, IntegerType, LongType, StringType, StructField, StructType

from synlake.udfs.decode import Decoded, Limits, decode
from synlake.udfs.phash import phash

_ROWS = StructType(
    [
        StructField("image_id", StringType(), False),
        StructField("format", StringType(), True),
        StructField("mode", StringType(), True),
        StructField("width_px", IntegerType(), True),
        StructField("height_px", IntegerType(), True),
        StructField("exif_orientation", IntegerType(), True),
        StructField("is_animated", BooleanType(), True),
        StructField("pixel_sha256", StringType(), True),
        StructField("phash", LongType(), True),
        StructField("reject_reason", StringType(), True),
        StructField("reject_detail", StringType(), True),
    ]
)
_ARROW = {"string": pa.string(), "int": pa.int32(), "bigint": pa.int64(), "boolean": pa.bool_()}


def fingerprint(images: DataFrame, limits: Limits) -> DataFrame:
    """One row an image from ``image_id, bytes``. Memory: a batch of bytes and one decoded image at a time."""

    def fingerprint_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            decoded = [_decoded(content.as_py(), limits) for content in batch.column("bytes")]
            yield to_batch(batch.column("image_id").to_pylist(), decoded)

    return images.select("image_id", "bytes").mapInArrow(fingerprint_batches, _ROWS)


def to_batch(image_ids: list[str], decoded: list[Decoded]) -> pa.RecordBatch:
    """Rows of ``fingerprints``; the hashes of all images of the batch are computed together."""
    thumbnails = [image.thumbnail for image in decoded if image.thumbnail is not None]
    hashes = iter(phash(np.stack(thumbnails)).tolist() if thumbnails else ())
    values = {
        "image_id": image_ids,
        "phash": [next(hashes) if image.thumbnail is not None else None for image in decoded],
    }
    columns = [
        pa.array(
            values[field.name] if field.name in values else [getattr(image, field.name) for image in decoded],
            _ARROW[field.dataType.simpleString()],
        )
        for field in _ROWS
    ]
    return pa.RecordBatch.from_arrays(columns, names=_ROWS.names)


def _decoded(content: bytes | None, limits: Limits) -> Decoded:
    return decode(content, limits) or Decoded(reject_reason="empty_file")
