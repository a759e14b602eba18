"""HITs: pages of questions on one synset, with controls whose answers are known shuffled in.

The lay-out is the one ImageNet's successors put before workers: 48 images of a synset, 42 to label, 3 that are
known to show it and 3 that are known not to (Recht et al. 2019, whose published HITs the tests compare with).
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F


@dataclass(frozen=True)
class Page:
    """What is on a HIT: ``size`` images, of which ``n_positive`` are known to show the synset and
    ``n_negative`` are known not to.
    """

    size: int = 48
    n_positive: int = 3
    n_negative: int = 3

    @property
    def n_questions(self) -> int:
        """Images to label."""
        return self.size - self.n_positive - self.n_negative


def lay_out(questions: DataFrame, *, page: Page, round_no: int, seed: int) -> DataFrame:
    """Add ``hit_id`` and ``hit_no`` (from 1 in each synset) to ``task_id, synset_id, n_votes_wanted, …``.

    A HIT is of one synset and one number of votes, since a platform shows a page as a whole. All are full
    but the last of each.
    """
    turn = Window.partitionBy("synset_id", "n_votes_wanted").orderBy(_shuffled("task_id", seed), "task_id")
    pages = Window.partitionBy("synset_id").orderBy("n_votes_wanted", "page")
    laid = questions.withColumn("page", F.floor((F.row_number().over(turn) - 1) / page.n_questions))
    laid = laid.withColumn("hit_no", F.dense_rank().over(pages)).drop("page")
    return laid.withColumn(
        "hit_id", F.format_string(f"%s-{round_no:02d}-%05d", F.col("synset_id"), F.col("hit_no"))
    )


def controls(laid: DataFrame, offers: DataFrame, *, page: Page, seed: int) -> DataFrame:
    """The controls of each HIT: ``offers`` with ``hit_id, hit_no, n_votes_wanted``, one row a place on a page.

    ``offers`` (``image_id, synset_id, is_positive, preference, …``; ``task_id`` or not) are taken in the
    order of ``preference`` and of the seed, and over again where there are fewer than the HITs need; never an
    image that the same HIT asks about, and never one twice on a page. A HIT is short of controls only where
    its synset has fewer offers that it does not ask about than a page takes.
    """
    counts = laid.groupBy("synset_id").agg(F.max("hit_no").alias("n_hits"))
    pages = laid.select("synset_id", "hit_id", "hit_no", "n_votes_wanted").distinct()
    per_page = F.when(F.col("is_positive"), page.n_positive).otherwise(page.n_negative)
    order = Window.partitionBy("synset_id", "is_positive").orderBy(
        "preference", _shuffled("image_id", seed), "image_id"
    )
    everyone = Window.partitionBy("synset_id", "is_positive")
    asked = laid.select("synset_id", "image_id", F.col("hit_id").alias("asked_on"))
    # To spare: as many as one HIT may ask about itself.
    n_spare = F.least(F.count("asked_on").over(everyone), F.lit(page.n_questions))
    enough = F.col("n_hits") * F.col("n_per_page") + F.col("n_spare")
    numbered = (
        offers.join(F.broadcast(counts), on="synset_id")
        .join(asked, on=["synset_id", "image_id"], how="left")
        .withColumns({"n_per_page": per_page, "n_spare": n_spare, "nth": F.row_number().over(order) - 1})
        .where(F.col("nth") < enough)
        .withColumn("n_offers", F.count(F.lit(1)).over(everyone))
        .drop("n_hits")
    )
    kinds = numbered.select("synset_id", "is_positive", "n_per_page", "n_spare", "n_offers").distinct()
    tries = F.least(F.col("n_offers"), F.col("n_per_page") + F.col("n_spare"))
    places = (
        pages.join(kinds, on="synset_id")
        .where("n_per_page > 0")
        .withColumn("try", F.explode(F.sequence(F.lit(0), (tries - 1).cast("int"))))
        .withColumn("nth", ((F.col("hit_no") - 1) * F.col("n_per_page") + F.col("try")) % F.col("n_offers"))
        .drop("n_per_page", "n_spare", "n_offers")
    )
    first = Window.partitionBy("hit_id", "is_positive").orderBy("try")
    return (
        places.join(numbered, on=["synset_id", "is_positive", "nth"])
        .where(~F.col("asked_on").eqNullSafe(F.col("hit_id")))
        .withColumn("place", F.row_number().over(first))
        .where(F.col("place") <= F.col("n_per_page"))
        .drop("place", "try", "nth", "n_per_page", "n_spare", "n_offers", "asked_on", "preference")
    )


def position(seed: int) -> Column:
    """The place of a task on its HIT, from 1, shuffled by seed."""
    on_page = Window.partitionBy("hit_id").orderBy(_shuffled("task_id", seed), "task_id")
    return F.row_number().over(on_page)


def _shuffled(name: str, seed: int) -> Column:
    return F.xxhash64(F.col(name), F.lit(seed))
