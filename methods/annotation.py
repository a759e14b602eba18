"""Questions for the crowd: does this image show this synset? With controls of known answers mixed in."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from synlake.methods.hits import Page, controls, lay_out, position
from synlake.methods.questions import NO, NONE, YES

#: Draws for each negative control that is wanted: some are too near in the tree, some come twice.
_DRAWS = 4


def ask(
    kept: DataFrame,
    wording: DataFrame,
    *,
    question_type: str,
    n_votes: int,
    sample_size: int | None,
    page: Page,
    seed: int,
) -> DataFrame:
    """One question a kept ``image_id, synset_id``, laid out in HITs of one synset (``hits.lay_out``).

    ``wording`` is one row a synset (``questions.Wording``). Each question wants ``n_votes``; with a
    ``sample_size``, only that many of each synset do, and the others (0 votes, on no HIT) wait for what the
    sample tells.
    """
    asked = kept.select("image_id", "synset_id").join(F.broadcast(wording), on="synset_id")
    asked = asked.withColumn("task_id", task_id(F.lit(question_type), F.lit(0)))
    asked = asked.withColumn("n_votes_wanted", _votes_wanted(n_votes, sample_size, seed).cast("int"))
    if sample_size is None:
        return lay_out(asked, page=page, round_no=1, seed=seed)
    laid = lay_out(asked.where("n_votes_wanted > 0"), page=page, round_no=1, seed=seed)
    return laid.unionByName(asked.where("n_votes_wanted = 0"), allowMissingColumns=True)


def plan_tasks(
    questions: DataFrame,
    kept: DataFrame,
    wording: DataFrame,
    known: DataFrame,
    hierarchy: DataFrame,
    *,
    question_type: str,
    page: Page,
    min_distance: int,
    seed: int,
) -> DataFrame:
    """Rows of ``tasks`` but for ``planned_at``: the questions of :func:`ask`, and controls shuffled in among them.

    ``known`` has ``image_id, synset_id, is_positive`` of answers known beforehand; ``hierarchy`` has
    ``synset_id, up`` (hypernym → steps). ``questions`` is used several times and best held.
    """
    laid = questions.where(F.col("hit_id").isNotNull())
    if question_type == "classify":  # what does not show the synset may show another of the options
        known = known.where("is_positive")
    offers = known.select("image_id", "synset_id", "is_positive", F.lit(0).alias("preference"))
    drawn = far_images(kept, laid, hierarchy, n_per_hit=page.n_negative, min_distance=min_distance, seed=seed)
    drawn = drawn.join(known.select("image_id", "synset_id"), on=["image_id", "synset_id"], how="left_anti")
    offers = offers.unionByName(drawn.withColumns({"is_positive": F.lit(False), "preference": F.lit(1)}))
    use = F.row_number().over(Window.partitionBy("image_id", "synset_id").orderBy("hit_no"))
    gold = controls(laid, offers, page=page, seed=seed).withColumn("use", use)
    kind = "gold" if question_type == "verify" else f"gold:{question_type}"
    gold = gold.withColumn("task_id", task_id(F.lit(kind), F.col("use")))
    gold = gold.join(F.broadcast(wording), on="synset_id")
    gold = gold.withColumn("expected_answer", _expected(question_type)).drop("use", "is_positive")
    tasks = questions.unionByName(gold, allowMissingColumns=True)
    return tasks.select(
        "task_id",
        "image_id",
        "synset_id",
        F.lit(question_type).alias("question_type"),
        "question",
        "words",
        "gloss",
        "options",
        F.col("expected_answer").isNotNull().alias("is_gold"),
        "expected_answer",
        "hit_id",
        F.when(F.col("hit_id").isNotNull(), position(seed)).alias("position"),
        "n_votes_wanted",
    )


def task_id(kind: Column, use: Column) -> Column:
    """The same id whenever the same is asked: 20 hex digits of a sha256 of image, synset, kind and use.

    A control that is used on several HITs is a task of its own on each.
    """
    what = F.concat_ws(":", F.col("image_id"), F.col("synset_id"), kind, use.cast("string"))
    return F.substring(F.sha2(what.cast("binary"), 256), 1, 20)


def far_images(
    kept: DataFrame, laid: DataFrame, hierarchy: DataFrame, *, n_per_hit: int, min_distance: int, seed: int
) -> DataFrame:
    """``image_id, synset_id``: images kept for synsets at least ``min_distance`` hypernym steps away.

    Drawn, not searched: for each HIT's place some (synset, image) by hash, of which those are dropped that
    are near in the tree, or that the synset itself is asked about, or whose own synset is one of the ``options``.
    """
    shuffle = Window.partitionBy("synset_id").orderBy(F.xxhash64("image_id", F.lit(seed)), "image_id")
    numbered = kept.select("synset_id", "image_id", (F.row_number().over(shuffle) - 1).alias("nth"))
    places = (
        kept.groupBy("synset_id")
        .agg(F.count(F.lit(1)).alias("n_images"))
        .withColumn(
            "place", F.row_number().over(Window.orderBy("synset_id")) - 1
        )  # as long as there are synsets
        .withColumn("n_synsets", F.count(F.lit(1)).over(Window.partitionBy()))
        .join(hierarchy, on="synset_id")
    )
    last = (F.col("n_hits") + 1) * n_per_hit * _DRAWS
    draws = (
        laid.groupBy("synset_id")
        .agg(F.max("hit_no").alias("n_hits"), F.any_value("options.answer").alias("answers"))
        .join(F.broadcast(places.select("synset_id", "place", "n_synsets", "up")), on="synset_id")
        .where(F.col("n_synsets") > 1)
        .withColumn("draw", F.explode(F.sequence(F.lit(1), last.cast("int"))))
        .withColumn("step", F.lit(1) + F.pmod(_drawn(seed, "synset"), F.col("n_synsets") - 1))
        .withColumn("donor", F.pmod(F.col("place") + F.col("step"), F.col("n_synsets")))
    )
    donors = places.select(
        F.col("place").alias("donor"),
        F.col("synset_id").alias("donor_id"),
        F.col("up").alias("donor_up"),
        "n_images",
    )
    images = numbered.select(F.col("synset_id").alias("donor_id"), "image_id", "nth")
    return (
        draws.join(F.broadcast(donors), on="donor")
        .where(~F.array_contains("answers", F.col("donor_id")))
        .where(is_far(F.col("up"), F.col("donor_up"), min_distance))
        .select("synset_id", "donor_id", F.pmod(_drawn(seed, "image"), F.col("n_images")).alias("nth"))
        .distinct()
        .join(images, on=["donor_id", "nth"])
        .select("image_id", "synset_id")
        .distinct()
        .join(kept.select("image_id", "synset_id"), on=["image_id", "synset_id"], how="left_anti")
    )


def is_far(up_l: Column, up_r: Column, min_distance: int) -> Column:
    """Whether two synsets are ``min_distance`` steps apart, by their maps of hypernym → steps up.

    Those without a common hypernym are; a synset and what is above or below it never are.
    """
    shared = F.array_intersect(F.map_keys(up_l), F.map_keys(up_r))
    steps = F.transform(shared, lambda node: F.element_at(up_l, node) + F.element_at(up_r, node))
    is_in_line = F.exists(shared, lambda node: (F.element_at(up_l, node) * F.element_at(up_r, node)) == 0)
    return (F.coalesce(F.array_min(steps), F.lit(min_distance)) >= min_distance) & ~is_in_line


def _drawn(seed: int, purpose: str) -> Column:
    return F.xxhash64("synset_id", "draw", F.lit(seed), F.lit(purpose))


def _votes_wanted(n_votes: int, sample_size: int | None, seed: int) -> Column:
    if sample_size is None:
        return F.lit(n_votes)
    turn = Window.partitionBy("synset_id").orderBy(
        F.xxhash64("task_id", F.lit(seed), F.lit("sample")), "task_id"
    )
    return F.when(F.row_number().over(turn) <= sample_size, n_votes).otherwise(0)


def _expected(question_type: str) -> Column:
    is_positive = F.col("is_positive")
    if question_type == "classify":
        return F.when(is_positive, F.col("synset_id")).otherwise(NONE)
    return F.when(is_positive, YES).otherwise(NO)


def first_planned(tasks: DataFrame, earlier: DataFrame, now: Column) -> DataFrame:
    """Add ``planned_at``: when the same question was planned for the first time."""
    before = earlier.select("task_id", F.col("planned_at").alias("before"))
    found = tasks.join(before, on="task_id", how="left")
    return found.withColumn("planned_at", F.coalesce("before", now)).drop("before")
