"""workers: how good a worker seems. Key (worker_id); by aggregate-votes."""

from pyspark.sql.types import DoubleType, LongType, MapType, StringType, StructType

from synlake.schemas.reasons import WORKER
from synlake.schemas.table import Table, column, one_of

TABLE = Table(
    name="workers",
    writer="aggregate-votes",
    key=("worker_id",),
    rules={
        "shares are in [0, 1]": "agreement BETWEEN 0 AND 1 AND coalesce(gold_accuracy, 0) BETWEEN 0 AND 1",
        "exclusion_reason is a known one": one_of("exclusion_reason", list(WORKER)),
    },
    schema=StructType(
        [
            column("worker_id", StringType(), "who"),
            column("n_votes", LongType(), "valid votes, gold ones and those of excluded workers included"),
            column(
                "agreement",
                DoubleType(),
                "share of votes equal to the aggregated label; null: no such item",
                nullable=True,
            ),
            column("n_gold", LongType(), "votes on gold tasks"),
            column("gold_accuracy", DoubleType(), "share of gold tasks answered right", nullable=True),
            column(
                "median_seconds",
                DoubleType(),
                "between one answer and the next, where times are given",
                nullable=True,
            ),
            column(
                "accuracy", DoubleType(), "expected share of right answers, by the posteriors", nullable=True
            ),
            column(
                "spammer_score",
                DoubleType(),
                "0: the answers say nothing of the truth; 1: they settle it (Raykar and Yu 2012)",
                nullable=True,
            ),
            column(
                "confusion",
                MapType(StringType(), MapType(StringType(), DoubleType(), False), False),
                "truth → answer → expected votes; null: majority, or too many labels",
                nullable=True,
            ),
            column(
                "exclusion_reason",
                StringType(),
                "why the votes are left out; null: they count",
                nullable=True,
            ),
        ]
    ),
)
