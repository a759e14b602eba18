"""How right the labels are, as far as experts have checked a sample of them."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from synlake.methods.accuracy import wilson_bounds
from synlake.methods.majority import majority_vote

_MILLION = 1_000_000


def confidence_band() -> Column:
    """Tenths of ``confidence``: 0.9 stands for 0.9 up to and with 1."""
    return F.least(F.floor(F.col("confidence") * 10 + 1e-9), F.lit(9)) / 10


def drawn_for_audit(labels: DataFrame, *, ratio: float, seed: int) -> DataFrame:
    """The settled labels that a seeded sample takes: a share ``ratio`` of each synset and confidence band.

    A stratum of n gives ⌊n·ratio + u⌋ items, with u in [0, 1) from a hash of the stratum: small strata are
    neither always nor never audited, and the whole sample is a share ``ratio`` of all. Gold tasks and
    escalated items are checked anyway.
    """
    settled = labels.where(~F.col("is_gold") & ~F.col("is_escalated")).withColumn("band", confidence_band())
    stratum = Window.partitionBy("synset_id", "band")
    order = stratum.orderBy(F.xxhash64("item_id", F.lit(seed)), "item_id")
    u = F.pmod(F.xxhash64("synset_id", "band", F.lit(seed)), F.lit(_MILLION)) / _MILLION
    quota = F.floor(F.count(F.lit(1)).over(stratum) * ratio + u)
    return settled.withColumns({"turn": F.row_number().over(order), "quota": quota}).where("turn <= quota")


def audited(labels: DataFrame, reviews: DataFrame) -> DataFrame:
    """``item_id, synset_id, confidence, label, is_right`` of items drawn for audit that experts decided on.

    The experts' majority counts; items on which they are split say nothing.
    """
    counted = reviews.where("reject_reason IS NULL")
    drawn = counted.where("kind = 'audit'").select("item_id").distinct()
    given = counted.where("kind = 'decision'").select("item_id", F.col("label").alias("answer"))
    decided = majority_vote(given, min_confidence=0.0).where(~F.col("is_escalated"))
    right = decided.select("item_id", F.col("label").alias("expert_label"))
    return (
        labels.join(drawn, on="item_id", how="left_semi")
        .join(right, on="item_id")
        .select(
            "item_id",
            "synset_id",
            "confidence",
            "label",
            (F.col("label") == F.col("expert_label")).alias("is_right"),
        )
    )


def audit_table(checked: DataFrame, synsets: DataFrame) -> DataFrame:
    """``level, part, n_audited, n_right, accuracy, accuracy_low, accuracy_high``, from :func:`audited`.

    Levels: all; confidence (bands); coarse (the parents of a synset: siblings together); fine (a synset).
    """
    parents = synsets.select("synset_id", F.explode("parent_ids").alias("parent_id")).distinct()
    coarse = checked.join(parents, on="synset_id")
    levels = [
        _level(checked, 1, "all", F.lit("all")),
        _level(checked, 2, "confidence", F.format_string("%.1f", confidence_band().cast("double"))),
        _level(coarse, 3, "coarse", F.col("parent_id")),
        _level(checked.where(F.col("synset_id").isNotNull()), 4, "fine", F.col("synset_id")),
    ]
    rows = levels[0]
    for level in levels[1:]:
        rows = rows.unionByName(level)
    low, high = wilson_bounds(F.col("n_right"), F.col("n_audited"))
    return rows.orderBy("place", "part").select(
        "level",
        "part",
        "n_audited",
        "n_right",
        F.try_divide("n_right", "n_audited").alias("accuracy"),
        low.alias("accuracy_low"),
        high.alias("accuracy_high"),
    )


def _level(checked: DataFrame, place: int, name: str, part: Column) -> DataFrame:
    counts = checked.groupBy(part.alias("part")).agg(
        F.count(F.lit(1)).alias("n_audited"), F.count_if(F.col("is_right")).alias("n_right")
    )
    return counts.withColumns({"place": F.lit(place), "level": F.lit(name)})
