"""Dawid–Skene against crowd-kit: the same synthetic votes, the same number of rounds, reading the file included.

Run it as ``make bench-crowd``, or ``.venv/bin/python benchmarks/crowd.py --votes 1000000,10000000``.
Each program runs in a process of its own; time and peak memory are those of the process and its children.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

N_LABELS = 4
VOTES_PER_ITEM = 5
VOTES_PER_WORKER = 200
PROGRAMS = ("synlake", "crowd-kit")


def simulate(path: Path, n_votes: int, *, seed: int = 7) -> None:
    """Synthetic votes as CSV (``task,worker,label``), and the truth beside it: skills from 0.4 to 0.95."""
    rng = np.random.default_rng(seed)
    n_items, n_workers = n_votes // VOTES_PER_ITEM, n_votes // VOTES_PER_WORKER
    truth = rng.integers(N_LABELS, size=n_items)
    skill = rng.uniform(0.4, 0.95, size=n_workers)
    task = np.repeat(np.arange(n_items), VOTES_PER_ITEM)
    worker = rng.integers(n_workers, size=n_votes)
    wrong = (truth[task] + rng.integers(1, N_LABELS, size=n_votes)) % N_LABELS
    label = np.where(rng.random(n_votes) < skill[worker], truth[task], wrong)
    names = [f"label{k}" for k in range(N_LABELS)]
    votes = pd.DataFrame({"task": task, "worker": worker, "label": np.array(names)[label]})
    votes.to_csv(path, index=False)
    pd.DataFrame({"task": np.arange(n_items), "truth": np.array(names)[truth]}).to_parquet(
        path.with_suffix(".truth")
    )


def run_crowd_kit(path: Path, method: str, n_rounds: int) -> pd.Series[str]:
    from crowdkit.aggregation import DawidSkene, MajorityVote

    votes = pd.read_csv(path, dtype={"task": str, "worker": str, "label": str})
    peer = MajorityVote() if method == "majority" else DawidSkene(n_iter=n_rounds, tol=-np.inf)
    return peer.fit_predict(votes)


def run_synlake(path: Path, method: str, n_rounds: int) -> pd.Series[str]:
    from synlake.methods.aggregation import Rule, aggregated
    from synlake.session import open_session

    spark = open_session("bench crowd")
    schema = "item_id string, worker_id string, answer string"
    votes = spark.read.csv(str(path), header=True, enforceSchema=True, schema=schema)
    gold = spark.createDataFrame([], "item_id string, expected_answer string")
    out = str(path.with_suffix(".labels"))
    # A tolerance of zero never holds while the objective rises: all rounds are made.
    with aggregated(votes, gold, Rule(method, max_rounds=n_rounds, tolerance=0.0)) as found:
        found.items.drop("posterior").write.mode("overwrite").parquet(out)
        assert len(found.objective) in (0, n_rounds)
    spark.stop()
    return pd.read_parquet(out, columns=["item_id", "label"]).set_index("item_id")["label"]


def measure(program: str, path: Path, method: str, n_rounds: int) -> tuple[float, float, float]:
    """Seconds, peak memory in MiB of the whole process tree, and accuracy, of one program on one file."""
    command = [sys.executable, __file__, "--child", program, str(path), method, str(n_rounds)]
    start, peak = time.monotonic(), 0.0
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while child.poll() is None:
        peak = max(peak, _tree_mib(child.pid))
        time.sleep(0.2)
    seconds = time.monotonic() - start
    if child.returncode:
        sys.exit(f"{program} ended with exit code {child.returncode}")
    assert child.stdout is not None
    return seconds, peak, float(child.stdout.read().split()[-1])


def _tree_mib(root: int) -> float:
    """Proportional set size of a process and all below it, so that shared pages count once (Linux)."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    total, todo = 0.0, [root]
    while todo:
        pid = todo.pop()
        todo += parents.get(pid, [])
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next(
            (int(line.split()[1]) / 1024 for line in rollup.splitlines() if line.startswith("Pss:")), 0
        )
    return total


def child(program: str, path: Path, method: str, n_rounds: int) -> None:
    run = run_synlake if program == "synlake" else run_crowd_kit
    labels = run(path, method, n_rounds)
    labels.index = labels.index.astype(str)
    truth = pd.read_parquet(path.with_suffix(".truth")).set_index("task")["truth"]
    truth.index = truth.index.astype(str)
    print((labels.reindex(truth.index) == truth).mean())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--votes", default="1000000,10000000", help="how many, separated by commas")
    parser.add_argument("--methods", default="dawid_skene,majority")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument(
        "--alone", action="store_true", help="synlake only, where crowd-kit would take too long"
    )
    options = parser.parse_args()
    programs = PROGRAMS[:1] if options.alone else PROGRAMS
    print("method       votes     program    seconds  peak_MiB  accuracy", flush=True)
    for n_votes in map(int, options.votes.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "votes.csv"
            simulate(path, n_votes)
            for method in options.methods.split(","):
                found = {p: measure(p, path, method, options.rounds) for p in programs}
                for program, (seconds, peak, accuracy) in found.items():
                    print(
                        f"{method:12} {n_votes:<9} {program:10} {seconds:7.1f}  {peak:8.0f}  {accuracy:.4f}"
                    )
                if len(found) == 2:
                    (ours, our_peak, _), (theirs, their_peak, _) = found.values()
                    times = f"{theirs / ours:.1f}× faster, {our_peak / their_peak:.2f}× the memory"
                    print(f"{method:12} {n_votes:<9} synlake is {times}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], Path(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
    else:
        main()
