"""vote_confidence: how sure the votes on an image make. Key (synset_id, n_for, n_against); by export-tasks."""

from pyspark.sql.types import DoubleType, IntegerType, StringType, StructType

from synlake.schemas.table import Table, column

TABLE = Table(
    name="vote_confidence",
    writer="export-tasks",
    key=("synset_id", "n_for", "n_against"),
    cluster_by=("synset_id",),
    rules={"confidence is a probability": "confidence BETWEEN 0 AND 1", "n_more is no debt": "n_more >= 0"},
    schema=StructType(
        [
            column("synset_id", StringType(), "wnid that is asked about"),
            column("n_for", IntegerType(), "votes for yes; of classify, for the leading answer"),
            column("n_against", IntegerType(), "all other votes"),
            column("confidence", DoubleType(), "probability that yes, or the leading answer, is right"),
            column("n_images", DoubleType(), "images of the sample that were ever in this state, expected"),
            column("n_more", IntegerType(), "votes to ask for at once in this state; 0: it is settled"),
        ]
    ),
)
