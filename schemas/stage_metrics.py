"""stage_metrics: one control that a stage measured. Key (run_id, stage, metric); by every stage."""

from pyspark.sql.types import BooleanType, DoubleType, StringType, StructType, TimestampType

from synlake.schemas.table import Table, column

TABLE = Table(
    name="stage_metrics",
    writer="every stage",
    key=("run_id", "stage", "metric"),
    is_append_only=True,
    schema=StructType(
        [
            column("run_id", StringType(), "one run of one stage"),
            column("stage", StringType(), "command name"),
            column(
                "metric", StringType(), "rows_in, rows_kept, rejected:<reason>, seconds, or a stage's own"
            ),
            column("value", DoubleType(), "what was measured"),
            column("threshold", DoubleType(), "what it is held against; null: nothing", nullable=True),
            column("is_ok", BooleanType(), "within the threshold"),
            column("measured_at", TimestampType(), "when (UTC)"),
        ]
    ),
)
