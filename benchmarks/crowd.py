"""Dawid–Skene against crowd-kit: the same synthetic votes, the same number of rounds, reading the file included.

Run it as ``make bench-crowd``, or ``.venv/bin/python benchmarks/crowd.py --votes 1000000,10000000``.
Each program runs in a process of its own, from the file of votes to a file of labels; time and peak memory are those
of the process and its children. Labels are held against the truth afterwards, in the parent.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
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


def run_crowd_kit(path: Path, out: Path, method: str, n_rounds: int, _memory: str) -> None:
    from crowdkit.aggregation import DawidSkene, MajorityVote

    votes = pd.read_csv(path, dtype={"task": str, "worker": str, "label": str})
    peer = MajorityVote() if method == "majority" else DawidSkene(n_iter=n_rounds, tol=-np.inf)
    peer.fit_predict(votes).rename("label").rename_axis("item_id").reset_index().to_parquet(out)


def run_synlake(path: Path, out: Path, method: str, n_rounds: int, memory: str) -> None:
    from common import session

    from synlake.methods.aggregation import Rule, aggregated

    with session(memory=memory) as spark:
        schema = "item_id string, worker_id string, answer string"
        votes = spark.read.csv(str(path), header=True, enforceSchema=True, schema=schema)
        gold = spark.createDataFrame([], "item_id string, expected_answer string")
        # A tolerance of zero never holds while the objective rises: all rounds are made.
        with aggregated(votes, gold, Rule(method, max_rounds=n_rounds, tolerance=0.0)) as found:
            found.items.drop("posterior").write.mode("overwrite").parquet(str(out))
            assert len(found.objective) in (0, n_rounds)


@dataclass(frozen=True)
class Measured:
    """``cpu`` are the seconds of all cores together: unlike ``seconds`` they hold on a machine that is shared."""

    seconds: float
    cpu: float
    peak_mib: float
    accuracy: float


def measure(program: str, path: Path, method: str, n_rounds: int, memory: str) -> Measured:
    """One program on one file, in a process tree of its own."""
    out = path.with_suffix(f".{program}.labels")
    child_of = [sys.executable, __file__, "--child", program]
    command = [*child_of, str(path), str(out), method, str(n_rounds), memory]
    start, peak, ticks = time.monotonic(), 0.0, dict[int, int]()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while child.poll() is None:
        tree = _tree(child.pid)
        peak = max(peak, sum(map(_mib, tree)))
        ticks.update(tree)  # a process that ended counts with what it had last
        time.sleep(0.2)
    seconds = time.monotonic() - start
    if child.returncode:
        sys.exit(f"{program} ended with exit code {child.returncode}")
    return Measured(seconds, sum(ticks.values()) / os.sysconf("SC_CLK_TCK"), peak, accuracy(path, out))


def _tree(root: int) -> dict[int, int]:
    """A process and all below it, with the processor time of each in ticks (Linux)."""
    parents: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        pid = int(stat.parent.name)
        parents.setdefault(int(fields[1]), []).append(pid)
        ticks[pid] = int(fields[11]) + int(fields[12])
    found, todo = {}, [root]
    while todo:
        pid = todo.pop()
        todo += parents.get(pid, [])
        found[pid] = ticks.get(pid, 0)
    return found


def _mib(pid: int) -> float:
    """Proportional set size, so that shared pages count once; 0 where it ended."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in rollup.splitlines() if line.startswith("Pss:")), 0.0)


def accuracy(path: Path, out: Path) -> float:
    """The share of items whose label in ``out`` is the truth."""
    labels = pd.read_parquet(out, columns=["item_id", "label"]).set_index("item_id")["label"]
    truth = pd.read_parquet(path.with_suffix(".truth")).set_index("task")["truth"]
    truth.index = truth.index.astype(str)
    return float((labels.reindex(truth.index) == truth).mean())


def main() -> None:
    from common import machine  # not at the top: crowd-kit's process is to import nothing of Spark

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--votes", default="1000000,10000000", help="how many, separated by commas")
    parser.add_argument("--methods", default="dawid_skene,majority")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--memory", default="2g", help="what synlake's JVM may take")
    parser.add_argument(
        "--alone", action="store_true", help="synlake only, where crowd-kit would take too long"
    )
    options = parser.parse_args()
    programs = PROGRAMS[:1] if options.alone else PROGRAMS
    print(machine())
    print("method       votes     program    seconds      cpu  peak_MiB  accuracy", flush=True)
    for n_votes in map(int, options.votes.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "votes.csv"
            simulate(path, n_votes)
            for method in options.methods.split(","):
                found = {}
                for program in programs:
                    found[program] = one = measure(program, path, method, options.rounds, options.memory)
                    print(
                        f"{method:12} {n_votes:<9} {program:10} {one.seconds:7.1f}  {one.cpu:7.1f}"
                        f"  {one.peak_mib:8.0f}  {one.accuracy:.4f}",
                        flush=True,
                    )
                if len(found) == 2:
                    mine, theirs = found.values()
                    print(
                        f"{method:12} {n_votes:<9} synlake is {theirs.seconds / mine.seconds:.1f}× faster"
                        f" (processor time {theirs.cpu / mine.cpu:.1f}×),"
                        f" {mine.peak_mib / theirs.peak_mib:.2f}× the memory",
                        flush=True,
                    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        run = {"synlake": run_synlake, "crowd-kit": run_crowd_kit}[sys.argv[2]]
        run(Path(sys.argv[3]), Path(sys.argv[4]), sys.argv[5], int(sys.argv[6]), sys.argv[7])
    else:
        main()
