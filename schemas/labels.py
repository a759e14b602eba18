"""labels: an item's aggregated answer. Key (item_id); by aggregate-votes."""

from pyspark.sql.types import BooleanType, DoubleType, LongType, MapType, StringType, StructType

from synlake.schemas.reasons import ESCALATION
from synlake.schemas.table import Table, column, one_of

TABLE = Table(
    name="labels",
    writer="aggregate-votes",
    key=("item_id",),
    cluster_by=("synset_id", "item_id"),
    rules={
        "confidence is in (0, 1]": "confidence > 0 AND confidence <= 1",
        "escalated exactly where there is a reason": "is_escalated = (escalation_reason IS NOT NULL)",
        "escalation_reason is a known one": one_of("escalation_reason", list(ESCALATION)),
    },
    schema=StructType(
        [
            column("item_id", StringType(), "task_id, or the item's name in imported votes"),
            column(
                "synset_id", StringType(), "wnid asked about; null for votes without tasks", nullable=True
            ),
            column("image_id", StringType(), "sha256 of the bytes; null likewise", nullable=True),
            column("label", StringType(), "the likeliest answer (majority: most votes); ties by label order"),
            column("confidence", DoubleType(), "its posterior probability (majority: votes for it / votes)"),
            column(
                "posterior",
                MapType(StringType(), DoubleType(), False),
                "probability of each label; those below 1e-9 are left out",
            ),
            column("n_votes", LongType(), "votes that count"),
            column("difficulty", DoubleType(), "expected 1/ease (method glad); else null", nullable=True),
            column("is_gold", BooleanType(), "a control, asked to measure workers; not in any release"),
            column("is_escalated", BooleanType(), "an expert has to decide"),
            column("escalation_reason", StringType(), "why; null: not escalated", nullable=True),
        ]
    ),
)
