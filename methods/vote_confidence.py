"""How many votes an image needs: the dynamic rule of ImageNet (Deng et al., CVPR 2009, section 3.2).

A sample of each synset gets many votes. What a few of those votes would have said, against what all of them
say, gives a table of confidence; the other images get votes until the table is sure enough. So an easy synset
costs few votes and a hard one many. Pure numpy, a synset at a time; nothing here depends on chance, since all
orders in which the votes could have come are weighed exactly.

A *state* is a pair of counts: (yes, no) where there are two labels; where there are more, (votes for the
leading label, all other votes). The table is the chance that yes, or the leading label, is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import comb, prod

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
#: Votes by label: (yes, no), or one count a label.
Counts = tuple[int, ...]
#: How many images' worth the model counts against what the sample's images say in a cell of the table.
_STRENGTH = 5.0
#: Votes that a synset's own rates are mixed with, at the rates of all synsets.
_POOLED_VOTES = 10.0


@dataclass(frozen=True)
class Rates:
    """Of a sample: the share of yes among all votes, on images that show the synset and on those that do not, and
    the share of images that do.
    """

    yes_if_true: float = 0.85
    yes_if_false: float = 0.15
    share_true: float = 0.5


@dataclass(frozen=True)
class Rule:
    """When to stop: ``sure[a, b]`` is the confidence in state (a, b), for a + b up to ``max_votes``."""

    sure: Floats
    target: float
    max_votes: int
    is_binary: bool

    def is_settled(self, state: tuple[int, int]) -> bool:
        """Whether the table is sure enough, one way or (of two labels) the other."""
        sure = self.sure[state]
        return bool(sure >= self.target or (self.is_binary and sure <= 1 - self.target))

    def n_more(self, state: tuple[int, int]) -> int:
        """Votes to ask for at once: as many as it takes at the least until the table can be sure; 0: none.

        Asking for so many in parallel spends no vote that asking one at a time would have saved.
        """
        left, is_asked = self.max_votes - sum(state), sum(state) > 0
        # However likely a synset's images are to show it: of an image that nobody saw, nothing is known.
        if left <= 0 or (is_asked and self.is_settled(state)):
            return 0
        a, b = state
        for more in range(1, left):
            if self.is_settled((a + more, b)) or (self.is_binary and self.is_settled((a, b + more))):
                return more
        return left


def state_of(counts: Counts, *, is_binary: bool) -> tuple[int, int]:
    """The state that some votes are in.

    >>> state_of((2, 5), is_binary=True), state_of((2, 5, 1), is_binary=False)
    ((2, 5), (5, 3))
    """
    if is_binary:
        return counts[0], counts[1]
    return max(counts), sum(counts) - max(counts)


def truth_of(counts: Counts) -> Floats:
    """The label that all votes say, as a share of each; those with equally many votes share it.

    >>> truth_of((4, 1, 4)).tolist()
    [0.5, 0.0, 0.5]
    """
    top = np.array(counts) == max(counts)
    return np.asarray(top / top.sum())


def subsets(counts: Counts) -> Iterator[tuple[Counts, float]]:
    """Each part of the votes, with the chance that the first so many votes are that part, in any order.

    >>> [(part, round(chance, 3)) for part, chance in subsets((2, 1)) if sum(part) == 2]
    [((1, 1), 0.667), ((2, 0), 0.333)]
    """
    total = sum(counts)
    for part in product(*(range(n + 1) for n in counts)):
        ways = prod(comb(n, k) for n, k in zip(counts, part, strict=True))
        yield part, ways / comb(total, sum(part))


def leader(part: Counts, truth: Floats) -> float:
    """The chance that the label with most votes is right; a tie is decided by a fair coin."""
    return float(truth[np.array(part) == max(part)].mean())


def rates(samples: Mapping[Counts, float], pooled: Rates | None = None) -> Rates:
    """Rates of the (yes, no) votes in a sample (images by counts), mixed with ``pooled`` ones of all synsets."""
    base = pooled or Rates()
    weight = _POOLED_VOTES
    true_yes = true_all = false_yes = false_all = n_true = n = 0.0
    for counts, n_images in samples.items():
        share = truth_of(counts)[0]
        true_yes, true_all = (
            true_yes + n_images * share * counts[0],
            true_all + n_images * share * sum(counts),
        )
        false_yes += n_images * (1 - share) * counts[0]
        false_all += n_images * (1 - share) * sum(counts)
        n_true, n = n_true + n_images * share, n + n_images
    return Rates(
        (true_yes + weight * base.yes_if_true) / (true_all + weight),
        (false_yes + weight * base.yes_if_false) / (false_all + weight),
        (n_true + base.share_true) / (n + 1),
    )


def rule_of(
    samples: Mapping[Counts, float], *, target: float, max_votes: int, pooled: Rates | None = None
) -> Rule:
    """The rule that a sample gives: images by the counts of their votes, each with more than one vote.

    A cell is the share of images that are right among those that were ever in that state, mixed with what a
    model of the sample's rates says, which has to do where the sample says nothing.
    """
    is_binary = all(len(counts) == 2 for counts in samples)
    shape = (max_votes + 1, max_votes + 1)
    right, seen = np.zeros(shape), np.zeros(shape)
    for counts, n_images in samples.items():
        truth = truth_of(counts)
        for part, chance in subsets(counts):
            if sum(part) <= max_votes:
                state = state_of(part, is_binary=is_binary)
                seen[state] += n_images * chance
                right[state] += n_images * chance * (truth[0] if is_binary else leader(part, truth))
    model = _binary_model(rates(samples, pooled), shape) if is_binary else _leader_model(samples, shape)
    return Rule((right + _STRENGTH * model) / (seen + _STRENGTH), target, max_votes, is_binary)


def _binary_model(found: Rates, shape: tuple[int, int]) -> Floats:
    """P(true | yes, no), votes being independent: Bayes with the sample's rates."""
    yes, no = np.indices(shape)
    if_true = found.share_true * found.yes_if_true**yes * (1 - found.yes_if_true) ** no
    if_false = (1 - found.share_true) * found.yes_if_false**yes * (1 - found.yes_if_false) ** no
    return np.asarray(if_true / (if_true + if_false))


