"""Which image goes into which shard of an export, and the number of its class."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from synlake.local_rows import local_rows


def with_class_index(images: DataFrame, labels: Sequence[str]) -> DataFrame:
    """Add ``class_index``: the place of ``label`` among ``labels``, from 0; null where the label is withheld.

    In id order that is how torchvision's ImageFolder and ILSVRC number classes.
    """
    pairs = [(label, index) for index, label in enumerate(labels)]
    numbered = local_rows(images.sparkSession, pairs, "label string, class_index int")
    return images.join(F.broadcast(numbered), on="label", how="left")


def with_shards(images: DataFrame, *, shard_bytes: int, ending: str) -> DataFrame:
    """Add ``shard`` (a file name) to ``split, image_id, size_bytes``: shards of one split, of about equal bytes.

    An image's shard is decided by a hash of its id over as many shards as the split's bytes ask for, so
    classes are mixed and no global order is needed.
    """
    of_split = Window.partitionBy("split")
    n_shards = F.greatest(F.lit(1), F.ceil(F.sum("size_bytes").over(of_split) / F.lit(shard_bytes)))
    number = F.pmod(F.xxhash64("image_id"), n_shards)
    return images.withColumn("shard", F.format_string(f"%s-%06d.{ending}", F.col("split"), number))
