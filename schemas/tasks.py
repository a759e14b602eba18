"""tasks: a question for the crowd: does this image show this synset? Key (task_id); by plan-annotation."""

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    IntegerType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from synlake.schemas.table import Table, column

#: ``answer``: what is stored (yes, no, a wnid, or none); ``text``: what is shown; ``gloss``: a synset's definition.
_OPTION = StructType([StructField(name, StringType()) for name in ("answer", "text", "gloss")])

TABLE = Table(
    name="tasks",
    writer="plan-annotation",
    key=("task_id",),
    cluster_by=("synset_id", "image_id"),
    rules={
        "gold tasks, and only they, have an expected answer": "is_gold = (expected_answer IS NOT NULL)",
        "expected_answer is one of the options": (
            "expected_answer IS NULL OR array_contains(options.answer, expected_answer)"
        ),
        "asked exactly where it is on a HIT": "(n_votes_wanted > 0) = (hit_id IS NOT NULL)",
    },
    schema=StructType(
        [
            column("task_id", StringType(), "item_id of its votes: hash of image, synset and kind"),
            column("image_id", StringType(), "sha256 of the bytes"),
            column("synset_id", StringType(), "wnid that is asked about"),
            column("question_type", StringType(), "verify: is it in the image; classify: which one is"),
            column("question", StringType(), "what the worker is asked"),
            column("words", StringType(), "the synset's words, shown with the question"),
            column("gloss", StringType(), "the definition shown with the question"),
            column(
                "options",
                ArrayType(_OPTION, False),
                "what may be answered, and how it is shown, in the order shown",
            ),
            column("is_gold", BooleanType(), "a control: the answer is known; it measures the worker"),
            column("expected_answer", StringType(), "of controls; never exported", nullable=True),
            column("hit_id", StringType(), "the HIT (page of tasks) of the first round", nullable=True),
            column("position", IntegerType(), "place on that HIT, from 1, shuffled by seed", nullable=True),
            column(
                "n_votes_wanted",
                IntegerType(),
                "answers by different workers to collect in the first round; 0: it waits for the sample",
            ),
            column("planned_at", TimestampType(), "when it was first planned; no vote is older"),
        ]
    ),
)
