"""A simulated crowd whose skill is known: careful workers, and spammers who always say yes or guess.

Which workers see an item, and what each answers, follow from a hash of item, worker and seed alone: the
order of items, and which others there are, change nothing.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from synlake.errors import UsageError

YES, NO = "yes", "no"
#: The careful workers' chance of a right answer is spread evenly over this range.
SKILL_RANGE = (0.75, 0.98)
#: One worker in this many is a spammer; they take turns at always saying yes and at guessing.
WORKERS_PER_SPAMMER = 7
#: Answers come in over this many seconds.
_DURATION_S = 5 * 24 * 3600
STARTS_AT = dt.datetime(2024, 1, 8, 8, 0, tzinfo=dt.timezone.utc)

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Worker:
    """A simulated worker. The two chances are of answering yes where yes is right, and no where no is."""

    worker_id: str
    kind: str
    right_on_yes: float
    right_on_no: float

    def expected_accuracy(self, share_yes: float) -> float:
        """Expected share of right answers, on items of which ``share_yes`` truly are yes."""
        return share_yes * self.right_on_yes + (1 - share_yes) * self.right_on_no


@dataclass(frozen=True)
class Vote:
    """One answer; the columns that import-votes reads by default, and when (UTC, ISO 8601)."""

    item_id: str
    worker_id: str
    answer: str
    answered_at: str


@dataclass(frozen=True)
class Decision:
    """An expert's decision on an item; the columns that review-labels reads."""

    item_id: str
    reviewer_id: str
    label: str
    reviewed_at: str


T = TypeVar("T", Vote, Decision, Worker)


def crowd(n_workers: int = 20, *, seed: int = 7) -> tuple[Worker, ...]:
    """The workers with their true skill. Their ids are numbered in an order that says nothing of it."""
    n_spammers = n_workers // WORKERS_PER_SPAMMER
    skills = np.linspace(*SKILL_RANGE, n_workers - n_spammers)
    people = [("careful", float(skill), float(skill)) for skill in skills]
    people += [("always yes", 1.0, 0.0) if k % 2 == 0 else ("guesses", 0.5, 0.5) for k in range(n_spammers)]
    ids = [f"worker-{k:02d}" for k in range(1, n_workers + 1)]
    order = np.argsort(_hash_strings(ids, seed), kind="stable").tolist()
    return tuple(Worker(worker_id, *people[place]) for worker_id, place in zip(ids, order, strict=True))


def right_answers(tasks: Iterable[Mapping[str, Any]], shown: Mapping[str, Collection[str]]) -> dict[str, str]:
    """task_id → yes or no, from ``task_id, image_id, synset_id`` rows and the synsets an image truly shows.

    ``shown`` is ``Planted.shown()``, or :func:`shown_by_folder` for real images. An image it does not know
    shows nothing that is asked about.
    """
    return {
        str(task["task_id"]): YES if task["synset_id"] in shown.get(task["image_id"], ()) else NO
        for task in tasks
    }


def shown_by_folder(candidates: Iterable[Mapping[str, Any]]) -> dict[str, set[str]]:
    """image_id → synsets, where every image shows what its folder says: all that is known of real ones."""
    found: dict[str, set[str]] = {}
    for row in candidates:
        found.setdefault(row["image_id"], set()).add(row["synset_id"])
    return found


