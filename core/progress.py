"""Progress of long Spark work on stderr: stage, tasks done of all, rate. Silent for work of a few seconds."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession

#: Seconds before the first line, and between lines where stderr is no terminal.
FIRST_AFTER = 3.0
LINE_EVERY = 15.0


@contextmanager
def watch(spark: SparkSession, title: str) -> Iterator[None]:
    """Report the running Spark stages under ``title`` until the block ends.

    On a terminal one line is rewritten every second; elsewhere (a log, CI) a line is added now and then.
    """
    done = threading.Event()
    thread = threading.Thread(target=_report, args=(spark, title, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _report(spark: SparkSession, title: str, done: threading.Event) -> None:
    # Under spark-submit stderr is a pipe of the JVM's; submit.sh says what is at its other end.
    on_terminal = os.environ.get("SYNLAKE_STDERR_IS_TTY") == "1" or sys.stderr.isatty()
    tracker = spark.sparkContext.statusTracker()
    started = time.monotonic()
    wait, shown = FIRST_AFTER, False
    while not done.wait(wait):
        wait = 1.0 if on_terminal else LINE_EVERY
        try:
            stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
        except Exception:  # the session is going away, or the gateway is busy: progress is never a fault
            continue
        running = [stage for stage in stages if stage is not None]
        if not running:
            continue
        n_done, n_all = (sum(getattr(s, f) for s in running) for f in ("numCompletedTasks", "numTasks"))
        seconds = time.monotonic() - started
        line = f"  {title}: {n_done}/{n_all} tasks, {n_done / seconds:.1f} tasks/s, {seconds:.0f} s"
        sys.stderr.write(f"\r\033[K{line}" if on_terminal else f"{line}\n")
        sys.stderr.flush()
        shown = True
    if shown and on_terminal:
        sys.stderr.write("\r\033[K")
        sys.stderr.flush()
