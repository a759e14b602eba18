"""One value that crashes, hangs or leaves costs itself and nothing else."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import time

import pytest
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
    assert [one.value for one in found if isinstance(one, Died)] == ["segfault", "hang", "abort", "leave"]


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


class Read:
    """Values that a function reads anew each time."""

    def __init__(self, read):
        self.read = read

    def __iter__(self):
        return self.read()


def results_before(error, message, read):
    """What came before ``error`` was raised."""
    results, seen = Isolated(misbehave, seconds=60).results(Read(read)), []
    with pytest.raises(error, match=message):
        seen.extend(results)  # takes them one by one
    return seen


def test_what_reading_the_values_raises_is_no_fault_of_a_value():
    def read():
        yield from map(str, range(100))
        raise OSError("disk gone")

    assert results_before(OSError, "disk gone", read) == [str(number) for number in range(100)]


def test_a_child_that_ends_while_it_reads_is_an_error_and_no_endless_loop():
    parent = os.getpid()

    def read():
        yield "a"
        if os.getpid() != parent:
            os._exit(3)

    assert results_before(RuntimeError, "exit code 3", read) == ["A"]


def test_values_are_read_by_the_child_and_not_by_its_parent():
    def read():
        yield str(os.getpid())

    assert list(Isolated(misbehave, seconds=60).results(Read(read))) != [str(os.getpid())]
