"""release_hierarchy: a node above or at a class of a release. Key (release, synset_id); by freeze-release, append-only.

The release's own copy of the hypernyms of its classes, so that scores by the hierarchy never change.
"""

from pyspark.sql.types import ArrayType, BooleanType, IntegerType, StringType, StructType

from synlake.schemas.table import Table, column

TABLE = Table(
    name="release_hierarchy",
    writer="freeze-release",
    key=("release", "synset_id"),
    partition_by=("release",),
    cluster_by=("synset_id",),
    is_append_only=True,
    schema=StructType(
        [
            column("release", StringType(), "name of the release"),
            column("synset_id", StringType(), "wnid of a class, or of a hypernym of one"),
            column("name", StringType(), "WordNet name"),
            column("parent_ids", ArrayType(StringType(), False), "wnids of the hypernyms"),
            column("is_class", BooleanType(), "a class of the release, not only a node above one"),
            column("depth", IntegerType(), "fewest steps down from a top node; a top node has 0"),
            column(
                "height", IntegerType(), "most steps down to a class below; a class with none below has 0"
            ),
        ]
    ),
)
