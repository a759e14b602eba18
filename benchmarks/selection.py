"""Loading the nouns of WordNet, and selecting from all 82,115 of them, on one core and without Spark.

    python benchmarks/selection.py [--runs 5]

CPU seconds, medians: of the load by NLTK, and of what was kept of it; of what the rules know of each synset; and of a
selection of 1000 and of all that are eligible, by each strategy. There is no peer that does this.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence

from common import machine

from synlake import wordnet
from synlake.jobs.select_synsets import Config, considered
from synlake.methods.selection import Rules, choose, ineligible
from synlake.methods.strategies import STRATEGIES, in_order


def load(*, is_kept: bool) -> float:
    """CPU seconds to load the nouns, of what was kept of them or by NLTK again."""
    if not is_kept:
        wordnet.KEPT.unlink(missing_ok=True)
    return cpu(lambda: list(wordnet.nouns()))


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5, help="runs of each")
    given = parser.parse_args(arguments)
    print(f"{machine()}; load {os.getloadavg()[0]:.1f}; CPU seconds of this process", flush=True)
    loads = [load(is_kept=is_kept) for _ in range(given.runs) for is_kept in (False, True)]
    print(
        f"load all nouns: {statistics.median(loads[::2]):.2f} s, {statistics.median(loads[1::2]):.2f} s",
        flush=True,
    )
    settings = Config()
    nouns = list(wordnet.nouns())
    print(f"what the rules know of each: {cpu(lambda: considered(nouns, settings)):.2f} s")
    synsets = considered(nouns, settings)
    rules = Rules(settings.min_depth, settings.max_depth)
    for strategy in STRATEGIES:
        for n in (1000, 0):

            def select(strategy: str = strategy, n: int = n) -> None:
                eligible = [key for key, synset in synsets.items() if ineligible(synset, rules) is None]
                order = in_order(strategy, synsets, eligible, roots=settings.roots, seed=7)
                choose(synsets, order, rules, n_synsets=n)

            times = statistics.median(cpu(select) for _ in range(given.runs))
            print(f"select {n or 'all'}, {strategy}: {times:.2f} s")
    return 0


def cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
