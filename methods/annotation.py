"""Questions for the crowd: does this image show this synset? With gold questions mixed in."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F


def plan_tasks(
    kept: DataFrame,
    synsets: DataFrame,
    gold: DataFrame,
    *,
    n_gold_per_hit: int,
    hit_size: int,
    n_votes: int,
    seed: int,
) -> DataFrame:
    """One ``verify`` task a kept (image, synset), and gold tasks beside them, laid out in HITs of one synset.

    ``kept`` has ``image_id, synset_id``; ``gold`` has ``image_id, synset_id, expected_answer`` of answers
    known beforehand. To these come negatives: images kept for another synset, to which the answer is no.
    Each HIT has ``hit_size`` tasks, shuffled by ``seed``, of which ``n_gold_per_hit`` are gold on average.
    """
    questions = kept.select("image_id", "synset_id", F.lit(None).cast("string").alias("expected_answer"))
    known = gold.select("image_id", "synset_id", "expected_answer")
    negatives = _negatives(kept, synsets, seed=seed)
    offered = known.withColumn("offer", F.lit(0)).unionByName(negatives.withColumn("offer", F.lit(1)))
    chosen = _enough_gold(offered, kept, n_gold_per_hit=n_gold_per_hit, hit_size=hit_size, seed=seed)
    tasks = questions.unionByName(chosen).withColumn("is_gold", F.col("expected_answer").isNotNull())
    tasks = tasks.withColumn("task_id", task_id(F.col("image_id"), F.col("synset_id"), F.col("is_gold")))
    turn = Window.partitionBy("synset_id").orderBy(F.xxhash64("task_id", F.lit(seed)), "task_id")
    words = synsets.select(
        "synset_id", F.translate(F.element_at("lemmas", 1), "_", " ").alias("word"), "gloss"
    )
    return (
        tasks.withColumn("turn", F.row_number().over(turn) - 1)
        .join(F.broadcast(words), on="synset_id")
        .select(
            "task_id",
            "image_id",
            "synset_id",
            question(F.col("word")).alias("question"),
            "gloss",
            "is_gold",
            "expected_answer",
            F.format_string("%s-%05d", "synset_id", F.expr(f"turn DIV {hit_size}")).alias("hit_id"),
            (F.expr(f"turn % {hit_size}") + 1).cast("int").alias("position"),
            F.lit(n_votes).cast("int").alias("n_votes_wanted"),
        )
    )


def task_id(image_id: Column, synset_id: Column, is_gold: Column) -> Column:
    """The same id whenever the same is asked: 20 hex digits of a sha256, gold or not."""
    kind = F.when(is_gold, F.lit("gold")).otherwise(F.lit("verify"))
    return F.substring(F.sha2(F.concat_ws(":", image_id, synset_id, kind).cast("binary"), 256), 1, 20)


def question(word: Column) -> Column:
    """What the worker is asked, with the article that the word's first letter takes."""
    article = F.when(F.lower(word).rlike("^[aeiou]"), F.lit("an")).otherwise(F.lit("a"))
    return F.concat(F.lit("Is there "), article, F.lit(" "), word, F.lit(" in this image?"))


def _negatives(kept: DataFrame, synsets: DataFrame, *, seed: int) -> DataFrame:
    """Each image offers itself once, as a no, to another synset than those it is kept for.

    By arithmetic on the synsets' places in id order instead of a cross join: an image of the synset in
    place k goes to place k + 1 + (hash mod (n − 1)) of n. Parents and children are no clear no.
    """
    ids = kept.select("synset_id").distinct()
    places = ids.withColumn("place", F.row_number().over(Window.orderBy("synset_id")) - 1).withColumn(
        "n", F.count(F.lit(1)).over(Window.partitionBy())
    )
    parents = synsets.select("synset_id", "parent_ids")
    step = F.lit(1) + F.pmod(F.xxhash64("image_id", F.lit(seed)), F.col("n") - 1)
    offers = (
        kept.join(F.broadcast(places), on="synset_id")
        .where("n > 1")
        .join(F.broadcast(parents), on="synset_id")
        .withColumn("target", F.pmod(F.col("place") + step, F.col("n")))
    )
    targets = places.join(parents, on="synset_id").select(
        F.col("place").alias("target"),
        F.col("synset_id").alias("target_id"),
        F.col("parent_ids").alias("target_parent_ids"),
    )
    related = F.array_contains("parent_ids", F.col("target_id")) | F.array_contains(
        "target_parent_ids", F.col("synset_id")
    )
    asked = kept.select("image_id", F.col("synset_id").alias("target_id"))
    return (
        offers.join(F.broadcast(targets), on="target")
        .where(~related)
        .join(asked, on=["image_id", "target_id"], how="left_anti")
        .select("image_id", F.col("target_id").alias("synset_id"), F.lit("no").alias("expected_answer"))
        .distinct()
    )


def _enough_gold(
    offered: DataFrame, kept: DataFrame, *, n_gold_per_hit: int, hit_size: int, seed: int
) -> DataFrame:
    """Of the gold offered to each synset, as many as its HITs take: known answers first, in seeded order."""
    questions_per_hit = max(1, hit_size - n_gold_per_hit)
    wanted = kept.groupBy("synset_id").agg(
        (F.ceil(F.count(F.lit(1)) / questions_per_hit) * n_gold_per_hit).alias("n_gold")
    )
    order = F.xxhash64("image_id", "synset_id", F.lit(seed))
    once = Window.partitionBy("image_id", "synset_id").orderBy("offer", "expected_answer")
    turn = Window.partitionBy("synset_id").orderBy("offer", order, "image_id")
    return (
        offered.withColumn("nth", F.row_number().over(once))
        .where("nth = 1")
        .join(F.broadcast(wanted), on="synset_id")
        .withColumn("turn", F.row_number().over(turn))
        .where("turn <= n_gold")
        .select("image_id", "synset_id", "expected_answer")
    )
