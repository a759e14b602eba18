"""image_bytes: the bytes of one image, append-only. Key (image_id); by ingest-images.

Apart from every other table, so that nothing but fingerprinting and export ever reads bytes.
"""

from pyspark.sql.types import BinaryType, LongType, StringType, StructType

from synlake.schemas.table import Table, column

TABLE = Table(
    name="image_bytes",
    writer="ingest-images",
    key=("image_id",),
    is_append_only=True,
    is_compressed=False,
    rules={"size_bytes is the length of bytes": "size_bytes = octet_length(bytes)"},
    schema=StructType(
        [
            column("image_id", StringType(), "sha256 of the bytes, lower-case hex"),
            column("size_bytes", LongType(), "length of bytes"),
            column("bytes", BinaryType(), "the file as it was found"),
        ]
    ),
)
