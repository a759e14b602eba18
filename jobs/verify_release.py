"""Verify a release: recompute every count and checksum, and find what was changed, is missing or was added.

--deep also hashes the bytes of its images against their image_id, and decodes them. Exit code 3 where
anything differs; each fault is a row.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import zip_longest
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import manifest, output, registry, tables, textfiles
from synlake.config import bad_name, option
from synlake.errors import without_classes
from synlake.jobs import released
from synlake.methods.checksum import combine, content_checksum, row_hashes
from synlake.methods.verification import byte_faults, row_faults, split_faults
from synlake.schemas import TABLES
from synlake.spread import wide_rows
from synlake.suiting import suited_to_rows
from synlake.udfs.decode import Limits, Wanted
from synlake.udfs.fingerprint import fingerprint
from synlake.warehouse import Warehouse

EXAMPLE = "verify-release --release v1.0.0 --deep"
NEEDS_WAREHOUSE = True
COLUMNS = ("check", "is_ok", "what")
#: Rows named of each fault.
SAMPLE = 5
#: Ids that are sent to every task, so that the bytes of no other images are looked at: 100 MB.
BROADCAST_IDS = 1_000_000
Finding = tuple[str, bool, str]


@dataclass(frozen=True)
class Config:
    """Settings of verify-release."""

    release: str = option(None, "the release", check=bad_name, is_needed=True)
    deep: bool = option(False, "also read, hash and decode the bytes of its images")


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Run every check, whatever the others found; print a row a check."""
    findings = list(check(warehouse, settings.release, deep=settings.deep))
    output.emit(COLUMNS, findings, arguments.format)
    n_bad = sum(not is_ok for _, is_ok, _ in findings)
    released.tell_notices(warehouse, settings.release)
    output.say(f"release {settings.release}: {f'{n_bad} checks failed' if n_bad else 'is as it was frozen'}")
    return 3 if n_bad else 0


def check(warehouse: Warehouse, release: str, *, deep: bool) -> Iterator[Finding]:
    """(check, is_ok, what was found), one a check. Tables are read as every engine reads them: by Delta's log."""
    warehouse = replace(warehouse, trusts_lists=False)
    try:
        row = registry.row_of(warehouse, release)
    except (PySparkException, Py4JError) as error:
        yield "registry", False, f"cannot be read: {_reason(error)}"
        return
    rows = registry.rows_of(warehouse, release)
    with suited_to_rows(warehouse.spark, row["n_images"]):
        yield from _record(warehouse, row, rows)
    if deep:
        with wide_rows(warehouse.spark):
            yield _guarded("bytes", lambda: _bytes(warehouse, row, rows["release_images"]))


def _record(warehouse: Warehouse, row: dict[str, Any], rows: Mapping[str, DataFrame]) -> Iterator[Finding]:
    """The checks that need no bytes of images."""
    yield _guarded("files", lambda: _files(warehouse, row))
    checksums: dict[str, str] = {}
    for table, wanted in sorted(row["table_checksums"].items()):
        if table == "release_withheld" and not tables.exists(warehouse, table):
            checksums[table] = wanted
            yield f"rows of {table}", True, "withheld: not in this warehouse, as it should be in a copy"
            continue
        yield _guarded(f"rows of {table}", partial(_rows, warehouse, row, rows[table], table, checksums))
    yield _guarded("content_checksum", lambda: _same(combine(checksums), row["content_checksum"]))
    yield _guarded("manifest", lambda: _manifest(warehouse, row, rows["release_images"]))
    yield _guarded("splits", lambda: _none(split_faults(rows["release_images"])))


def _guarded(name: str, find: Callable[[], tuple[bool, str]]) -> Finding:
    """A check whose input cannot even be read has failed too, and the others go on."""
    try:
        is_ok, what = find()
    except (PySparkException, Py4JError) as error:
        is_ok, what = False, f"cannot be read: {_reason(error)}"
    return name, is_ok, what


