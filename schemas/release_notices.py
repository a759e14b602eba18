"""release_notices: what was said about a release later. Key (release, noticed_at); by deprecate-release, append-only.

A release itself never changes and is never deleted.
"""

from pyspark.sql.types import StringType, StructType, TimestampType

from synlake.schemas.table import Table, column

TABLE = Table(
    name="release_notices",
    writer="deprecate-release",
    key=("release", "noticed_at"),
    is_append_only=True,
    schema=StructType(
        [
            column("release", StringType(), "name of the release"),
            column("noticed_at", TimestampType(), "when (UTC)"),
            column("reason", StringType(), "why it should not be used any more"),
            column("use_instead", StringType(), "the release to use; null: none is named", nullable=True),
        ]
    ),
)
