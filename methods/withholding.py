"""Labels of a holdout that are kept from those who are scored on it: published without, and kept apart."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

#: What stands for the class of an image whose label is withheld.
WITHHELD = "withheld"
SPLIT = "holdout"
#: What is said of a label, and would say something about it.
_TELLING = ("synset_id", "label", "label_source", "confidence", "n_votes")


def published(images: DataFrame) -> DataFrame:
    """Rows of ``release_images`` as everybody may see them: of the holdout one row an image, without its label."""
    is_secret = F.col("split") == SPLIT
    columns = {
        name: F.when(is_secret, F.lit(WITHHELD)).otherwise(F.col(name))
        if name in ("synset_id", "label", "label_source")
        else F.when(~is_secret, F.col(name))
        for name in _TELLING
    }
    open_rows = images.where(~is_secret)
    masked = images.where(is_secret).dropDuplicates(["image_id"]).withColumns(columns)
    return open_rows.unionByName(masked)


def withheld(images: DataFrame) -> DataFrame:
    """Rows of ``release_withheld``: what :func:`published` leaves out of ``images``."""
    return images.where(F.col("split") == SPLIT).select("release", "image_id", *_TELLING)


def images_per_class(images: DataFrame, *, is_withheld: bool) -> DataFrame:
    """``synset_id, n_images`` of a release's ``images`` with every label, without the holdout where it ``is_withheld``.

    With it, the rows of a class that everybody sees would tell how many the holdout has.
    """
    counted = images.where(F.col("split") != SPLIT) if is_withheld else images
    return counted.groupBy("synset_id").agg(F.count(F.lit(1)).alias("n_images"))


def with_withheld(images: DataFrame, secrets: DataFrame) -> DataFrame:
    """Published ``images`` with the ``secrets`` of each put back."""
    hidden = images.where(F.col("label") == WITHHELD).drop(*_TELLING)
    back = hidden.join(secrets.select("image_id", *_TELLING), on="image_id")
    return images.where(F.col("label") != WITHHELD).unionByName(back)
