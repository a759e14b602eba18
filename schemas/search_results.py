"""search_results: a URL that a list or a search engine gave for a synset: where an image comes from.

Key (url, synset_id, query, source); written by ingest-images, append-only.
"""

from pyspark.sql.types import LongType, StringType, StructType, TimestampType

from synlake.schemas.table import Table, column

TABLE = Table(
    name="search_results",
    writer="ingest-images",
    key=("url", "synset_id", "query", "source"),
    cluster_by=("synset_id", "url"),
    is_append_only=True,
    schema=StructType(
        [
            column("url", StringType(), "of the image"),
            column("synset_id", StringType(), "wnid that it was found for; 'unknown' where none is given"),
            column("query", StringType(), "words that were searched for; empty: none given"),
            column("source", StringType(), "urls, search-results, openverse or commons"),
            column("search_engine", StringType(), "who found it, such as flickr", nullable=True),
            column("engine_id", StringType(), "the search engine's own id of the image", nullable=True),
            column("licence", StringType(), "as the source gives it", nullable=True),
            column("licence_url", StringType(), "text of the licence", nullable=True),
            column("author", StringType(), "who made the image", nullable=True),
            column(
                "country",
                StringType(),
                "of the picture, as given; ISO 3166 codes are best",
                nullable=True,
            ),
            column("landing_url", StringType(), "the page that shows it", nullable=True),
            column("width_px", LongType(), "as the source gives it", nullable=True),
            column("height_px", LongType(), "as the source gives it", nullable=True),
            column("taken_at", TimestampType(), "when the picture was taken (as given)", nullable=True),
            column("published_at", TimestampType(), "when the source got it (as given)", nullable=True),
            column("found_at", TimestampType(), "when the search was made (as given)", nullable=True),
            column("source_file", StringType(), "the file it was read from, or the engine that was asked"),
            column("listed_at", TimestampType(), "when it was ingested (UTC)"),
        ]
    ),
)
