"""Loading WordNet's nouns against NLTK's reader, and selecting from all of them, on one core.

    python benchmarks/selection.py [--runs 5]

Both give name, words, definition and hypernyms of the 82,115 noun synsets. Pairs of runs alternate; medians. Then
the seconds of a selection of 1000 and of all that are eligible, by each strategy, without Spark.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence

import nltk
from common import machine
from nltk.corpus.reader.wordnet import WordNetCorpusReader

from synlake import wordnet
from synlake.jobs.select_synsets import Config, considered
from synlake.methods.selection import Rules, choose, ineligible
from synlake.methods.strategies import STRATEGIES, in_order


class _Reader(WordNetCorpusReader):  # type: ignore[misc]
    def map_wn(self, version: str = "wordnet") -> None:
        """Needs files of other versions, which are not there."""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5, help="pairs of runs")
    given = parser.parse_args(arguments)
    print(f"{machine()}; load {os.getloadavg()[0]:.1f}; CPU seconds of this process", flush=True)
    pairs = [(cpu(lambda: list(wordnet.nouns())), cpu(by_nltk)) for _ in range(given.runs)]
    mine, peers = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(peer / own for own, peer in pairs)
    print(f"load all nouns: synlake {mine:.2f} s, NLTK {peers:.2f} s; ratio {ratio:.1f}")
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


def by_nltk() -> list[tuple[object, ...]]:
    folder = str(wordnet.find())
    nltk.data.path.append(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reader = _Reader(folder, omw_reader=None)
    return [
        (s.offset(), s.name(), s.lemma_names(), s.definition(), s.hypernyms(), s.instance_hypernyms())
        for s in reader.all_synsets("n")
    ]


def cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
