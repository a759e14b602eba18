"""searches: how one query ended when a search engine was asked. Key (source, query, language, asked_at).

Written by ingest-images, append-only.
"""

from pyspark.sql.types import LongType, StringType, StructType, TimestampType

from synlake.schemas.reasons import SEARCH
from synlake.schemas.table import Table, column, one_of

TABLE = Table(
    name="searches",
    writer="ingest-images",
    key=("source", "query", "language", "asked_at"),
    is_append_only=True,
    rules={"status is a known one": one_of("status", list(SEARCH))},
    schema=StructType(
        [
            column("source", StringType(), "the search engine: openverse or commons"),
            column("query", StringType(), "words that were searched for"),
            column("language", StringType(), "BCP 47 language tag of the query"),
            column("asked_at", TimestampType(), "when its first page was asked for (UTC)"),
            column("status", StringType(), "ok, or what went wrong"),
            column("http_status", LongType(), "of the last answer", nullable=True),
            column("n_pages", LongType(), "pages of results that came"),
            column("n_results", LongType(), "images that they name, each once"),
            column("detail", StringType(), "what the last fault said", nullable=True),
        ]
    ),
)
