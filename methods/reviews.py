"""What experts decided, and what is drawn for them to check."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from synlake.methods.audit import drawn_for_audit
from synlake.methods.experts import undecided
from synlake.methods.votes import understood


def flag_decisions(
    given: DataFrame, labels: DataFrame, tasks: DataFrame, known: DataFrame, *, as_of: Column
) -> DataFrame:
    """Rows of ``reviews`` of kind ``decision`` from a file's lines; a reviewer decides once on an item.

    ``given`` is what ``intake.read_rows`` returns with ``item_id, reviewer_id, label, reviewed_at``;
    ``known`` are the decisions that count already, and go on to; the same line has the same ``review_id``. A line that
    does not say when is of ``as_of``. Where an item is one of ``tasks``, the label is one of its answers, or an
    answer's text, whatever its case.
    """
    columns = ("item_id", "reviewer_id", "label")
    rows = given.withColumns({c: F.when(F.col(c) != "", F.col(c)) for c in columns})
    rows = understood(rows.withColumn("answer", F.col("label")), tasks, answers=(), answer_map={})
    is_malformed = F.col("raw").isNotNull() | F.col("item_id").isNull()
    is_decided = F.col("reviewer_id").isNotNull() & F.col("label").isNotNull()
    what = F.to_json(F.struct(F.lit("decision").alias("kind"), *columns, "raw"))
    rows = rows.withColumns(
        {"is_whole": ~is_malformed & is_decided & F.col("meant").isNotNull(), "what": what}
    )
    same = Window.partitionBy("what").orderBy("line_order")
    name = F.concat_ws("#", "what", F.row_number().over(same).cast("string"))
    rows = rows.withColumn("review_id", F.sha2(name.cast("binary"), 256))
    labelled = labels.select("item_id", F.lit(True).alias("is_labelled"))
    earlier = known.select("item_id", "reviewer_id", F.col("review_id").alias("known_id"))
    rows = rows.join(labelled, on="item_id", how="left").join(
        earlier, on=["item_id", "reviewer_id"], how="left"
    )
    rows = rows.withColumn("has_counted", F.coalesce(F.col("known_id") == F.col("review_id"), F.lit(False)))
    mine = Window.partitionBy("item_id", "reviewer_id").orderBy(
        F.desc("has_counted"), F.desc("is_whole"), "line_order"
    )
    rows = rows.withColumn("turn", F.row_number().over(mine))
    fault = F.coalesce(
        F.when(is_malformed, F.lit("malformed")),
        F.when(~is_decided, F.lit("not_decided")),
        F.when(F.col("is_labelled").isNull(), F.lit("unknown_item")),
        F.when(F.col("meant").isNull(), F.lit("unknown_answer")),
        F.when((F.col("turn") > 1) | F.col("known_id").isNotNull(), F.lit("duplicate_review")),
    )
    return rows.select(
        "review_id",
        "item_id",
        "reviewer_id",
        F.lit("decision").alias("kind"),
        F.coalesce("meant", "label").alias("label"),
        F.coalesce(F.try_to_timestamp("reviewed_at"), as_of).alias("reviewed_at"),
        F.when(~F.col("has_counted"), fault).alias("reject_reason"),
    )


def draw_audit(labels: DataFrame, *, ratio: float, seed: int) -> DataFrame:
    """Rows of ``reviews`` of kind ``audit``: the items that :func:`audit.drawn_for_audit` takes.

    The same seed draws the same items again.
    """
    drawn = drawn_for_audit(labels, ratio=ratio, seed=seed)
    name = F.concat_ws("#", F.lit("audit"), "item_id", F.lit(str(seed)))
    return drawn.select(
        F.sha2(name.cast("binary"), 256).alias("review_id"),
        "item_id",
        F.lit("audit").alias("reviewer_id"),
        F.lit("audit").alias("kind"),
        F.lit(None).cast("string").alias("label"),
        F.lit(None).cast("timestamp").alias("reviewed_at"),
        F.lit(None).cast("string").alias("reject_reason"),
    )


def second_round(labels: DataFrame, reviews: DataFrame, *, max_votes: int) -> DataFrame:
    """Escalated items to ask the crowd about again before an expert: those with fewer than ``max_votes`` votes.

    ``n_more`` is how many more answers make ``max_votes``.
    """
    return (
        undecided(labels, reviews)
        .where(F.col("is_escalated") & ~F.col("is_disputed") & (F.col("n_votes") < max_votes))
        .select(
            "item_id",
            "synset_id",
            "image_id",
            "n_votes",
            (F.lit(max_votes) - F.col("n_votes")).alias("n_more"),
        )
    )


def review_sheet(labels: DataFrame, reviews: DataFrame, tasks: DataFrame, *, max_votes: int) -> DataFrame:
    """What experts are still to look at: escalated and drawn items that nobody has decided on, or as many one way as
    another.

    Escalated items that :func:`second_round` takes come later. Of what the crowd said the sheet says nothing:
    a decision should not lean on it.
    """
    counted = reviews.where(F.col("reject_reason").isNull())
    drawn = counted.where("kind = 'audit'").select("item_id").distinct().withColumn("is_audit", F.lit(True))
    answers = F.transform("options", lambda one: F.concat_ws(": ", one["answer"], one["text"]))
    asked = tasks.select(
        F.col("task_id").alias("item_id"), "question", "gloss", F.concat_ws("; ", answers).alias("options")
    )
    is_due = F.col("is_disputed") | (F.col("is_escalated") & (F.col("n_votes") >= max_votes))
    blank = [F.lit(None).cast("string").alias(name) for name in ("reviewer_id", "label", "reviewed_at")]
    return (
        undecided(labels, reviews)
        .join(drawn, on="item_id", how="left")
        .where(is_due | (F.col("is_audit") & ~F.col("is_escalated")))
        .join(asked, on="item_id", how="left")
        .select(
            "item_id",
            "synset_id",
            "image_id",
            "question",
            "gloss",
            "options",
            F.coalesce(
                F.when(F.col("is_disputed"), "experts_disagree"), "escalation_reason", F.lit("audit")
            ).alias("why"),
            *blank,
        )
    )
