"""What the benchmarks share: a session of a bounded size, the peak memory of it, a table of results."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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
    """Seconds, and the most memory that this process and all below it held together, bytes."""

    seconds: float = 0.0
    peak_bytes: int = 0

    def __str__(self) -> str:
        """Both, for a person."""
        return f"{self.seconds:.1f} s, peak {self.peak_bytes / 1e9:.1f} GB"


@contextmanager
def measured() -> Iterator[Measured]:
    """Time a block, and sample the memory of the JVM, the Python workers and this process ten times a second."""
    result, done = Measured(), threading.Event()

    def sample() -> None:
        while not done.wait(0.1):
            result.peak_bytes = max(result.peak_bytes, _memory_of_tree(os.getpid()))

    watcher = threading.Thread(target=sample, daemon=True)
    watcher.start()
    start = time.perf_counter()
    try:
        yield result
    finally:
        result.seconds = time.perf_counter() - start
        done.set()
        watcher.join()


def _memory_of_tree(root: int) -> int:
    """Proportional resident memory of a process and those it started; 0 where there is no /proc."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents.setdefault(int((entry / "stat").read_text().rpartition(")")[2].split()[1]), []).append(
                int(entry.name)
            )
        except (OSError, IndexError):
            continue
    total, waiting = 0, [root]
    while waiting:
        one = waiting.pop()
        waiting += parents.get(one, [])
        try:
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text()
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
