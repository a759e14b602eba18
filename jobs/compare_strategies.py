"""Compare the strategies of select-synsets over several seeds, before any image is retrieved.

Prints a line a strategy (means over seeds) and stores a row a seed in table strategy_scores. Random and
popularity are baselines: they know only which synsets can be told from pictures. Hierarchical also knows the
rules of depth and n_min, as select-synsets does; --same-rules gives these to all three. See docs/selection.md.
"""

from __future__ import annotations

import argparse
import datetime as dt
import uuid
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, pstdev

from synlake import config, output, tables, taxonomy
from synlake.config import option
from synlake.errors import InputError
from synlake.jobs import select_synsets
from synlake.jobs.select_synsets import PHYSICAL, considered
from synlake.local_rows import local_rows
from synlake.methods.hierarchy import children_of, nearest_root
from synlake.methods.objective import Scores, Weights, score, stability
from synlake.methods.plots import bar_chart
from synlake.methods.selection import Rules, Synset, choose, ineligible
from synlake.methods.strategies import STRATEGIES, in_order
from synlake.schemas import TABLES
from synlake.warehouse import Warehouse

EXAMPLE = "compare-strategies --n-synsets 1000 --seeds 5 --format csv"
#: Measures in the order of the table on stdout; each is a mean over seeds.
MEASURES = (
    "c_cov",
    "c_hier",
    "n_branches",
    "n_sibling_pairs",
    "mean_leaf_depth",
    "stability",
    "q_label",
    "c_cost",
    "utility",
)
COLUMNS = ("strategy", "seeds", "n_selected", *MEASURES, "utility_sd")


@dataclass(frozen=True)
class Config:
    """Settings of compare-strategies."""

    n_synsets: int = option(1000, "how many synsets each strategy selects", minimum=1)
    seeds: int = option(5, "how many seeds: seed, seed+1, …", minimum=1, maximum=1000)
    seed: int = option(7, "the first seed")
    roots: tuple[str, ...] = option(PHYSICAL, "synsets to select below")
    min_depth: int = option(5, "d_low: least hypernym steps from the top", minimum=0)
    max_depth: int = option(18, "d_high: most hypernym steps from the top", minimum=0)
    n_min: int = option(500, "images that a synset is to have", minimum=0)
    images_per_query: int = option(500, "images one search is expected to bring", minimum=1)
    counts_file: str | None = option(None, "CSV of synset_id,n_images known so far", is_file=True)
    branch_depth: int = option(6, "steps from the top at which branches are counted", minimum=1)
    same_rules: bool = option(False, "the baselines obey the rules of depth, n_min and collision too")
    alpha: float = option(1.0, "weight of C_cov", minimum=0)
    beta: float = option(1.0, "weight of C_hier", minimum=0)
    gamma: float = option(1.0, "weight of Q_label", minimum=0)
    cost_weight: float = option(1.0, "lambda, the weight of C_cost", minimum=0)
    plot: str | None = option(None, "where to write a bar chart, SVG", placeholder="FILE")
    taxonomy_file: str | None = option(None, "CSV or JSON of synset_id,parent_ids,lemmas,gloss", is_file=True)
    taxonomy_mode: str = option("extend", "add it to WordNet, or put it in its place", choices=taxonomy.MODES)


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Read the taxonomy, choose with each strategy and seed, score, write ``strategy_scores``, print."""
    nouns = taxonomy.load(settings.taxonomy_file, settings.taxonomy_mode)
    shared = {"roots", "counts_file", "images_per_query"}
    synsets = considered(nouns, select_synsets.Config(**{name: getattr(settings, name) for name in shared}))
    results = compare(synsets, settings)
    _store(warehouse, settings, results)
    rows = [_summary(strategy, *result) for strategy, result in results.items()]
    output.emit(COLUMNS, rows, arguments.format)
    if settings.plot:
        _plot(settings.plot, rows)
    return 0


Result = tuple[dict[int, Scores], float]


def compare(synsets: Mapping[str, Synset], settings: Config) -> dict[str, Result]:
    """For each strategy: its scores by seed, and the stability of its choices."""
    obeyed = Rules(settings.min_depth, settings.max_depth, settings.n_min, shared_lemmas=False)
    inner, branch_of = _landmarks(synsets, settings)
    results = {}
    for strategy in STRATEGIES:
        rules = obeyed if settings.same_rules or strategy == "hierarchical" else Rules()
        choices: dict[int, Collection[str]] = {}
        for seed in range(settings.seed, settings.seed + settings.seeds):
            eligible = [key for key, synset in synsets.items() if ineligible(synset, rules) is None]
            order = in_order(strategy, synsets, eligible, roots=settings.roots, seed=seed)
            verdicts = choose(synsets, order, rules, n_synsets=settings.n_synsets)
            choices[seed] = [key for key, verdict in verdicts.items() if verdict is None]
        scores = {
            seed: score(
                synsets,
                chosen,
                inner=inner,
                branch_of=branch_of,
                n_min=settings.n_min,
                min_depth=settings.min_depth,
                max_depth=settings.max_depth,
                images_per_query=settings.images_per_query,
                weights=Weights(settings.alpha, settings.beta, settings.gamma, settings.cost_weight),
            )
            for seed, chosen in choices.items()
        }
        results[strategy] = scores, stability(list(choices.values()))
    return results


def _landmarks(synsets: Mapping[str, Synset], settings: Config) -> tuple[set[str], dict[str, str]]:
    """The synsets that coverage counts, and the top-level branch of each synset. Both ask only what can be seen."""
    visible = {key: s.parent_ids for key, s in synsets.items() if ineligible(s, Rules()) is None}
    children = children_of(visible)
    inner = {key for key in visible if key in children}
    tops = [key for key in inner if synsets[key].depth == settings.branch_depth]
    return inner, nearest_root(children, tops)


def _summary(strategy: str, scores: Mapping[int, Scores], stable: float) -> tuple[object, ...]:
    runs = [asdict(one) | {"stability": stable} for one in scores.values()]
    means = {name: round(fmean(run[name] for run in runs), 4) for name in MEASURES}
    spread = round(pstdev([run["utility"] for run in runs]), 4)
    return strategy, len(runs), round(fmean(run["n_selected"] for run in runs)), *means.values(), spread


def _store(warehouse: Warehouse, settings: Config, results: Mapping[str, Result]) -> None:
    common = {
        "comparison_id": uuid.uuid4().hex,
        "config": config.as_json(settings),
        "measured_at": dt.datetime.now(dt.timezone.utc),
    }
    schema = TABLES["strategy_scores"].schema
    rows = []
    for strategy, (scores, stable) in results.items():
        for seed, one in scores.items():
            row = {**common, **asdict(one), "strategy": strategy, "seed": seed, "stability": stable}
            rows.append(tuple(row[name] for name in schema.names))
    tables.append(warehouse, "strategy_scores", local_rows(warehouse.spark, rows, schema))


def _plot(path: str, rows: list[tuple[object, ...]]) -> None:
    shown = ("c_cov", "c_hier", "q_label", "c_cost", "stability")
    values = {str(row[0]): {name: float(str(row[COLUMNS.index(name)])) for name in shown} for row in rows}
    try:
        Path(path).write_text(bar_chart(values, title="Strategies of selection"), encoding="utf-8")
    except OSError as error:
        raise InputError(f"--plot {path}: cannot be written ({error.strerror})") from None
