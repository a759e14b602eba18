"""Freezing rows under a claimed name: the tables, the registry row, the manifest. Shared by every way to a release."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame

from synlake import __version__, manifest, plain_files, registry, tables, textfiles
from synlake.local_rows import local_rows
from synlake.methods.checksum import combine, row_hashes, table_checksums
from synlake.methods.taxonomy import above
from synlake.methods.withholding import published, withheld
from synlake.schemas import TABLES
from synlake.warehouse import Warehouse


@dataclass(frozen=True)
class Provenance:
    """Where a release comes from. ``left_out`` counts candidates by the reason why they are not in it."""

    kind: str
    frozen_at: dt.datetime
    config: Mapping[str, Any]
    left_out: Mapping[str, int] = field(default_factory=dict)
    parent: str | None = None
    reason: str | None = None
    label_protocol: Mapping[str, Any] = field(default_factory=dict)
    is_withheld: bool = False


def freeze(
    warehouse: Warehouse,
    mine: registry.Claim,
    rows: Mapping[str, DataFrame],
    origin: Provenance,
    *,
    sizes: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Add the rows of each table, register them as a release, write its manifest; returns its row in ``releases``.

    The caller holds the rows of ``release_images``, or knows that their keys are unique and gives the ``sizes`` of
    classes. With ``origin.is_withheld`` the labels of its holdout go to a table of their own.
    """
    images = rows["release_images"]
    shown = {"release_images": published(images), "release_withheld": withheld(images)}
    every = {**rows, **(shown if origin.is_withheld else {})}
    # The small tables wait for files more than they work.
    with ThreadPoolExecutor(len(every)) as pool:

        def add(table: str) -> None:
            if table == "release_images" and sizes:
                registry.add_unique_rows(warehouse, mine, table, every[table], sizes)
            else:
                registry.add_rows(warehouse, mine, table, every[table], is_held="images" in table)

        list(pool.map(add, every))
    now = replace(warehouse, pins={})
    row, by_class = _registry_row(now, warehouse, mine, origin)
    schema = TABLES["releases"].schema
    values = [tuple(row[name] for name in schema.names)]
    registry.register(warehouse, mine, local_rows(warehouse.spark, values, schema))
    _write_manifest(now, row, by_class)
    return row


def write_manifest(warehouse: Warehouse, row: Mapping[str, Any]) -> None:
    """Write the manifest and the seal of a registered release."""
    images = registry.rows_of(warehouse, row["release"])["release_images"]
    _write_manifest(warehouse, row, manifest.class_counts(images))


def _write_manifest(
    warehouse: Warehouse, row: Mapping[str, Any], by_class: Mapping[str, Mapping[str, int]]
) -> None:
    release = row["release"]
    textfiles.write(warehouse, manifest.path_of(release), manifest.as_text(manifest.build(row, by_class)))
    textfiles.write(
        warehouse, manifest.seal_path_of(release), manifest.as_text(manifest.seal(warehouse, row))
    )


def finished_by(warehouse: Warehouse, release: str, stage: str, settings: Any) -> dict[str, Any] | None:
    """The row of a release that a run with these settings and inputs registered before it was killed.

    Such a run has no row in ``stage_runs``. None where there is no such release, or it is another's.
    """
    row = registry.unrecorded(replace(warehouse, pins={}), release, stage)
    if row is None:
        return None
    same = json.dumps(json.loads(row["config"]).get(stage), sort_keys=True) == json.dumps(
        json.loads(json.dumps(asdict(settings), default=str)), sort_keys=True
    )
    read = {table: version for table, version in warehouse.pins.items() if version >= 0}
    return row if same and read.items() <= row["input_versions"].items() else None


def hierarchy_of(
    warehouse: Warehouse, release: str, nouns: Mapping[str, tuple[str, tuple[str, ...]]], classes: list[str]
) -> DataFrame:
    """Rows of ``release_hierarchy``; ``nouns`` has the (name, parent_ids) of each synset that is known."""
    nodes = above({synset_id: parent_ids for synset_id, (_, parent_ids) in nouns.items()}, classes)
    values = [
        (release, n.synset_id, nouns[n.synset_id][0], list(n.parent_ids), n.is_class, n.depth, n.height)
        for n in nodes
    ]
    return local_rows(warehouse.spark, values, TABLES["release_hierarchy"].schema)


def _registry_row(
    now: Warehouse, pinned: Warehouse, mine: registry.Claim, origin: Provenance
) -> tuple[dict[str, Any], dict[str, dict[str, int]]]:
    """The row that makes it a release, and its images by class and split: all of the rows as they were written."""
    found = _checksums(now, mine, is_withheld=origin.is_withheld)
    checksums = {table: checksum for table, (checksum, _) in found.items()}
    by_class = manifest.class_counts(registry.rows_of(now, mine.release)["release_images"])
    splits = sum((Counter(one) for one in by_class.values()), Counter[str]())
    counts = {f"split:{split}": n for split, n in sorted(splits.items())}
    if origin.is_withheld:
        counts["withheld"] = found["release_withheld"][1]
    return {
        "release": mine.release,
        "kind": origin.kind,
        "parent": origin.parent,
        "reason": origin.reason,
        "content_checksum": combine(checksums),
        "table_checksums": checksums,
        "frozen_at": origin.frozen_at,
        "n_images": sum(splits.values()),
        "n_synsets": found["release_synsets"][1],
        "counts": {**counts, **{f"left_out:{reason}": n for reason, n in origin.left_out.items()}},
        "input_versions": {t: v for t in TABLES if (v := _version(pinned, t)) >= 0},
        "config": json.dumps(origin.config, sort_keys=True, default=str),
        "label_protocol": json.dumps(origin.label_protocol, sort_keys=True, default=str),
        "freeze_id": mine.number,
        "synlake_version": __version__,
    }, by_class


def _checksums(
    warehouse: Warehouse, mine: registry.Claim, *, is_withheld: bool
) -> dict[str, tuple[str, int]]:
    """(checksum, rows) by table. The hash of every row is kept, by which verify-release names one that differs.

    Not those of withheld labels: a hash of so little is undone by trying every class.
    """
    written = registry.rows_of(warehouse, mine.release)
    hashes = {table: row_hashes(df, table, TABLES[table].key[1:]) for table, df in written.items()}
    secrets = hashes.pop("release_withheld")
    folder = manifest.row_hashes_path_of(mine.release, mine.number)
    every = reduce(DataFrame.unionByName, hashes.values())
    plain_files.write_files(warehouse, folder, every, partition_by="table")
    found = table_checksums(manifest.row_hashes_of(warehouse, mine.release, mine.number), list(hashes))
    if is_withheld:
        found |= table_checksums(secrets, ["release_withheld"])
    return found


def _version(warehouse: Warehouse, table: str) -> int:
    return warehouse.pins.get(table, tables.version(warehouse, table))
