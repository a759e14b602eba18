"""Small files about synsets that a person writes: lists of ids, known counts, excluded branches, decisions."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from synlake.errors import InputError

DECISIONS = ("keep", "drop")


def wnids(path: str | None) -> list[str]:
    """One id a line; what follows a ``#`` is a remark. :class:`InputError` where a file names none."""
    if path is None:
        return []
    lines = [line.split("#")[0].strip() for line in _text("--wnids-file", path).splitlines()]
    found = [line for line in lines if line]
    if not found:
        raise InputError(f"--wnids-file {path}: names no synset; wanted an id a line, such as n01440764")
    return found


def counts(path: str | None) -> dict[str, int]:
    """Images known of a synset, from a CSV of ``synset_id,n_images``."""
    found = {}
    for where, row in _rows("--counts-file", path, ("synset_id", "n_images")):
        if not (row["n_images"] or "").isdigit():
            raise InputError(f"{where}: n_images: wanted a whole number, got {row['n_images']!r}")
        found[row["synset_id"]] = int(row["n_images"])
    return found


def labels(path: str | None) -> list[tuple[str, str]]:
    """(label, synset_id) from a CSV with these columns: what the labels of somebody else's dataset mean."""
    found: dict[str, str] = {}
    for where, row in _rows("--labels-file", path, ("label", "synset_id")):
        label, synset_id = (row["label"] or "").strip(), (row["synset_id"] or "").strip()
        if not label or not synset_id:
            raise InputError(f"{where}: wanted a label and a synset_id, got {label!r} and {synset_id!r}")
        if found.setdefault(label, synset_id) != synset_id:
            raise InputError(f"{where}: label {label!r} stands for {found[label]} and for {synset_id}")
    return list(found.items())


def excluded(path: str | None) -> list[str]:
    """The branches that pictures cannot tell apart: conf/excluded_branches.csv, unless another file is given."""
    if path is None:
        text = (files("synlake.conf") / "excluded_branches.csv").read_text(encoding="utf-8")
        return [row["synset_id"] for row in csv.DictReader(io.StringIO(text))]
    return [row["synset_id"] for _, row in _rows("--excluded-file", path, ("synset_id",))]


def decisions(path: str | None) -> dict[str, tuple[str, str]]:
    """synset_id → (keep or drop, who decided), from an audit sheet that came back; undecided lines are skipped."""
    found: dict[str, tuple[str, str]] = {}
    for where, row in _rows("--audit-decisions", path, ("synset_id", "decision", "auditor")):
        decision = (row["decision"] or "").strip().lower()
        if not decision:
            continue
        if decision not in DECISIONS:
            raise InputError(f"{where}: decision: wanted keep or drop, got {row['decision']!r}")
        if not (row["auditor"] or "").strip():
            raise InputError(f"{where}: auditor: a decision needs the name or id of who made it")
        before = found.setdefault(row["synset_id"], (decision, row["auditor"].strip()))
        if before[0] != decision:
            raise InputError(f"{where}: {row['synset_id']} is decided on twice, and differently")
    return found


def write_sheet(path: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """An audit sheet, for a person to fill in."""
    try:
        with open(path, "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(columns)
            writer.writerows(rows)
    except OSError as error:
        raise InputError(f"--audit-file {path}: cannot be written ({error.strerror})") from None


def _rows(flag: str, path: str | None, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    if path is None:
        return
    reader = csv.DictReader(_text(flag, path).splitlines())
    missing = sorted(set(columns) - set(reader.fieldnames or ()))
    if missing:
        raise InputError(
            f"{flag} {path}: column {', '.join(missing)} is missing; wanted {', '.join(columns)}"
        )
    for row in reader:
        yield f"{flag} {path}: line {reader.line_num}", row


def _text(flag: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{flag} {path}: cannot be read ({error})") from None
