"""Find the duplicates among ranked images, by the strategy that is asked for: no command of its own."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import output
from synlake.methods import hash_graph
from synlake.methods.deduplication import flag_pixel_duplicates
from synlake.methods.pair_routing import near_hashes, plan_join
from synlake.methods.synset_dedup import ROWS_PER_TASK, flag_in_one_pass
from synlake.spread import held, tasks_for


@dataclass(frozen=True)
class Found:
    """Images flagged with ``duplicate_of, distance_bits, is_held_out``, and what their pairs are made from.

    ``n_images`` rows were compared; ``hash_pairs`` and ``nodes`` are there for strategy phash only.
    """

    images: DataFrame
    n_images: int = 0
    nodes: DataFrame | None = None
    hash_pairs: DataFrame | None = None


def find(
    images: DataFrame,
    stack: ExitStack,
    *,
    strategy: str,
    tau: int,
    earlier: hash_graph.Earlier | None = None,
    rows_per_task: int = ROWS_PER_TASK,
) -> Found:
    """The duplicates among ``images``; what is used more than once stays on disk until ``stack`` closes.

    Scopes of up to ``rows_per_task`` images are decided in one pass, larger ones as a graph. Pairs that
    ``earlier`` has are not looked for again.
    """
    nothing = {"duplicate_of": F.lit(None).cast("string"), "distance_bits": F.lit(None).cast("int")}
    if strategy == "none":
        return Found(images.withColumns(nothing).withColumn("is_held_out", F.lit(False)))
    if strategy == "pixel":
        return Found(flag_pixel_duplicates(images).withColumn("is_held_out", F.lit(False)))
    if earlier is not None:
        return _by_graph(images, tau, stack, earlier)
    sizes = stack.enter_context(held(images.groupBy("scope").agg(F.count(F.lit(1)).alias("n"))))
    n_images, most, n_large = _totals(sizes, rows_per_task)
    if most == n_images > rows_per_task:  # one scope has them all
        return _by_graph(images, tau, stack)
    output.say(f"  {n_images:,} images; the largest scope: {plan_join(most, tau - 1).describe()}")
    n_tasks = tasks_for(images.sparkSession, n_images, rows_per_task)
    if not n_large:
        return _in_one_pass(images, n_images, tau, stack, n_tasks)
    large = F.broadcast(sizes.where(F.col("n") > rows_per_task).select("scope"))
    whole = _in_one_pass(images.join(large, "scope", "left_anti"), n_images, tau, stack, n_tasks)
    split = _by_graph(images.join(large, "scope", "left_semi"), tau, stack)
    assert whole.hash_pairs is not None  # strategy phash has them
    assert split.hash_pairs is not None
    pairs = whole.hash_pairs.unionByName(split.hash_pairs)
    return Found(whole.images.unionByName(split.images), n_images, hash_graph.nodes_of(images), pairs)


def _totals(sizes: DataFrame, rows_per_task: int) -> tuple[int, int, int]:
    """(rows, rows of the largest scope, scopes with more than ``rows_per_task``)."""
    row = sizes.agg(
        F.coalesce(F.sum("n"), F.lit(0)).alias("all"),
        F.coalesce(F.max("n"), F.lit(0)).alias("most"),
        F.count_if(F.col("n") > rows_per_task).alias("large"),
    ).first()
    assert row is not None  # an aggregate without groups has one row
    return row["all"], row["most"], row["large"]


def _in_one_pass(images: DataFrame, n_images: int, tau: int, stack: ExitStack, n_tasks: int) -> Found:
    flagged = stack.enter_context(held(flag_in_one_pass(images, tau=tau, n_tasks=n_tasks)))
    pairs = flagged.select("scope", F.inline("near"))
    return Found(flagged.drop("near"), n_images, hash_graph.nodes_of(images), pairs)


def _by_graph(
    images: DataFrame, tau: int, stack: ExitStack, earlier: hash_graph.Earlier | None = None
) -> Found:
    nodes = stack.enter_context(held(hash_graph.nodes_of(images)))
    by_scope = nodes.groupBy("scope").agg(F.count(F.lit(1)).alias("n"), F.sum("n_rows").alias("n_rows"))
    total = by_scope.agg(
        F.coalesce(F.max("n"), F.lit(0)).alias("most"),
        F.coalesce(F.sum("n"), F.lit(0)).alias("all"),
        F.coalesce(F.sum("n_rows"), F.lit(0)).alias("n_images"),
    ).first()
    assert total is not None  # an aggregate without groups has one row
    plan = plan_join(total["most"], tau - 1)
    output.say(f"  {plan.describe()}")
    if earlier is None:
        near = near_hashes(nodes, plan, n_all=total["all"])
    else:
        output.say("  only what is new since the last run is compared")
        marked = hash_graph.mark_known(nodes, earlier)
        near = near_hashes(marked, plan, n_all=total["all"]).unionByName(earlier.hash_pairs)
    pairs = stack.enter_context(held(near))
    decided = hash_graph.decisions(hash_graph.oriented(pairs, nodes), nodes)
    return Found(hash_graph.flag_by_hash(images, decided), total["n_images"], nodes, pairs)
