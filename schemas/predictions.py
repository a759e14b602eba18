"""predictions: a model's ranked guess for an image. Key (release, model, image_id, rank); by import-predictions."""

from pyspark.sql.types import IntegerType, StringType, StructType

from synlake.schemas.release_images import SPLITS
from synlake.schemas.table import Table, column, one_of

TABLE = Table(
    name="predictions",
    writer="import-predictions",
    key=("release", "model", "image_id", "rank"),
    partition_by=("release", "model"),
    cluster_by=("image_id", "rank"),
    rules={"rank counts from 1": "rank >= 1", "split is a known one": one_of("split", ["all", *SPLITS])},
    schema=StructType(
        [
            column("release", StringType(), "name of the release that was predicted"),
            column("model", StringType(), "name of the model"),
            column("split", StringType(), "the images that were predicted: those of one split, or all"),
            column("image_id", StringType(), "an image of the release"),
            column("rank", IntegerType(), "1 is the first guess"),
            column("label", StringType(), "the class that was guessed"),
        ]
    ),
)
