"""What the benchmarks share: a session of a bounded size, the peak memory of it, a table of results."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyspark import SparkContext
from pyspark.sql import SparkSession

from synlake.session import SHARE, open_session


@contextmanager
def session(*, threads: int = 2, memory: str = "2g") -> Iterator[SparkSession]:
    """A local session with ``threads`` tasks at once and a JVM of ``memory``."""
    jars = ",".join(sorted(str(jar) for jar in (SHARE / "jars").glob("*.jar")))
    os.environ["PYSPARK_SUBMIT_ARGS"] = (
        f'--master local[{threads}] --driver-memory {memory} --jars "{jars}" pyspark-shell'
    )
    spark = open_session("synlake benchmark")
    spark.sparkContext.setLogLevel("ERROR")
    try:
        yield spark
    finally:
        spark.stop()
        _end_jvm()


def _end_jvm() -> None:
    """End the idle JVM that ``stop`` leaves behind: its memory would count as that of a peer that runs next."""
    gateway = SparkContext._gateway
    assert gateway is not None
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait()
    SparkContext._gateway = SparkContext._jvm = None


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="synlake-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Measured:
    """Of this process and all below it: seconds by the clock and of all processors, and the peak of memory, bytes."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0

    def __str__(self) -> str:
        """All three, for a person."""
        return f"{self.seconds:.1f} s ({self.cpu_seconds:.1f} s CPU), peak {self.peak_bytes / 1e9:.1f} GB"


def ratios(slow: Measured, fast: Measured) -> str:
    """How many times the seconds of ``fast`` the other took; those of processors hardly depend on other load."""
    return f"{slow.seconds / fast.seconds:.2f} by the clock, {slow.cpu_seconds / fast.cpu_seconds:.2f} in CPU seconds"


def middle(runs: Sequence[Measured]) -> Measured:
    """The run of median seconds."""
    return sorted(runs, key=lambda run: run.seconds)[len(runs) // 2]


@contextmanager
def measured() -> Iterator[Measured]:
    """Time a block, and sample the memory of the JVM, the Python workers and this process twice a second."""
    result, done = Measured(), threading.Event()

    def sample() -> None:
        while not done.wait(0.5):
            result.peak_bytes = max(result.peak_bytes, _memory_of_tree())

    watcher = threading.Thread(target=sample, daemon=True)
    watcher.start()
    start, cpu = time.perf_counter(), cpu_seconds_of_tree()
    try:
        yield result
    finally:
        result.seconds, result.cpu_seconds = time.perf_counter() - start, cpu_seconds_of_tree() - cpu
        done.set()
        watcher.join()


def _tree() -> Iterator[tuple[int, list[str]]]:
    """(process id, fields of its /proc/…/stat from the state on) of this process and those it started."""
    stats: dict[int, list[str]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            stats[int(entry.name)] = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
    children: dict[int, list[int]] = {}
    for pid, fields in stats.items():
        children.setdefault(int(fields[1]), []).append(pid)
    waiting = [os.getpid()]
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        if pid in stats:
            yield pid, stats[pid]


def cpu_seconds_of_tree() -> float:
    """CPU seconds of this process, those it started, and those that they waited for; 0 where there is no /proc."""
    ticks = sum(int(field) for _, fields in _tree() for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def _memory_of_tree() -> int:
    """Proportional resident memory of this process and those it started; 0 where there is no /proc."""
    total = 0
    for pid, _ in _tree():
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
    return total


def machine() -> str:
    """What this ran on."""
    model = ""
    if Path("/proc/cpuinfo").exists():
        names = [x for x in Path("/proc/cpuinfo").read_text().splitlines() if x.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else ""
    return f"{os.cpu_count()} cores {model}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}"
