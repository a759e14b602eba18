"""tasks: a question for the crowd: does this image show this synset? Key (task_id); by plan-annotation."""

from pyspark.sql.types import BooleanType, IntegerType, StringType, StructType

from synlake.schemas.table import Table, column, one_of

TABLE = Table(
    name="tasks",
    writer="plan-annotation",
    key=("task_id",),
    cluster_by=("synset_id", "image_id"),
    rules={
        "gold tasks, and only they, have an expected answer": "is_gold = (expected_answer IS NOT NULL)",
        "expected_answer is yes or no": one_of("expected_answer", ["yes", "no"]),
    },
    schema=StructType(
        [
            column("task_id", StringType(), "item_id of its votes: hash of image, synset and is_gold"),
            column("image_id", StringType(), "sha256 of the bytes"),
            column("synset_id", StringType(), "wnid that is asked about"),
            column("question", StringType(), "what the worker is asked"),
            column("gloss", StringType(), "the definition shown with the question"),
            column("is_gold", BooleanType(), "the answer is known; it measures the worker"),
            column(
                "expected_answer", StringType(), "yes or no for gold tasks; never exported", nullable=True
            ),
            column("hit_id", StringType(), "the HIT (page of tasks) it is on"),
            column("position", IntegerType(), "place on the HIT, from 1, shuffled by seed"),
            column("n_votes_wanted", IntegerType(), "answers by different workers to collect"),
        ]
    ),
)
