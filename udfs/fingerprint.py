"""Image bytes to rows of ``fingerprints``, an Arrow batch at a time, on executors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import BooleanType, IntegerType, LongType, StringType, StructField, StructType

from synlake.udfs.data_files import StoredImages, row_groups
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
#: Hashes of one batch are computed together.
ROWS_PER_BATCH = 256
#: 64-bit hashes that imagehash writes in hexadecimal.
_SHORT_HASHES = ("ahash", "dhash", "whash")
_DIED = {True: "decode_timeout", False: "decoder_crashed"}


def fingerprint(images: DataFrame, limits: Limits, wanted: Wanted) -> DataFrame:
    """One row an image from ``image_id, bytes``. Memory: 32 MB of bytes, a batch and one decoded image."""

    def fingerprint_bytes(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for together in _gathered(batches):
            ids = together.column("image_id").to_pylist()
            yield from _fingerprinted(list(zip(ids, together.column("bytes"), strict=True)), limits, wanted)

    return images.select("image_id", "bytes").mapInArrow(fingerprint_bytes, _ROWS)


def fingerprint_files(spark: SparkSession, files: Sequence[str], limits: Limits, wanted: Wanted) -> DataFrame:
    """The same from data files of ``image_bytes`` on disks that executors see. Memory: a batch, one decoded image."""

    def fingerprint_row_groups(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from _fingerprinted(StoredImages(batch), limits, wanted)

    return row_groups(spark, files).mapInArrow(fingerprint_row_groups, _ROWS)


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


def _fingerprinted(
    images: Iterable[tuple[str, pa.BinaryScalar]], limits: Limits, wanted: Wanted
) -> Iterator[pa.RecordBatch]:
    """Rows of ``fingerprints``; ``images`` are iterated in forked children."""

    def decoded(image: tuple[str, pa.BinaryScalar]) -> tuple[str, Decoded]:
        image_id, content = image
        return image_id, decode(content.as_py(), limits, wanted) or Decoded(reject_reason="empty_file")

    results = Isolated(decoded, limits.decode_seconds).results(images)
    while found := [_survived(result) for result in islice(results, ROWS_PER_BATCH)]:
        image_ids, images_found = zip(*found, strict=True)
        yield to_batch(image_ids, images_found, wanted)


def _survived(result: tuple[str, Decoded] | Died[tuple[str, pa.BinaryScalar]]) -> tuple[str, Decoded]:
    if not isinstance(result, Died):
        return result
    image_id, _ = result.value
    return image_id, Decoded(reject_reason=_DIED[result.is_timeout], reject_detail=str(result))


def to_batch(image_ids: Sequence[str], decoded: Sequence[Decoded], wanted: Wanted) -> pa.RecordBatch:
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
