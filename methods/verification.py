"""What a frozen release's rows and bytes must hold, as rows of ``fault, key`` where they do not."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def split_faults(images: DataFrame) -> DataFrame:
    """Near-duplicate groups, and images, that are in more than one split."""
    faults = [
        images.groupBy(F.col(column).alias("key"))
        .agg(F.count_distinct("split").alias("n"))
        .where("n > 1")
        .select(F.lit(f"{what} in several splits").alias("fault"), "key")
        for column, what in (("group_id", "group"), ("image_id", "image"))
    ]
    return faults[0].unionByName(faults[1])


def row_faults(now: DataFrame, frozen: DataFrame) -> DataFrame:
    """Rows of ``key, row_sha256`` that differ from those that were frozen: changed, missing, extra or repeated."""
    left = now.groupBy("key").agg(F.first("row_sha256").alias("now"), F.count(F.lit(1)).alias("n_now"))
    right = frozen.groupBy("key").agg(F.first("row_sha256").alias("then"))
    fault = F.coalesce(
        F.when(F.col("then").isNull(), F.lit("extra row")),
        F.when(F.col("now").isNull(), F.lit("missing row")),
        F.when(F.col("n_now") > 1, F.lit("repeated row")),
        F.when(F.col("now") != F.col("then"), F.lit("changed row")),
    )
    both = left.join(right, on="key", how="full")
    return both.select(fault.alias("fault"), "key").where("fault IS NOT NULL")


def byte_faults(images: DataFrame, hashed: DataFrame, decoded: DataFrame) -> DataFrame:
    """Images whose bytes are missing, are others than their ``image_id`` names, or decode to another hash.

    ``images`` has ``image_id, phash`` as they were frozen; of what is stored ``hashed`` has ``image_id, sha256``, and
    ``decoded`` ``image_id, phash_now, reject_reason``. An image that was frozen without a hash is not held to one.
    """
    fault = F.coalesce(
        F.when(F.col("sha256").isNull(), F.lit("no bytes")),
        F.when(F.col("sha256") != F.col("image_id"), F.lit("other bytes than its image_id names")),
        F.when(F.col("phash").isNotNull() & F.col("reject_reason").isNotNull(), F.col("reject_reason")),
        F.when(
            F.col("phash") != F.col("phash_now"), F.lit("another perceptual hash than it was frozen with")
        ),
    )
    checked = images.join(hashed, on="image_id", how="left").join(decoded, on="image_id", how="left")
    return checked.select(fault.alias("fault"), F.col("image_id").alias("key")).where("fault IS NOT NULL")
