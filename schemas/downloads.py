"""downloads: how one URL ended when it was asked for. Key (url, asked_at); by ingest-images, append-only."""

from pyspark.sql.types import DoubleType, LongType, StringType, StructType, TimestampType

from synlake.schemas.reasons import DOWNLOAD
from synlake.schemas.table import Table, column, one_of

TABLE = Table(
    name="downloads",
    writer="ingest-images",
    key=("url", "asked_at"),
    cluster_by=("url",),
    is_append_only=True,
    rules={
        "status is a known one": one_of("status", list(DOWNLOAD)),
        "an image exactly where it is ok": "(status = 'ok') = (image_id IS NOT NULL)",
    },
    schema=StructType(
        [
            column("url", StringType(), "as it was given"),
            column("asked_at", TimestampType(), "when the first attempt began (UTC)"),
            column("status", StringType(), "ok, or what went wrong"),
            column("http_status", LongType(), "of the last answer", nullable=True),
            column("n_attempts", LongType(), "requests made, redirects not counted"),
            column("detail", StringType(), "what the last fault said", nullable=True),
            column("final_url", StringType(), "after redirects", nullable=True),
            column(
                "content_type", StringType(), "what the server called it; nothing relies on it", nullable=True
            ),
            column("image_format", StringType(), "what the first bytes say it is", nullable=True),
            column("etag", StringType(), "the server's version mark", nullable=True),
            column("last_modified", StringType(), "the server's own time, as given", nullable=True),
            column("image_id", StringType(), "sha256 of the bytes", nullable=True),
            column("size_bytes", LongType(), "length of the image", nullable=True),
            column("seconds", DoubleType(), "from the first attempt to the end"),
        ]
    ),
)
