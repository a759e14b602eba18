"""Image bytes to rows of ``fingerprints``, an Arrow batch at a time, on executors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import BooleanType, IntegerType, LongType, StringType, StructField, StructType

from synlake.udfs.data_files import images_in, row_groups
from synlake.udfs.decode import Decoded, Limits, Wanted, decode
from synlake.udfs.isolation import Died, Isolated
from synlake.udfs.phash import phash

_ROWS = StructType(
    [
        StructField("image_id", StringType(), False),
        StructField("hash_mode", StringType(), False),
        StructField("format", StringType(), True),
        StructField("mode", StringType(), True),
        StructField("width_px", IntegerType(), True),
        StructField("height_px", IntegerType(), True),
        StructField("exif_orientation", IntegerType(), True),
        StructField("is_animated", BooleanType(), True),
        StructField("pixel_sha256", StringType(), True),
        StructField("phash", LongType(), True),
        StructField("ahash", LongType(), True),
        StructField("dhash", LongType(), True),
        StructField("whash", LongType(), True),
        StructField("phash256", StringType(), True),
        StructField("reject_reason", StringType(), True),
        StructField("reject_detail", StringType(), True),
    ]
)
#: A fork takes about as long as decoding ten images.
BYTES_PER_CHILD = 32 << 20
#: 64-bit hashes that imagehash writes in hexadecimal.
_SHORT_HASHES = ("ahash", "dhash", "whash")
_DIED = {True: "decode_timeout", False: "decoder_crashed"}


def fingerprint(images: DataFrame, limits: Limits, wanted: Wanted) -> DataFrame:
    """One row an image from ``image_id, bytes``. Memory: 32 MB of bytes, a batch and one decoded image."""
    return images.select("image_id", "bytes").mapInArrow(
        partial(_fingerprinted, limits=limits, wanted=wanted), _ROWS
    )


def fingerprint_files(spark: SparkSession, files: Sequence[str], limits: Limits, wanted: Wanted) -> DataFrame:
    """The same from data files of ``image_bytes`` on disks that executors see."""

    def fingerprint_row_groups(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return _fingerprinted(images_in(batches), limits, wanted)

    return row_groups(spark, files).mapInArrow(fingerprint_row_groups, _ROWS)


def _fingerprinted(
    batches: Iterator[pa.RecordBatch], limits: Limits, wanted: Wanted
) -> Iterator[pa.RecordBatch]:
    isolated = Isolated(partial(_decoded, limits=limits, wanted=wanted), limits.decode_seconds)
    for images in _gathered(batches):
        found = [_survived(result) for result in isolated.results(images.column("bytes"))]
        yield to_batch(images.column("image_id").to_pylist(), found, wanted)


def _gathered(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Batches together, so that one child is forked for many; they stay small for the JVM's sake."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(one.nbytes for one in held) >= BYTES_PER_CHILD:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


def to_batch(image_ids: list[str], decoded: list[Decoded], wanted: Wanted) -> pa.RecordBatch:
    """Rows of ``fingerprints``; the hashes of all images of the batch are computed together."""
    thumbnails = [image.thumbnail for image in decoded if image.thumbnail is not None]
    hashes = iter(phash(np.stack(thumbnails)).tolist() if thumbnails else ())
    values = {
        "image_id": image_ids,
        "hash_mode": [wanted.mode] * len(image_ids),
        "phash": [next(hashes) if image.thumbnail is not None else None for image in decoded],
        "phash256": [image.extra_hashes.get("phash256") for image in decoded],
        **{name: [_signed(image.extra_hashes.get(name)) for image in decoded] for name in _SHORT_HASHES},
    }
    schema = to_arrow_schema(_ROWS)
    columns = [
        pa.array(
            values[field.name] if field.name in values else [getattr(image, field.name) for image in decoded],
            field.type,
        )
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _signed(hexadecimal: str | None) -> int | None:
    """The signed number of 64 bits in hexadecimal, as imagehash writes them.

    >>> _signed("ffffffffffffffff")
    -1
    """
    if hexadecimal is None:
        return None
    return int.from_bytes(bytes.fromhex(hexadecimal), "big", signed=True)


def _decoded(content: pa.BinaryScalar, limits: Limits, wanted: Wanted) -> Decoded:
    return decode(content.as_py(), limits, wanted) or Decoded(reject_reason="empty_file")


def _survived(result: Decoded | Died) -> Decoded:
    if isinstance(result, Died):
        return Decoded(reject_reason=_DIED[result.is_timeout], reject_detail=str(result))
    return result