def _reason(error: Exception) -> str:
    """The line that names the file."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next((line for line in lines if "Checksum" in line or "parquet" in line.lower()), lines[0])
    return without_classes(told)[:300]


def _same(found: object, wanted: object) -> tuple[bool, str]:
    return found == wanted, str(found) if found == wanted else f"{found}, wanted {wanted}"


def _none(faults: DataFrame) -> tuple[bool, str]:
    """``faults`` has ``fault, key``; the first keys are named."""
    first = faults.orderBy("fault", "key").limit(SAMPLE).collect()
    if not first:
        return True, "none differs"
    return False, f"{faults.count()} rows, first: " + "; ".join(
        f"{row['key']}: {row['fault']}" for row in first
    )


def _rows(
    warehouse: Warehouse, row: dict[str, Any], rows: DataFrame, table: str, found: dict[str, str]
) -> tuple[bool, str]:
    """The checksum over the rows; where it differs, the rows whose hash is not what it was."""
    found[table] = content_checksum(rows)
    is_ok, what = _same(found[table], row["table_checksums"][table])
    if is_ok or table == "release_withheld":
        return is_ok, what
    frozen = manifest.row_hashes_of(warehouse, row["release"], row["freeze_id"]).where(
        F.col("table") == table
    )
    return False, _none(row_faults(row_hashes(rows, table, TABLES[table].key[1:]), frozen))[1]


def _files(warehouse: Warehouse, row: dict[str, Any]) -> tuple[bool, str]:
    """The data files against the seal. Compacting a table rewrites its files: then only rows can be compared."""
    path = manifest.seal_path_of(row["release"])
    text = textfiles.read(warehouse, path)
    if text is None:
        return False, f"{path} is missing"
    try:
        wanted: dict[str, Any] = json.loads(text)
    except json.JSONDecodeError as error:
        return False, f"{path} is not what was written: {error}"
    if manifest.as_text(wanted) != text:
        return False, f"{path} is not what was written"
    if not tables.exists(warehouse, "release_withheld"):  # a copy for others
        wanted = {name: one for name, one in wanted.items() if not name.startswith("release_withheld/")}
    unread = {name for name, one in wanted.items() if one.pop("is_unread", False)}
    found = manifest.data_files(warehouse, row)
    changed = sorted(name for name in wanted.keys() & found.keys() if wanted[name] != found[name])
    listed = {
        "changed": changed,
        "missing": sorted(wanted.keys() - found.keys() - unread),
        "extra": sorted(found.keys() - wanted.keys()),
    }
    faults = [f"{what}: {', '.join(names[:SAMPLE])}" for what, names in listed.items() if names]
    return not faults, "; ".join(faults) or f"{len(found)} data files, none differs"


def _manifest(warehouse: Warehouse, row: dict[str, Any], images: DataFrame) -> tuple[bool, str]:
    text = textfiles.read(warehouse, manifest.path_of(row["release"]))
    if text is None:
        return False, f"{manifest.path_of(row['release'])} is missing"
    wanted = manifest.as_text(manifest.build(row, manifest.class_counts(images)))
    if text == wanted:
        return True, manifest.path_of(row["release"])
    lines = zip_longest(text.splitlines(), wanted.splitlines(), fillvalue="")
    at, pair = next(((n, pair) for n, pair in enumerate(lines, 1) if pair[0] != pair[1]), (0, ("", "")))
    return False, f"line {at} is {pair[0].strip()!r}, wanted {pair[1].strip()!r}"


def _bytes(warehouse: Warehouse, row: dict[str, Any], images: DataFrame) -> tuple[bool, str]:
    wanted = images.select("image_id", "phash").distinct()
    stored = tables.read_or_empty(warehouse, "image_bytes").select("image_id", "bytes")
    mine = stored.select("image_id").join(wanted, on="image_id", how="left_semi")
    if not images.where("label_source = 'import'").isEmpty() and mine.isEmpty():
        return True, "a release imported without bytes"
    # Of more, all that is stored is decoded: that costs less than to move bytes to their ids.
    if row["n_images"] <= BROADCAST_IDS:
        stored = stored.join(F.broadcast(wanted.select("image_id")), on="image_id", how="left_semi")
    fast = images.where("hash_mode = 'fast'").limit(1).count() > 0
    wanted_hash = Wanted("fast" if fast else "exact", pixel_sha256=False)
    hashed = stored.select("image_id", F.sha2("bytes", 256).alias("sha256"))
    decoded = fingerprint(stored, _limits(row), wanted_hash).select(
        "image_id", F.col("phash").alias("phash_now"), "reject_reason"
    )
    return _none(byte_faults(wanted, hashed, decoded))


def _limits(row: dict[str, Any]) -> Limits:
    """What decoding an image may cost: the usual, or what fingerprint-images was told when that is more.

    An earlier run of it may have taken smaller ones than the last, whose settings these are, so any size will do.
    """
    told, usual = json.loads(row["config"]).get("fingerprint-images", {}), Limits()
    return Limits(
        max_pixels=max(usual.max_pixels, told.get("max_pixels", 0)),
        min_side_px=1,
        decode_seconds=max(usual.decode_seconds, told.get("decode_seconds", 0.0)),
    )
