"""How right the labels are, as far as experts have checked a sample of them."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from synlake.methods.accuracy import wilson_bounds
from synlake.methods.experts import expert_answers

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
    """``item_id, synset_id, confidence, label, truth, is_right`` of items drawn for audit that experts decided on.

    Items that were drawn and are escalated by now are the experts' anyway, and no longer in the sample.
    """
    drawn = reviews.where("kind = 'audit' AND reject_reason IS NULL").select("item_id").distinct()
    return (
        labels.where(~F.col("is_gold") & ~F.col("is_escalated"))
        .join(drawn, on="item_id", how="left_semi")
        .join(expert_answers(reviews), on="item_id")
        .select(
            "item_id",
            "synset_id",
            "confidence",
            "label",
            "truth",
            (F.col("label") == F.col("truth")).alias("is_right"),
        )
    )


def grains(synsets: DataFrame) -> DataFrame:
    """``synset_id, grain`` of selected synsets: fine where a sibling (another child of a parent) is selected too,
    from which its images have to be told; coarse where none is.
    """
    selected = synsets.where("is_selected").select("synset_id", "parent_ids").dropDuplicates(["synset_id"])
    children = selected.select("synset_id", F.explode("parent_ids").alias("parent_id"))
    families = children.groupBy("parent_id").agg(F.count(F.lit(1)).alias("n")).where("n > 1")
    fine = children.join(families, on="parent_id", how="left_semi").select("synset_id").distinct()
    known = selected.join(fine.withColumn("grain", F.lit("fine")), on="synset_id", how="left")
    return known.select("synset_id", F.coalesce("grain", F.lit("coarse")).alias("grain"))


def audit_table(checked: DataFrame, synsets: DataFrame) -> DataFrame:
    """``level, part, n_audited, n_right, accuracy, accuracy_low, accuracy_high``, from :func:`audited`.

    Levels: all; confidence (bands); grain (see :func:`grains`); parent (siblings together); synset.
    """
    parents = synsets.select("synset_id", F.explode("parent_ids").alias("parent_id")).distinct()
    of_synset = checked.where(F.col("synset_id").isNotNull())
    levels = [
        _level(checked, 1, "all", F.lit("all")),
        _level(checked, 2, "confidence", F.format_string("%.1f", confidence_band().cast("double"))),
        _level(checked.join(grains(synsets), on="synset_id"), 3, "grain", F.col("grain")),
        _level(checked.join(parents, on="synset_id"), 4, "parent", F.col("parent_id")),
        _level(of_synset, 5, "synset", F.col("synset_id")),
    ]
    rows = reduce(DataFrame.unionByName, levels).withColumnRenamed("n", "n_audited")
    return with_accuracy(rows.orderBy("place", "part"), "level", "part", n="n_audited")


def with_accuracy(counts: DataFrame, *keys: str, n: str) -> DataFrame:
    """``keys``, ``n`` and ``n_right`` of rows, with ``accuracy`` and its Wilson interval."""
    low, high = wilson_bounds(F.col("n_right"), F.col(n))
    return counts.select(
        *keys,
        n,
        "n_right",
        F.try_divide("n_right", n).alias("accuracy"),
        low.alias("accuracy_low"),
        high.alias("accuracy_high"),
    )


def _level(checked: DataFrame, place: int, name: str, part: Column) -> DataFrame:
    counts = checked.groupBy(part.alias("part")).agg(
        F.count(F.lit(1)).alias("n"), F.count_if(F.col("is_right")).alias("n_right")
    )
    return counts.withColumns({"place": F.lit(place), "level": F.lit(name)})
