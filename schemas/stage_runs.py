"""stage_runs: one completed run of a stage. Key (run_id, stage); by every stage, after all its tables.

A stage whose configuration and table versions are those of its last row here is up to date.
"""

from pyspark.sql.types import DoubleType, LongType, MapType, StringType, StructType, TimestampType

from synlake.schemas.table import Table, column

TABLE = Table(
    name="stage_runs",
    writer="every stage",
    key=("run_id", "stage"),
    is_append_only=True,
    schema=StructType(
        [
            column("run_id", StringType(), "one run of one stage"),
            column("stage", StringType(), "command name"),
            column("config", StringType(), "effective configuration, JSON"),
            column("config_digest", StringType(), "sha256 of config and of the input files it names"),
            column(
                "input_versions", MapType(StringType(), LongType(), False), "Delta version of each table read"
            ),
            column("output_versions", MapType(StringType(), LongType(), False), "and of each table written"),
            column("started_at", TimestampType(), "when (UTC)"),
            column("seconds", DoubleType(), "how long it took"),
            column("synlake_version", StringType(), "version of synlake that ran it"),
        ]
    ),
)
