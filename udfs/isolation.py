"""Work on untrusted values in a forked child, so that a crash or a hang costs one value and not the task.

A child takes the values one by one from what it shares with its parent, which they need never pass through, and sends
back results only; it is forked once for many values, and again only after one of them brought it down. Its time is
kept by the kernel, which also ends decoders that hold Python's lock, and ends the child even if its parent is gone.
"""

from __future__ import annotations

import mmap
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

#: Results in one message, counted in a byte: waking the other process for each took as long as a tenth of the decoding.
SENT_TOGETHER = 64

_NOTHING: Any = object()
V = TypeVar("V")
R = TypeVar("R")


@dataclass(frozen=True)
class Died(Generic[V]):
    """The child did not survive ``value``. ``signal_number``: what ended it; 0 where it left by itself."""

    value: V
    signal_number: int

    @property
    def is_timeout(self) -> bool:
        """Whether the value took longer than it may."""
        return self.signal_number == signal.SIGALRM

    def __str__(self) -> str:
        """The signal's name, for a reject_detail."""
        return signal.Signals(self.signal_number).name if self.signal_number else "exit"


@dataclass(frozen=True)
class _Fault:
    """What iterating the values raised."""

    error: Exception


@dataclass(frozen=True)
class Isolated(Generic[V, R]):
    """``work`` applied to values in children, each value for at most ``seconds``."""

    work: Callable[[V], R]
    seconds: float

    def results(self, values: Iterable[V]) -> Iterator[R | Died[V]]:
        """One result a value, in order; :class:`Died` for those that ended the child.

        ``values`` are iterated anew in each child, in the same order. What iterating them raises is raised here.
        """
        return self._between(values, 0, None)

    def _between(self, values: Iterable[V], done: int, end: int | None) -> Iterator[R | Died[V]]:
        while end is None or done < end:
            n_worked = mmap.mmap(-1, 1)  # of the results to be sent next, those that the child has; shared
            receiver, sender = multiprocessing.Pipe(duplex=False)
            child = multiprocessing.get_context("fork").Process(
                target=self._serve, args=(islice(values, done, end), receiver, sender, n_worked), daemon=True
            )
            child.start()
            sender.close()  # or the pipe would never end for the reader
            with receiver, n_worked:
                try:
                    for results in _received(receiver):
                        done += len(results)
                        yield from results
                    return
                except EOFError:
                    child.join()
                    fatal = done + n_worked[0]
                finally:
                    child.kill()  # it has nothing left to do, also where the reader stopped early
                    child.join()
            # What it had not sent is lost with it: those values did it no harm, and are done again.
            yield from self._between(values, done, fatal)
            value = next(islice(values, fatal, None), _NOTHING)
            if value is _NOTHING:
                raise RuntimeError(
                    f"a child that had nothing left to do was ended: exit code {child.exitcode}"
                )
            yield Died(value, max(0, -(child.exitcode or 0)))
            done = fatal + 1

    def _serve(
        self, values: Iterator[V], receiver: Connection, sender: Connection, n_worked: mmap.mmap
    ) -> None:
        receiver.close()
        # Spark's worker may have its own ideas about signals: here an alarm ends the process.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        results: list[R] = []

        def send() -> None:
            n_worked[0] = 0
            sender.send(results)
            results.clear()

        for value in _until_fault(values):
            if isinstance(value, _Fault):
                send()
                sender.send(value)
                return
            signal.setitimer(signal.ITIMER_REAL, self.seconds)
            results.append(self.work(value))
            signal.setitimer(signal.ITIMER_REAL, 0)
            n_worked[0] = len(results)
            if len(results) == SENT_TOGETHER:
                send()
        send()
        sender.send(None)


def _until_fault(values: Iterator[V]) -> Iterator[V | _Fault]:
    """``values``, and what iterating them raised, if it did: that is no value's fault."""
    try:
        yield from values
    except Exception as error:
        yield _Fault(error)


def _received(receiver: Connection) -> Iterator[list[Any]]:
    """Messages of a child until it says that it has done all. ``EOFError``: it is gone."""
    while (message := receiver.recv()) is not None:
        if isinstance(message, _Fault):
            raise message.error
        yield message