def _leader_model(samples: Mapping[Counts, float], shape: tuple[int, int]) -> Floats:
    """P(the leading label is right), were all other votes for one rival: cautious, and exact for two labels."""
    n_labels = max(2, max((len(counts) for counts in samples), default=2))
    top = sum(n * max(counts) for counts, n in samples.items())
    total = sum(n * sum(counts) for counts, n in samples.items())
    accuracy = (top + 1) / (total + 2)
    error = (1 - accuracy) / (n_labels - 1)
    lead, rest = np.indices(shape)
    likely = accuracy**lead * error**rest
    rival = accuracy**rest * error**lead
    return np.asarray(likely / (likely + rival + (n_labels - 2) * error ** (lead + rest)))


@dataclass(frozen=True)
class Result:
    """What a plan is expected to do for one image: votes spent, and the chance that its label is right."""

    n_votes: float
    accuracy: float


def with_majority(counts: Counts, right: int, n_votes: int) -> Result:
    """The first ``n_votes`` of the votes given, in any order (all, where there are fewer); the majority decides.

    ``right`` is the place of the right label, whose count may be 0.
    """
    truth, k = np.arange(len(counts)) == right, min(n_votes, sum(counts))
    return Result(k, sum(chance * leader(part, truth) for part, chance in subsets(counts) if sum(part) == k))


def with_rule(counts: Counts, right: int, rule: Rule) -> Result:
    """Votes one at a time, in any order, until the rule stops or there are no more."""
    truth, total = np.arange(len(counts)) == right, sum(counts)
    reached = {(0,) * len(counts): 1.0}
    n_votes = accuracy = 0.0
    for size in range(total + 1):
        following: dict[Counts, float] = {}
        for part, chance in reached.items():
            state = state_of(part, is_binary=rule.is_binary)
            if size == total or size >= rule.max_votes or (size and rule.is_settled(state)):
                n_votes += chance * size
                accuracy += chance * _decision(part, state, truth, rule)
                continue
            for place, n in enumerate(counts):
                if n > part[place]:
                    grown = (*part[:place], part[place] + 1, *part[place + 1 :])
                    share = chance * (n - part[place]) / (total - size)
                    following[grown] = following.get(grown, 0.0) + share
        reached = following
    return Result(n_votes, accuracy)


def _decision(part: Counts, state: tuple[int, int], truth: Floats, rule: Rule) -> float:
    if not rule.is_binary:
        return leader(part, truth)
    return float(truth[0] if rule.sure[state] >= 0.5 else truth[1])


def table_rows(rule: Rule, samples: Mapping[Counts, float]) -> Sequence[tuple[int, int, float, float, int]]:
    """The rule as rows: ``n_for, n_against, confidence, n_images, n_more``; of the sample's images, how many were
    ever in that state (the chances of it added up).
    """
    seen = np.zeros_like(rule.sure)
    for counts, n_images in samples.items():
        for part, chance in subsets(counts):
            if sum(part) <= rule.max_votes:
                seen[state_of(part, is_binary=rule.is_binary)] += n_images * chance
    states = [(a, n - a) for n in range(rule.max_votes + 1) for a in range(n, -1, -1)]
    if not rule.is_binary:
        states = [(a, b) for a, b in states if a > 0 or b == 0]
    return [(*s, float(rule.sure[s]), float(seen[s]), rule.n_more(s)) for s in states]
