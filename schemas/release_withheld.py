"""release_withheld: a label of a holdout that is not published. Key (release, image_id, synset_id); append-only.

By freeze-release. ``release_images`` has ``withheld`` in its place. Leave this table out of what you give away.
"""

from pyspark.sql.types import DoubleType, LongType, StringType, StructType

from synlake.schemas.table import Table, column

TABLE = Table(
    name="release_withheld",
    writer="freeze-release",
    key=("release", "image_id", "synset_id"),
    partition_by=("release",),
    cluster_by=("synset_id", "image_id"),
    is_append_only=True,
    schema=StructType(
        [
            column("release", StringType(), "name of the release"),
            column("image_id", StringType(), "sha256 of the bytes"),
            column("synset_id", StringType(), "wnid"),
            column("label", StringType(), "the class: the wnid that was confirmed"),
            column("label_source", StringType(), "votes; review: an expert's decision"),
            column("confidence", DoubleType(), "share of votes for the label; null: none", nullable=True),
            column("n_votes", LongType(), "votes behind the label", nullable=True),
        ]
    ),
)
