"""One value that crashes, hangs or leaves costs itself and nothing else."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from synlake.udfs.isolation import SENT_TOGETHER, Died, Isolated


def misbehave(value):
    """What a decoder written in C may do: none of it can be caught in Python."""
    faulthandler.disable()  # pytest's would print the whole stack of this child
    if value == "segfault":
        ctypes.string_at(0)
    if value == "abort":
        os.abort()
    if value == "leave":
        os._exit(3)
    if value == "hang":
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        ctypes.CDLL(None).pause()
    return value.upper()


def test_every_way_to_die_is_told_apart_and_the_rest_goes_on(capfd):
    isolated = Isolated(misbehave, seconds=0.5)
    values = ["a", "segfault", "b", "hang", "abort", "leave", "c"]
    found = list(isolated.results(values))
    assert [str(one) for one in found] == ["A", "SIGSEGV", "B", "SIGALRM", "SIGABRT", "exit", "C"]
    assert [isinstance(one, Died) and one.is_timeout for one in found].index(True) == values.index("hang")


@settings(max_examples=10)
@given(st.lists(st.sampled_from([*"uvwxyz", "abort", "leave"]), max_size=3 * SENT_TOGETHER))
def test_results_stand_in_order_whatever_dies(values):
    found = list(Isolated(misbehave, seconds=5).results(values))
    assert [not isinstance(one, Died) for one in found] == [len(v) == 1 for v in values]
    assert [one for one in found if not isinstance(one, Died)] == [v.upper() for v in values if len(v) == 1]


def test_python_work_that_takes_too_long_is_ended():
    started = time.monotonic()
    slow = Isolated(lambda seconds: time.sleep(seconds) or "done", seconds=0.3)
    found = list(slow.results([0, 30, 0]))
    assert [found[0], found[2]] == ["done", "done"]
    assert found[1].is_timeout
    assert time.monotonic() - started < 10


def test_a_reader_that_stops_early_leaves_no_child_behind():
    results = Isolated(lambda value: (os.getpid(), value), seconds=60).results(range(1000))
    child, _ = next(results)
    results.close()
    try:
        os.kill(child, 0)
    except ProcessLookupError:
        return
    raise AssertionError("the child is still there")
