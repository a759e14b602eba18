"""evaluations: a model's scores on a release. Key (release, model); by evaluate-predictions."""

from pyspark.sql.types import DoubleType, IntegerType, LongType, StringType, StructType, TimestampType

from synlake.schemas.table import Table, column

TABLE = Table(
    name="evaluations",
    writer="evaluate-predictions",
    key=("release", "model"),
    partition_by=("release", "model"),
    rules={"top5 is no less than top1": "top5 >= top1", "top1 is a share": "top1 BETWEEN 0 AND 1"},
    schema=StructType(
        [
            column("release", StringType(), "name of the release"),
            column("model", StringType(), "name of the model"),
            column("split", StringType(), "the images that were scored: those of one split, or all"),
            column("n_images", LongType(), "images scored"),
            column("n_guesses", IntegerType(), "most guesses for one image; below 5, top5 is of fewer"),
            column("top1", DoubleType(), "share of images whose first guess is right"),
            column("top1_low", DoubleType(), "bootstrap, lower end of 95 %"),
            column("top1_high", DoubleType(), "and upper end"),
            column("top5", DoubleType(), "share of images with a right guess among the first five"),
            column("top5_low", DoubleType(), "bootstrap, lower end of 95 %"),
            column("top5_high", DoubleType(), "and upper end"),
            column("class_mean_top1", DoubleType(), "mean of top1 over classes"),
            column(
                "hierarchical_top1",
                DoubleType(),
                "mean height of the LCA, steps; null: no hierarchy",
                nullable=True,
            ),
            column("hierarchical_top5", DoubleType(), "the same of the best of five guesses", nullable=True),
            column(
                "sibling_confusion",
                DoubleType(),
                "share of images mistaken for a sibling class",
                nullable=True,
            ),
            column("predictions_checksum", StringType(), "sha256 hex over the predictions that were scored"),
            column("content_checksum", StringType(), "that of the release, see table releases"),
            column("evaluated_at", TimestampType(), "when (UTC)"),
        ]
    ),
)