def simulate_votes(
    truth: Mapping[str, str],
    *,
    workers: Sequence[Worker],
    n_votes: int,
    seed: int = 7,
    ease: Mapping[str, float] | None = None,
) -> list[Vote]:
    """``n_votes`` answers by different workers to each item of ``truth`` (item_id → yes or no).

    An item's ``ease``, 1 where none is given, is the share of times that workers see what there is to see;
    otherwise they guess.

    Rows are in the order of ``truth``, and of worker ids within an item.
    """
    if not 1 <= n_votes <= len(workers):
        raise UsageError(f"n_votes: wanted 1 to {len(workers)} (the number of workers), got {n_votes}")
    if not truth:
        return []
    people = sorted(workers, key=lambda worker: worker.worker_id)
    items = list(truth)
    is_yes = np.array([truth[item] == YES for item in items])
    pairs = _hash_strings(items, seed)[:, None] ^ _hash_strings([p.worker_id for p in people], seed)[None, :]
    asked = np.sort(np.argsort(_mix(pairs, 1), axis=1, kind="stable")[:, :n_votes], axis=1)
    chances = np.array([(p.right_on_no, p.right_on_yes) for p in people])
    seen = np.array([1.0 if ease is None else ease.get(item, 1.0) for item in items])[:, None]
    is_right = _uniform(_mix(pairs, 2)) < seen * chances.T[is_yes.astype(int)] + (1 - seen) / 2
    says_yes = np.take_along_axis(is_right == is_yes[:, None], asked, axis=1)
    times = _times(np.take_along_axis(_mix(pairs, 3), asked, axis=1))
    names = [p.worker_id for p in people]
    return [
        Vote(item, names[worker], YES if yes else NO, time)
        for item, *columns in zip(items, asked.tolist(), says_yes.tolist(), times.tolist(), strict=True)
        for worker, yes, time in zip(*columns, strict=True)
    ]


def simulate_experts(
    truth: Mapping[str, str], *, accuracy: float = 0.99, reviewer_id: str = "expert-1", seed: int = 7
) -> list[Decision]:
    """One expert's decision on each item of ``truth`` (item_id → yes or no), right at rate ``accuracy``."""
    if not truth:
        return []
    pairs = _hash_strings(list(truth), seed) ^ _hash_strings([reviewer_id], seed)
    is_right = (_uniform(_mix(pairs, 4)) < accuracy).tolist()
    times = _times(_mix(pairs, 5), after_s=_DURATION_S).tolist()
    other = {YES: NO, NO: YES}
    return [
        Decision(item, reviewer_id, answer if right else other[answer], time)
        for (item, answer), right, time in zip(truth.items(), is_right, times, strict=True)
    ]


def write_csv(path: Path, rows: Iterable[T], record: type[T]) -> None:
    """Records of one kind (:class:`Vote`, :class:`Decision`, :class:`Worker`) as CSV with a header.

    The file appears whole or not at all.
    """
    names = [field.name for field in fields(record)]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([getattr(row, name) for name in names] for row in rows)
    os.replace(partial, path)


def worker_rows(
    workers: Sequence[Worker], estimated: Iterable[Mapping[str, Any]], *, share_yes: float
) -> list[dict[str, Any]]:
    """Each worker's true accuracy beside what table ``workers`` estimates, best first.

    ``share_yes`` is the share of tasks whose right answer is yes.
    """
    known = {str(row["worker_id"]): row for row in estimated}
    rows = [
        {
            "worker_id": worker.worker_id,
            "kind": worker.kind,
            "true_accuracy": worker.expected_accuracy(share_yes),
            "agreement": known.get(worker.worker_id, {}).get("agreement"),
            "gold_accuracy": known.get(worker.worker_id, {}).get("gold_accuracy"),
            "n_votes": known.get(worker.worker_id, {}).get("n_votes", 0),
        }
        for worker in workers
    ]
    return sorted(rows, key=lambda row: (-row["true_accuracy"], row["worker_id"]))


def _hash_strings(values: Sequence[str], seed: int) -> Hashes:
    key = str(seed).encode()
    digests = b"".join(hashlib.blake2b(value.encode(), digest_size=8, key=key).digest() for value in values)
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def _mix(hashes: Hashes, purpose: int) -> Hashes:
    """Splitmix64 (Steele, Lea and Flood, 2014): independent streams of the same hashes, one a purpose."""
    z = hashes + np.uint64(purpose * 0x9E3779B97F4A7C15 % 2**64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _uniform(hashes: Hashes) -> npt.NDArray[np.float64]:
    return (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _times(hashes: Hashes, *, after_s: int = 0) -> npt.NDArray[np.str_]:
    """ISO 8601 times, from :data:`STARTS_AT` and ``after_s`` on."""
    start = np.datetime64(STARTS_AT.replace(tzinfo=None), "s")
    seconds = (hashes % np.uint64(_DURATION_S)).astype(np.int64) + after_s
    return np.datetime_as_string(start + seconds, timezone="UTC")
