"""Say what labelling would cost, and how right majority labels would be, for several numbers of votes an item."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass

from synlake import output, tables
from synlake.config import option
from synlake.methods.vote_planning import offers
from synlake.warehouse import Warehouse

EXAMPLE = "plan-cost --n-items 100000 --price 0.01 --accuracy 0.85 --n-votes 1,3,5"


def _bad_redundancies(values: tuple[int, ...]) -> str | None:
    return None if values and min(values) >= 1 else f"wanted whole numbers from 1 on, got {values}"


@dataclass(frozen=True)
class Config:
    """Settings of plan-cost."""

    n_items: int | None = option(None, "items to label; default: those kept in the pool", minimum=1)
    price: float = option(0.01, "of one vote, in any currency", minimum=0.0)
    fee: float = option(0.2, "share that the platform adds to the price", minimum=0.0)
    gold_share: float = option(0.125, "share of tasks that are gold: 6 of 48", minimum=0.0, maximum=0.9)
    accuracy: float = option(0.85, "chance that one vote is right", minimum=0.0, maximum=1.0)
    n_votes: tuple[int, ...] = option((1, 3, 5, 7), "votes an item, to compare", check=_bad_redundancies)


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Print one row a number of votes."""
    n_items = settings.n_items or tables.read(warehouse, "pool").where("is_kept").count()
    found = offers(
        n_items,
        price=settings.price,
        fee=settings.fee,
        gold_share=settings.gold_share,
        accuracy=settings.accuracy,
        redundancies=settings.n_votes,
    )
    output.emit_records([asdict(one) for one in found], arguments.format)
    return 0
