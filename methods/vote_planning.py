"""What votes cost and what they buy, before any money is spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom


def p_majority(n_votes: int, accuracy: float) -> float:
    """P_maj(k, p): the chance that a majority of k independent votes on a yes/no question is right.

    Each is right with probability ``accuracy``; ties are decided by a fair coin (Condorcet 1785).

    >>> round(p_majority(3, 0.8), 3)
    0.896
    """
    k = np.arange(n_votes + 1)
    chance = binom.pmf(k, n_votes, accuracy)
    return float(chance[2 * k > n_votes].sum() + chance[2 * k == n_votes].sum() / 2)


@dataclass(frozen=True)
class Offer:
    """One redundancy: what it costs, in the currency of the price, and the accuracy to expect."""

    n_votes: int
    n_votes_in_all: int
    cost: float
    expected_accuracy: float


def offers(
    n_items: int,
    *,
    price: float,
    fee: float,
    gold_share: float,
    accuracy: float,
    redundancies: tuple[int, ...],
) -> list[Offer]:
    """C_cost of each redundancy: items × votes ÷ (1 − gold_share) × price × (1 + fee).

    ``gold_share`` of all tasks are gold: they are paid for, and give no new label.
    """
    found = []
    for n_votes in redundancies:
        in_all = int(np.ceil(n_items * n_votes / (1 - gold_share)))
        found.append(Offer(n_votes, in_all, in_all * price * (1 + fee), p_majority(n_votes, accuracy)))
    return found


def plan_cost(
    sizes: Sequence[int], *, n_votes: int, n_questions: int, n_controls: int, price: float
) -> float:
    """C_cost of a plan: ``sizes`` has the images of each synset, ``price`` that of a vote, fee and all.

    Images are asked about on HITs of one synset, ``n_questions`` each with ``n_controls`` more that are paid for
    as well.

    >>> plan_cost([42, 43], n_votes=3, n_questions=42, n_controls=6, price=0.01)
    3.09
    """
    n_hits = sum(-(-size // n_questions) for size in sizes)
    return round((sum(sizes) + n_hits * n_controls) * n_votes * price, 10)
