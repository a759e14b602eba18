"""class_evaluations: a model on one class of a release. Key (release, model, label); by evaluate-predictions."""

from pyspark.sql.types import DoubleType, LongType, StringType, StructType

from synlake.schemas.table import Table, column

TABLE = Table(
    name="class_evaluations",
    writer="evaluate-predictions",
    key=("release", "model", "label"),
    partition_by=("release", "model"),
    cluster_by=("label",),
    schema=StructType(
        [
            column("release", StringType(), "name of the release"),
            column("model", StringType(), "name of the model"),
            column("label", StringType(), "class"),
            column("n_images", LongType(), "images of the class that were scored"),
            column("top1", DoubleType(), "share of them whose first guess is right"),
            column("top5", DoubleType(), "share with a right guess among the first five"),
            column(
                "most_guessed", StringType(), "most frequent wrong first guess; null: none", nullable=True
            ),
            column("n_most_guessed", LongType(), "images it was guessed for", nullable=True),
        ]
    ),
)
