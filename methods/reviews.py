"""What experts decided, and what is drawn for them to check."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from synlake.methods.audit import drawn_for_audit


def flag_decisions(given: DataFrame, labels: DataFrame, known: DataFrame) -> DataFrame:
    """Rows of ``reviews`` of kind ``decision`` from a file's lines; a reviewer decides once on an item.

    ``given`` is what ``intake.read_rows`` returns with ``item_id, reviewer_id, label, reviewed_at``;
    ``known`` are the decisions that count already.
    """
    columns = ("item_id", "reviewer_id", "label")
    rows = given.withColumns({c: F.when(F.col(c) != "", F.col(c)) for c in columns})
    is_whole = F.col("raw").isNull()
    for name in columns:
        is_whole = is_whole & F.col(name).isNotNull()
    what = F.to_json(F.struct(F.lit("decision").alias("kind"), *columns, "raw"))
    rows = rows.withColumns({"is_whole": is_whole, "what": what})
    mine = Window.partitionBy("item_id", "reviewer_id").orderBy(F.desc("is_whole"), "line_order")
    same = Window.partitionBy("what").orderBy("line_order")
    rows = rows.withColumns({"turn": F.row_number().over(mine), "nth": F.row_number().over(same)})
    labelled = labels.select("item_id", F.lit(True).alias("is_labelled"))
    earlier = known.select("item_id", "reviewer_id", F.lit(True).alias("is_decided"))
    rows = rows.join(labelled, on="item_id", how="left").join(
        earlier, on=["item_id", "reviewer_id"], how="left"
    )
    reason = F.coalesce(
        F.when(~F.col("is_whole"), F.lit("malformed")),
        F.when(F.col("is_labelled").isNull(), F.lit("unknown_item")),
        F.when((F.col("turn") > 1) | F.col("is_decided").isNotNull(), F.lit("duplicate_review")),
    )
    return rows.select(
        F.sha2(F.concat_ws("#", "what", F.col("nth").cast("string")).cast("binary"), 256).alias("review_id"),
        "item_id",
        "reviewer_id",
        F.lit("decision").alias("kind"),
        "label",
        F.try_to_timestamp("reviewed_at").alias("reviewed_at"),
        reason.alias("reject_reason"),
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


def review_sheet(labels: DataFrame, reviews: DataFrame) -> DataFrame:
    """What experts are still to look at: escalated and drawn items that nobody has decided on."""
    counted = reviews.where(F.col("reject_reason").isNull())
    decided = counted.where("kind = 'decision'").select("item_id").distinct()
    drawn = counted.where("kind = 'audit'").select("item_id").distinct().withColumn("is_audit", F.lit(True))
    return (
        labels.where(~F.col("is_gold"))
        .join(drawn, on="item_id", how="left")
        .where(F.col("is_escalated") | F.col("is_audit"))
        .join(decided, on="item_id", how="left_anti")
        .select(
            "item_id",
            "synset_id",
            "image_id",
            F.coalesce("escalation_reason", F.lit("audit")).alias("why"),
            F.lit(None).cast("string").alias("reviewer_id"),
            F.lit(None).cast("string").alias("label"),
        )
    )
