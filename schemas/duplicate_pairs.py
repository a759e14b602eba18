"""duplicate_pairs: two images less than tau bits apart. Key (image_id_l, image_id_r); by deduplicate-images.

Every such pair of the last run's scope (images of one synset, or all), once. Images with the very same hash are
pairs too, each with each.
"""

from pyspark.sql.types import IntegerType, StringType, StructType

from synlake.schemas.table import Table, column

TABLE = Table(
    name="duplicate_pairs",
    writer="deduplicate-images",
    key=("image_id_l", "image_id_r"),
    rules={"each pair once, the lesser id first": "image_id_l < image_id_r"},
    schema=StructType(
        [
            column("image_id_l", StringType(), "sha256 of the bytes; the lesser of the two"),
            column("image_id_r", StringType(), "sha256 of the bytes; the greater of the two"),
            column("distance_bits", IntegerType(), "Hamming distance of their pHashes, bits; below tau"),
        ]
    ),
)
