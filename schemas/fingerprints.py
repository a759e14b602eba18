"""fingerprints: what an image is, from one decode. Key (image_id); by fingerprint-images, append-only."""

from pyspark.sql.types import BooleanType, IntegerType, LongType, StringType, StructType

from synlake.schemas.reasons import FINGERPRINT
from synlake.schemas.table import Table, column, one_of

TABLE = Table(
    name="fingerprints",
    writer="fingerprint-images",
    key=("image_id",),
    cluster_by=("image_id",),
    is_append_only=True,
    rules={
        "either a phash or a reject_reason": "(phash IS NULL) = (reject_reason IS NOT NULL)",
        "reject_reason is a known one": one_of("reject_reason", list(FINGERPRINT)),
        "an image with a phash has a size": "phash IS NULL OR (width_px > 0 AND height_px > 0)",
    },
    schema=StructType(
        [
            column("image_id", StringType(), "sha256 of the bytes"),
            column("hash_mode", StringType(), "exact: imagehash's hash; fast: of JPEGs at reduced scale"),
            column("format", StringType(), "Pillow's name of the file format", nullable=True),
            column("mode", StringType(), "Pillow's pixel mode as stored: RGB, L, P, CMYK …", nullable=True),
            column("width_px", IntegerType(), "stored width, before EXIF orientation", nullable=True),
            column("height_px", IntegerType(), "stored height, before EXIF orientation", nullable=True),
            column("exif_orientation", IntegerType(), "EXIF tag 274, 1 to 8; null: none", nullable=True),
            column("is_animated", BooleanType(), "more than one frame; the first is used", nullable=True),
            column(
                "pixel_sha256",
                StringType(),
                "sha256 of the upright RGB (or 16-bit) pixels; null: not asked for",
                nullable=True,
            ),
            column(
                "phash", LongType(), "imagehash.phash, 64 bits row-major, first bit highest", nullable=True
            ),
            column("ahash", LongType(), "imagehash.average_hash; null: not asked for", nullable=True),
            column("dhash", LongType(), "imagehash.dhash; null: not asked for", nullable=True),
            column("whash", LongType(), "imagehash.whash; null: not asked for", nullable=True),
            column(
                "phash256",
                StringType(),
                "imagehash.phash with hash_size 16, 64 hex digits; null: not asked for",
                nullable=True,
            ),
            column("reject_reason", StringType(), "why there is no phash; null: there is one", nullable=True),
            column("reject_detail", StringType(), "what the decoder said", nullable=True),
        ]
    ),
)
