"""release_images: an image in a release. Key (release, image_id, synset_id); by freeze-release, append-only."""

from pyspark.sql.types import DoubleType, IntegerType, LongType, StringType, StructType

from synlake.schemas.table import Table, column, one_of

SPLITS = ("train", "val", "test", "holdout")

TABLE = Table(
    name="release_images",
    writer="freeze-release",
    key=("release", "image_id", "synset_id"),
    partition_by=("release",),
    cluster_by=("synset_id", "image_id"),
    n_with_statistics=4,  # to label
    is_append_only=True,
    rules={
        "split is a known one": one_of("split", SPLITS),
        "label_source is a known one": one_of("label_source", ["votes", "review", "import", "withheld"]),
    },
    schema=StructType(
        [
            column("release", StringType(), "name of the release"),
            column("image_id", StringType(), "sha256 of the bytes, or the id that an imported list gives"),
            column(
                "synset_id", StringType(), "wnid, or the class that a list gives; as label where withheld"
            ),
            column("split", StringType(), "train, val, test or holdout"),
            column(
                "label",
                StringType(),
                "the class: the wnid that was confirmed; withheld: see release_withheld",
            ),
            column(
                "label_source",
                StringType(),
                "votes; review: an expert's decision; import: as given; withheld",
            ),
            column("confidence", DoubleType(), "share of votes for the label; null: none", nullable=True),
            column("n_votes", LongType(), "votes behind the label", nullable=True),
            column("group_id", StringType(), "near-duplicate group; a group is in one split only"),
            column("format", StringType(), "file format; null: imported without it", nullable=True),
            column("width_px", IntegerType(), "stored width; null: imported without it", nullable=True),
            column("height_px", IntegerType(), "stored height; null: imported without it", nullable=True),
            column("phash", LongType(), "perceptual hash, 64 bits; null: imported without it", nullable=True),
            column("hash_mode", StringType(), "exact or fast; null: imported without phash", nullable=True),
        ]
    ),
)
