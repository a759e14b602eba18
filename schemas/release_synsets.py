"""release_synsets: the taxonomy of a release. Key (release, synset_id); by freeze-release, append-only."""

from pyspark.sql.types import ArrayType, IntegerType, LongType, StringType, StructType

from synlake.schemas.table import Table, column

TABLE = Table(
    name="release_synsets",
    writer="freeze-release",
    key=("release", "synset_id"),
    partition_by=("release",),
    cluster_by=("synset_id",),
    is_append_only=True,
    schema=StructType(
        [
            column("release", StringType(), "name of the release"),
            column("synset_id", StringType(), "wnid"),
            column("name", StringType(), "WordNet name"),
            column("lemmas", ArrayType(StringType(), False), "words of the synset"),
            column("gloss", StringType(), "definition"),
            column("parent_ids", ArrayType(StringType(), False), "wnids of the hypernyms"),
            column("depth", IntegerType(), "hypernym steps to entity.n.01", nullable=True),
            column(
                "n_images",
                LongType(),
                "images of the synset in the release, without a holdout whose labels are withheld; 0 is possible",
            ),
        ]
    ),
)
