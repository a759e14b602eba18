"""What to type into a search box to find images of a synset."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F


def plan_queries(synsets: DataFrame) -> DataFrame:
    """Queries of the selected synsets: each lemma, and each lemma with a word of each parent.

    Takes all rows of ``synsets`` (parents need not be selected). One row a (synset, query): where two
    lemmas make the same words, the first lemma and the plainer kind win. Deng et al., "ImageNet" (CVPR
    2009), section 3.1: queries are a synset's words, and the same with words of its parents appended.
    """
    spoken = synsets.select(
        "synset_id",
        "is_selected",
        "parent_ids",
        F.posexplode("lemmas").alias("lemma_rank", "lemma"),
    ).withColumn("words", F.lower(F.translate("lemma", "_", " ")))
    chosen = spoken.where("is_selected").select("synset_id", "parent_ids", "lemma_rank", "lemma", "words")
    parent_words = spoken.where("lemma_rank = 0").select(
        F.col("synset_id").alias("parent_id"), F.col("words").alias("parent_words")
    )
    with_parent = (
        chosen.withColumn("parent_id", F.explode("parent_ids"))
        .join(parent_words, on="parent_id")
        .where(~F.expr("contains(words, parent_words)"))  # "sea bird bird" finds nothing new
        .withColumn("query", F.concat_ws(" ", "words", "parent_words"))
        .withColumn("kind", F.lit("lemma_parent"))
    )
    plain = chosen.withColumn("query", F.col("words")).withColumn("kind", F.lit("lemma"))
    columns = ["synset_id", "query", "kind", "lemma", "lemma_rank"]
    first = Window.partitionBy("synset_id", "query").orderBy("kind", "lemma_rank", "lemma")
    return (
        plain.select(*columns)
        .unionByName(with_parent.select(*columns))
        .withColumn("turn", F.row_number().over(first))
        .where("turn = 1")
        .select("synset_id", "query", F.lit("en").alias("language"), "kind", "lemma")
    )
