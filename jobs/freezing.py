"""Freezing rows under a claimed name: the tables, the registry row, the manifest. Shared by every way to a release."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import __version__, manifest, registry, tables, textfiles
from synlake.methods.checksum import combine, content_checksum
from synlake.methods.taxonomy import above
from synlake.schemas import TABLES
from synlake.tables import Warehouse


@dataclass(frozen=True)
class Provenance:
    """Where a release comes from. ``left_out`` counts candidates by the reason why they are not in it."""

    kind: str
    frozen_at: dt.datetime
    config: Mapping[str, Any]
    left_out: Mapping[str, int] = field(default_factory=dict)
    parent: str | None = None
    reason: str | None = None


def freeze(
    warehouse: Warehouse, mine: registry.Claim, rows: Mapping[str, DataFrame], origin: Provenance
) -> str:
    """Add the rows of each table, register them as a release, write its manifest; returns the checksum."""
    for table, df in rows.items():
        registry.add_rows(warehouse, mine, table, df)
    now = replace(warehouse, pins={})
    written = registry.rows_of(now, mine.release)
    row = _registry_row(warehouse, mine, written, origin)
    schema = TABLES["releases"].schema
    values = [tuple(row[name] for name in schema.names)]
    registry.register(warehouse, mine, warehouse.spark.createDataFrame(values, schema))
    write_manifest(now, row)
    return str(row["content_checksum"])


def write_manifest(warehouse: Warehouse, row: Mapping[str, Any]) -> None:
    """Write the manifest and the seal of a registered release."""
    release = row["release"]
    images = registry.rows_of(warehouse, release)["release_images"]
    text = manifest.as_text(manifest.build(row, manifest.class_counts(images)))
    textfiles.write(warehouse, manifest.path_of(release), text)
    textfiles.write(
        warehouse, manifest.seal_path_of(release), manifest.as_text(manifest.seal(warehouse, release))
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
    return warehouse.spark.createDataFrame(values, TABLES["release_hierarchy"].schema)


def _registry_row(
    warehouse: Warehouse, mine: registry.Claim, written: Mapping[str, DataFrame], origin: Provenance
) -> dict[str, Any]:
    """The row that makes it a release. Counts and checksums are of the rows as they were written."""
    checksums = {table: content_checksum(df) for table, df in written.items()}
    splits = {
        f"split:{row['split']}": row["n"]
        for row in written["release_images"].groupBy("split").agg(F.count(F.lit(1)).alias("n")).collect()
    }
    return {
        "release": mine.release,
        "kind": origin.kind,
        "parent": origin.parent,
        "reason": origin.reason,
        "content_checksum": combine(checksums),
        "table_checksums": checksums,
        "frozen_at": origin.frozen_at,
        "n_images": sum(splits.values()),
        "n_synsets": written["release_synsets"].count(),
        "counts": {**splits, **{f"left_out:{reason}": n for reason, n in origin.left_out.items()}},
        "input_versions": {t: v for t in TABLES if (v := _version(warehouse, t)) >= 0},
        "config": json.dumps(origin.config, sort_keys=True, default=str),
        "freeze_id": mine.number,
        "synlake_version": __version__,
    }


def _version(warehouse: Warehouse, table: str) -> int:
    return warehouse.pins.get(table, tables.version(warehouse, table))
