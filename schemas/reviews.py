"""reviews: an expert's decision, or an item drawn for audit. Key (review_id); by review-labels."""

from pyspark.sql.types import StringType, StructType, TimestampType

from synlake.schemas.reasons import REVIEW
from synlake.schemas.table import Table, column, one_of

TABLE = Table(
    name="reviews",
    writer="review-labels",
    key=("review_id",),
    rules={
        "kind is a known one": one_of("kind", ["decision", "audit"]),
        "a decision that counts is whole": (
            "kind <> 'decision' OR reject_reason IS NOT NULL OR (item_id IS NOT NULL AND label IS NOT NULL"
            " AND reviewer_id IS NOT NULL AND reviewed_at IS NOT NULL)"
        ),
        "reject_reason is a known one": one_of("reject_reason", list(REVIEW)),
    },
    schema=StructType(
        [
            column(
                "review_id", StringType(), "hash of kind, item, reviewer and how often they occurred before"
            ),
            column("item_id", StringType(), "item_id of labels", nullable=True),
            column("reviewer_id", StringType(), "who decided; for audit draws: audit", nullable=True),
            column("kind", StringType(), "decision, or audit: drawn to be checked, nothing decided yet"),
            column("label", StringType(), "the expert's answer; null for audit draws", nullable=True),
            column(
                "reviewed_at",
                TimestampType(),
                "when (UTC): as the file says, else when it was imported; null for draws",
                nullable=True,
            ),
            column("reject_reason", StringType(), "why it does not count; null: it counts", nullable=True),
        ]
    ),
)
