"""pool: a candidate after deduplication, floor and quota. Key (image_id, synset_id); by deduplicate-images."""

from pyspark.sql.types import BooleanType, IntegerType, StringType, StructType

from synlake.schemas.reasons import POOL
from synlake.schemas.table import Table, column, one_of

TABLE = Table(
    name="pool",
    writer="deduplicate-images",
    key=("image_id", "synset_id"),
    cluster_by=("synset_id", "image_id"),
    rules={
        "kept exactly where there is no reject_reason": "is_kept = (reject_reason IS NULL)",
        "reject_reason is a known one": one_of("reject_reason", list(POOL)),
        "duplicates name what they duplicate": (
            "coalesce(reject_reason, '') NOT IN ('pixel_duplicate', 'near_duplicate', 'held_out')"
            " OR duplicate_of IS NOT NULL"
        ),
        "only a duplicate is restored": "NOT is_restored OR (is_kept AND duplicate_of IS NOT NULL)",
    },
    schema=StructType(
        [
            column("image_id", StringType(), "sha256 of the bytes"),
            column("synset_id", StringType(), "wnid"),
            column("n_sources", IntegerType(), "rows of candidates this row stands for (exact copies)"),
            column("is_kept", BooleanType(), "goes on to the crowd"),
            column("is_restored", BooleanType(), "a duplicate kept all the same, to reach the floor"),
            column("reject_reason", StringType(), "why not kept; null: kept", nullable=True),
            column(
                "duplicate_of",
                StringType(),
                "image_id it duplicates; its own: kept in another synset",
                nullable=True,
            ),
            column("distance_bits", IntegerType(), "Hamming distance to duplicate_of, bits", nullable=True),
        ]
    ),
)
