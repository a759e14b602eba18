"""releases: a frozen release. Key (release); by freeze-release, append-only. Its row is what makes it one."""

from pyspark.sql.types import LongType, MapType, StringType, StructType, TimestampType

from synlake.schemas.table import Table, column, one_of

KINDS = ("frozen", "imported", "derived")

TABLE = Table(
    name="releases",
    writer="freeze-release",
    key=("release",),
    is_append_only=True,
    rules={"kind is a known one": one_of("kind", KINDS)},
    schema=StructType(
        [
            column("release", StringType(), "name of the release"),
            column("kind", StringType(), "frozen by the pipeline, imported, or derived from another release"),
            column(
                "parent", StringType(), "the release it follows or derives from; null: none", nullable=True
            ),
            column("reason", StringType(), "why it was derived; null: not", nullable=True),
            column("content_checksum", StringType(), "sha256 hex over its images and synsets, in any order"),
            column(
                "table_checksums", MapType(StringType(), StringType(), False), "the same of each table's rows"
            ),
            column("frozen_at", TimestampType(), "when (UTC)"),
            column("n_images", LongType(), "rows in release_images"),
            column("n_synsets", LongType(), "rows in release_synsets"),
            column(
                "counts",
                MapType(StringType(), LongType(), False),
                "images by split, candidates left out by reason",
            ),
            column(
                "input_versions", MapType(StringType(), LongType(), False), "Delta version of each table read"
            ),
            column("config", StringType(), "effective configuration of every stage, JSON"),
            column("label_protocol", StringType(), "how its labels came about: questions, votes, rule; JSON"),
            column("freeze_id", LongType(), "the claim it was frozen under; see core/registry.py"),
            column("synlake_version", StringType(), "version of synlake that froze it"),
        ]
    ),
)
