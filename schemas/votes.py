"""votes: one answer of one worker, as given. Key (vote_id); by import-votes.

No row is ever removed. One that is imported again has the answer, time and reject_reason of that import.
Among rows without reject_reason, (item_id, worker_id) is unique too.
"""

from pyspark.sql.types import StringType, StructType, TimestampType

from synlake.schemas.reasons import VOTE
from synlake.schemas.table import Table, column, one_of

TABLE = Table(
    name="votes",
    writer="import-votes",
    key=("vote_id",),
    cluster_by=("item_id",),
    rules={
        "a vote that counts is whole": (
            "reject_reason IS NOT NULL"
            " OR (item_id IS NOT NULL AND worker_id IS NOT NULL AND answer IS NOT NULL)"
        ),
        "reject_reason is a known one": one_of("reject_reason", list(VOTE)),
    },
    schema=StructType(
        [
            column(
                "vote_id",
                StringType(),
                "hash of item, worker, answer, source_ref and the number among equal ones",
            ),
            column("item_id", StringType(), "task_id, or any name of what was asked", nullable=True),
            column("worker_id", StringType(), "who answered", nullable=True),
            column("answer", StringType(), "the label given: yes, no, or a class", nullable=True),
            column("answered_at", TimestampType(), "when (UTC), where the file says", nullable=True),
            column("source_file", StringType(), "name of the file it came in"),
            column("reject_reason", StringType(), "why it does not count; null: it counts", nullable=True),
            column("raw", StringType(), "the line as it was, of malformed ones", nullable=True),
        ]
    ),
)
