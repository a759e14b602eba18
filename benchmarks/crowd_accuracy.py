"""How right the labels are by each method, ours and crowd-kit's, on real votes with known answers.

Run it as ``.venv/bin/python benchmarks/crowd_accuracy.py FOLDER…``: each folder has ``answer.csv``
(``question,worker,answer``) and ``truth.csv`` (``question,truth``). It needs the extra ``bench``. Both get the
same votes and their own defaults; of crowd-kit's settings that are named, the best figure counts.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from common import machine, session
from crowdkit.aggregation import GLAD, MACE, DawidSkene, MajorityVote, OneCoinDawidSkene, Wawa
from pyspark.sql import SparkSession

from synlake.methods.aggregation import METHODS, Rule, aggregated

PEERS: Mapping[str, tuple[Callable[[], Any], ...]] = {
    "majority": (MajorityVote,),
    "weighted_majority": (Wawa,),
    "dawid_skene": (lambda: DawidSkene(n_iter=20), lambda: DawidSkene(n_iter=100)),
    "one_coin": (OneCoinDawidSkene,),
    "glad": (GLAD,),
    "mace": (MACE,),
}
#: Points that ours may be below the peer's.
MARGIN = 0.003


def read(folder: Path) -> tuple[pd.DataFrame, pd.Series[str]]:
    votes = pd.read_csv(folder / "answer.csv", dtype=str)[["question", "worker", "answer"]]
    votes.columns = pd.Index(["task", "worker", "label"])
    return votes, pd.read_csv(folder / "truth.csv", dtype=str).set_index("question")["truth"]


def ours(spark: SparkSession, votes: pd.DataFrame, method: str) -> pd.Series[str]:
    frame = spark.createDataFrame(votes).toDF("item_id", "worker_id", "answer")
    gold = spark.createDataFrame([], "item_id string, expected_answer string")
    with aggregated(frame, gold, Rule(method)) as found:
        return found.items.select("item_id", "label").toPandas().set_index("item_id")["label"]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--methods", default=",".join(METHODS))
    options = parser.parse_args()
    n_behind = 0
    print(machine())
    print("votes       method             synlake  crowd-kit  points  seconds  its seconds", flush=True)
    with session() as spark:
        for folder in options.folders:
            votes, truth = read(folder)
            for method in options.methods.split(","):
                times = [time.perf_counter()]
                mine = (ours(spark, votes, method).reindex(truth.index) == truth).mean()
                times.append(time.perf_counter())
                found = [peer().fit_predict(votes) for peer in PEERS[method]]
                times.append(time.perf_counter())
                theirs = max((labels.reindex(truth.index) == truth).mean() for labels in found)
                n_behind += int(mine < theirs - MARGIN)
                print(
                    f"{folder.name:10}  {method:17}  {mine:7.4f}  {theirs:9.4f}  {100 * (mine - theirs):+6.2f}"
                    f"  {times[1] - times[0]:7.1f}  {(times[2] - times[1]) / len(found):11.1f}",
                    flush=True,
                )
    print(f"{n_behind} figures are more than {100 * MARGIN:.1f} points behind")
    return min(n_behind, 1)


if __name__ == "__main__":
    sys.exit(main())
