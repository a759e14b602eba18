"""Compare ways to spend votes: one, a majority of some, and ImageNet's dynamic rule; what each costs, how right it is.

On votes that were given (--votes and --truth): each plan is judged on the votes that it would have asked for, over all
orders in which they could have come; a vote that nobody gave cannot be asked for. Or with --simulate on a synthetic
crowd, for synsets from easy to hard.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import functions as F

from synlake import output
from synlake.config import option
from synlake.demo import crowd
from synlake.errors import InputError, UsageError
from synlake.intake import read_rows
from synlake.methods.plan_comparison import Judged, canonical, compare, count_vectors
from synlake.warehouse import Warehouse

EXAMPLE = (
    "compare-vote-plans --votes answer.csv --truth truth.csv --item-column question --worker-column worker"
    " --truth-column truth"
)
#: Votes an item that the comparison looks at; it weighs every order of them.
_MOST_VOTES = 12


def _bad_redundancies(values: tuple[int, ...]) -> str | None:
    return None if values and min(values) >= 1 else f"wanted whole numbers from 1 on, got {values}"


@dataclass(frozen=True)
class Config:
    """Settings of compare-vote-plans."""

    votes: str | None = option(None, "CSV or JSON lines of answers", is_file=True)
    truth: str | None = option(None, "CSV or JSON lines with what is right", is_file=True)
    item_column: str = option("item_id", "column of both with the item")
    worker_column: str = option("worker_id", "column of the votes with who answered")
    answer_column: str = option("answer", "column of the votes with the answer")
    truth_column: str = option("label", "column of the truth with what is right")
    simulate: bool = option(False, "a synthetic crowd instead")
    n_synsets: int = option(10, "synsets to simulate, from easy to hard", minimum=1)
    n_images: int = option(400, "images to simulate of each", minimum=50)
    n_votes: tuple[int, ...] = option((1, 3, 5), "majorities to compare", check=_bad_redundancies)
    sample_size: int = option(42, "images of a synset in the dynamic rule's sample", minimum=5)
    target_confidence: float = option(
        0.95, "the dynamic rule stops when it is as sure", minimum=0.5, maximum=0.9999
    )
    max_votes: int = option(10, "or has so many votes", minimum=1, maximum=_MOST_VOTES)
    n_samples: int = option(10, "draws of the dynamic rule's sample, averaged", minimum=1)
    price: float = option(0.01, "of one vote, in any currency", minimum=0.0)
    fee: float = option(0.2, "share that the platform adds to the price", minimum=0.0)
    seed: int = option(7, "decides the samples, and what the synthetic crowd says")


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Print one row a plan; of a synthetic crowd also one a synset, for the dynamic rule."""
    if settings.simulate:
        groups, ease = _simulated(settings)
        title = f"SYNTHETIC: {settings.n_synsets} synsets of {settings.n_images} images, a simulated crowd"
    elif settings.votes and settings.truth:
        groups, ease = {"": _given(warehouse, settings, settings.votes, settings.truth)}, {}
        title = f"{settings.votes}, by resampling"
    else:
        raise UsageError("--votes and --truth, or --simulate\n  next: compare-vote-plans --help")
    judged = compare(
        groups,
        n_votes=settings.n_votes,
        sample_size=settings.sample_size,
        target=settings.target_confidence,
        max_votes=settings.max_votes,
        n_samples=settings.n_samples,
        seed=settings.seed,
    )
    output.heading(title, arguments.format)
    output.emit_records(_rows(judged, settings), arguments.format)
    if ease and arguments.format == "table":
        output.heading("The dynamic rule by synset (SYNTHETIC)", arguments.format)
        output.emit_records(_by_synset(judged, ease), arguments.format)
    return 0


def _rows(judged: list[Judged], settings: Config) -> list[dict[str, Any]]:
    plans: dict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        plans[one.plan].append(one)
    rows = []
    for plan, ones in plans.items():
        n = sum(one.n_items for one in ones)
        n_votes = sum(one.n_votes * one.n_items for one in ones)
        rows.append(
            {
                "plan": plan,
                "n_items": n,
                "votes_per_item": round(n_votes / n, 3),
                "cost_per_1000": round(1000 * n_votes / n * settings.price * (1 + settings.fee), 2),
                "accuracy": round(sum(one.accuracy * one.n_items for one in ones) / n, 4),
            }
        )
    return rows


def _by_synset(judged: list[Judged], ease: Mapping[str, float]) -> list[dict[str, Any]]:
    return [
        {
            "synset": one.group,
            "ease": round(ease[one.group], 2),
            "votes_per_item": round(one.n_votes, 3),
            "accuracy": round(one.accuracy, 4),
        }
        for one in judged
        if one.plan == "dynamic"
    ]


def _given(warehouse: Warehouse, settings: Config, votes: str, truth: str) -> Counter[Any]:
    """Items of the files by their votes and what is right; the driver gets one row a combination."""
    item, answer = settings.item_column, settings.answer_column
    columns = {"item_id": item, "worker_id": settings.worker_column, "answer": answer}
    given = read_rows(warehouse.spark, votes, columns, {}).where(
        "raw IS NULL AND item_id <> '' AND answer <> ''"
    )
    right = read_rows(warehouse.spark, truth, {"item_id": item, "label": settings.truth_column}, {})
    right = right.where("raw IS NULL AND label <> ''").select("item_id", "label").dropDuplicates(["item_id"])
    found: Counter[Any] = Counter()
    labels = sorted(
        row[0] for row in given.select("answer").union(right.select("label")).distinct().collect()
    )
    vectors = count_vectors(given, right, most_votes=_MOST_VOTES, seed=settings.seed)
    for row in vectors.groupBy("by_label", "label").agg(F.count(F.lit(1)).alias("n")).toLocalIterator():
        found[canonical(row["by_label"], row["label"], labels)] += row["n"]
    if not found:
        raise InputError(f"{votes}: none of its items is in {truth}\n  next: see --item-column")
    return found


def _simulated(settings: Config) -> tuple[dict[str, Counter[Any]], dict[str, float]]:
    """Synthetic synsets: of the easiest, workers see all there is to see, of the hardest a third."""
    workers = crowd.crowd(40, seed=settings.seed)
    ease: dict[str, float] = {}
    truth: dict[str, str] = {}
    for k in range(settings.n_synsets):
        name = f"synset-{k + 1:02d}"
        ease[name] = 1 - k / max(1, settings.n_synsets - 1) * 2 / 3
        # Three images of four show what was searched for; the order says nothing.
        truth |= {f"{name}/{n}": crowd.NO if n % 4 == 0 else crowd.YES for n in range(settings.n_images)}
    by_item = {item: ease[item.partition("/")[0]] for item in truth}
    votes = crowd.simulate_votes(
        truth, workers=workers, n_votes=settings.max_votes, seed=settings.seed, ease=by_item
    )
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for vote in votes:
        counts[vote.item_id][vote.answer] += 1
    groups: dict[str, Counter[Any]] = defaultdict(Counter)
    for item, found in counts.items():
        groups[item.partition("/")[0]][canonical(found, truth[item], [crowd.YES, crowd.NO])] += 1
    return dict(groups), ease
