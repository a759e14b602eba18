"""A release on one page: ``release_manifest.json``, the same text for the same release on any machine.

It is a function of the release's rows and of its row in ``releases``, so it can be made again and compared.
The *seal* beside it lists the data files as they were written here, to find a changed byte without decoding.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synlake import plain_files, registry, textfiles
from synlake.warehouse import Warehouse

#: Raised when the keys of the manifest change their meaning.
MANIFEST_VERSION = 1


def path_of(release: str) -> str:
    """Where the manifest of a release is, below the warehouse."""
    return f"manifests/{release}/release_manifest.json"


def seal_path_of(release: str) -> str:
    """Where the list of a release's data files is, below the warehouse."""
    return f"manifests/{release}/release_files.json"


def row_hashes_path_of(release: str, freeze_id: int) -> str:
    """Where the hash of every row of a release is, by which a row that differs can be named.

    Each freeze has a folder of its own, so that one that lost the name to another leaves the other's alone.
    """
    return f"manifests/{release}/row_hashes/{freeze_id}"


def row_hashes_of(warehouse: Warehouse, release: str, freeze_id: int) -> DataFrame:
    """``table, key, row_sha256`` of every row of a release as it was frozen, but for withheld labels."""
    schema = "key string, row_sha256 binary, table string"
    return plain_files.read_files(warehouse, row_hashes_path_of(release, freeze_id), schema)


def as_text(content: Mapping[str, Any]) -> str:
    """Canonical JSON: keys sorted, one a line, so that two manifests can be compared with ``diff``."""
    return json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def class_counts(images: DataFrame) -> dict[str, dict[str, int]]:
    """Images by class and split; as many entries as there are classes."""
    counts: dict[str, dict[str, int]] = {}
    for row in images.groupBy("label", "split").agg(F.count(F.lit(1)).alias("n")).collect():
        counts.setdefault(row["label"], {})[row["split"]] = row["n"]
    return counts


def build(row: Mapping[str, Any], by_class: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """The manifest, from the release's row in ``releases`` and its images by class and split."""
    return {
        "manifest_version": MANIFEST_VERSION,
        "release": row["release"],
        "kind": row["kind"],
        "parent": row["parent"],
        "reason": row["reason"],
        "frozen_at": _utc(row["frozen_at"]),
        "synlake_version": row["synlake_version"],
        "content_checksum": row["content_checksum"],
        "tables": dict(row["table_checksums"]),
        "n_images": row["n_images"],
        "n_classes": row["n_synsets"],
        "counts": dict(row["counts"]),
        "classes": {label: dict(splits) for label, splits in by_class.items()},
        "input_versions": dict(row["input_versions"]),
        "label_protocol": json.loads(row["label_protocol"]),
        "config": json.loads(row["config"]),
    }


def seal(warehouse: Warehouse, row: Mapping[str, Any]) -> dict[str, Any]:
    """:func:`data_files` as they were frozen; ``is_unread`` says of one that no row is in it.

    Such files are what a killed freeze left, that this one took over from: ``VACUUM`` removes them one day.
    """
    found, read = data_files(warehouse, row), registry.files_of(warehouse, row["release"])
    # The hashes of rows are no Delta table, whose log would say what it reads.
    tables = tuple(f"{table}/" for table in registry.ROW_TABLES)
    unread = {path for path in found if path.startswith(tables) and path not in read}
    return {path: {**one, "is_unread": True} if path in unread else one for path, one in found.items()}


def data_files(warehouse: Warehouse, row: Mapping[str, Any]) -> dict[str, Any]:
    """sha256 and size of every data file in the release's folders, by path below the warehouse."""
    folders = [f"{table}/release={row['release']}" for table in registry.ROW_TABLES]
    folders.append(row_hashes_path_of(row["release"], row["freeze_id"]))
    there = [folder for folder in folders if textfiles.exists(warehouse, folder)]
    if not there:
        return {}
    # One row a file: as many as the tables have.
    found = plain_files.file_checksums(warehouse, there).collect()
    return {one["path"]: {"sha256": one["sha256"], "size_bytes": one["size_bytes"]} for one in found}


def _utc(moment: dt.datetime) -> str:
    """ISO 8601, UTC; Spark hands times over without their zone, in that of this machine."""
    return moment.astimezone(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
