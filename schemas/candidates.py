"""candidates: an image found for a synset by a source.

Key (image_id, synset_id, source, source_ref); written by ingest-images, append-only.
"""

from pyspark.sql.types import LongType, StringType, StructType, TimestampType

from synlake.schemas.reasons import CANDIDATE
from synlake.schemas.table import Table, column, one_of

TABLE = Table(
    name="candidates",
    writer="ingest-images",
    key=("image_id", "synset_id", "source", "source_ref"),
    cluster_by=("synset_id", "image_id"),
    is_append_only=True,
    rules={"reject_reason is a known one": one_of("reject_reason", list(CANDIDATE))},
    schema=StructType(
        [
            column("image_id", StringType(), "sha256 of the bytes; of source_ref where they are unreadable"),
            column("synset_id", StringType(), "wnid that the source gives; 'unknown' where it gives none"),
            column("source", StringType(), "kind of source: folder, tar, zip, parquet, urls …"),
            column(
                "source_ref",
                StringType(),
                "where in the source: a path relative to the folder or archive given, or a URL",
            ),
            column("size_bytes", LongType(), "length of the file"),
            column(
                "modified_at", TimestampType(), "the file's own time, or when its URL was asked for (UTC)"
            ),
            column("retrieved_at", TimestampType(), "when it was ingested (UTC)"),
            column("reject_reason", StringType(), "why it is no candidate; null: it is one", nullable=True),
        ]
    ),
)
