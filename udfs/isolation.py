"""Work on untrusted values in a forked child, so that a crash or a hang costs one value and not the task.

A child shares the values with its parent, copy on write, and sends back results only; it is forked once for many
values, and again only after one of them brought it down. Its time is kept by the kernel, which also ends decoders
that hold Python's lock, and ends the child even if its parent is gone.
"""

from __future__ import annotations

import mmap
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Generic, TypeVar

#: Results in one message: waking the other process for each took as long as a tenth of the decoding.
SENT_TOGETHER = 16

V = TypeVar("V")
R = TypeVar("R")


@dataclass(frozen=True)
class Died:
    """The child did not survive a value. ``signal_number``: what ended it; 0 where it left by itself."""

    signal_number: int

    @property
    def is_timeout(self) -> bool:
        """Whether the value took longer than it may."""
        return self.signal_number == signal.SIGALRM

    def __str__(self) -> str:
        """The signal's name, for a reject_detail."""
        return signal.Signals(self.signal_number).name if self.signal_number else "exit"


@dataclass(frozen=True)
class Isolated(Generic[V, R]):
    """``work`` applied to values in children, each value for at most ``seconds``."""

    work: Callable[[V], R]
    seconds: float

    def results(self, values: Sequence[V]) -> Iterator[R | Died]:
        """One result a value, in order; :class:`Died` for those that ended the child."""
        done = 0
        while done < len(values):
            n_worked = mmap.mmap(-1, 1)  # of the results to be sent next, those that the child has; shared
            receiver, sender = multiprocessing.Pipe(duplex=False)
            child = multiprocessing.get_context("fork").Process(
                target=self._serve, args=(values[done:], receiver, sender, n_worked), daemon=True
            )
            child.start()
            sender.close()  # or the pipe would never end for the reader
            with receiver, n_worked:
                try:
                    while done < len(values):
                        results: list[R] = receiver.recv()
                        done += len(results)
                        yield from results
                except EOFError:
                    child.join()
                    # What it had not sent is lost with it: those values did it no harm, and are done again.
                    fatal = done + n_worked[0]
                    yield from self.results(values[done:fatal])
                    done = fatal + 1
                    yield Died(max(0, -(child.exitcode or 0)))
                finally:
                    child.kill()  # it has nothing left to do, also where the reader stopped early
                    child.join()

    def _serve(
        self, values: Sequence[V], receiver: Connection, sender: Connection, n_worked: mmap.mmap
    ) -> None:
        receiver.close()
        # Spark's worker may have its own ideas about signals: here an alarm ends the process.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        results: list[R] = []
        for number, value in enumerate(values, start=1):
            signal.setitimer(signal.ITIMER_REAL, self.seconds)
            results.append(self.work(value))
            signal.setitimer(signal.ITIMER_REAL, 0)
            n_worked[0] = len(results)
            if len(results) == SENT_TOGETHER or number == len(values):
                n_worked[0] = 0
                sender.send(results)
                results.clear()
