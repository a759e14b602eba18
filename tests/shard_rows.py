"""Shards without Spark: rows that go through ``mapInArrow`` in one task, and what is written of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
from pyspark.sql.types import IntegerType, LongType, StringType, StructField, StructType

from synlake.udfs.export_images import write_shards
from synlake.udfs.shards import finished

COLUMNS = {"shard": StringType(), "split": StringType(), "label": StringType(), "class_index": IntegerType(),
           "image_id": StringType(), "size_bytes": LongType()}  # fmt: skip
SCHEMA = StructType([StructField(name, kind) for name, kind in COLUMNS.items()])


class Rows:
    """Just enough of a DataFrame: its rows go through ``mapInArrow`` in small batches, in one task."""

    def __init__(self, rows: list[dict]) -> None:
        self.rows, self.schema = rows, SCHEMA

    def select(self, *names: str) -> Rows:
        return Rows([{name: row[name] for name in names} for row in self.rows])

    def mapInArrow(self, function, _schema) -> list[dict]:  # noqa: N802 - Spark's name
        batches = pa.Table.from_pylist(self.rows).to_batches(max_chunksize=37)
        return [row for batch in function(iter(batches)) for row in batch.to_pylist()]


def streamed(folder: Path, by_id, rows, ending: str = "tar", names=("a", "b")):
    records = folder / ".export"
    records.mkdir()
    full = [{**r, "bytes": by_id[r["image_id"]], "shard": r["shard"].replace("tar", ending)} for r in rows]
    limits = {"shorter_px": 0, "max_bytes": 0, "class_names": list(names)}
    written = write_shards(Rows(full), root=str(folder), records_dir=str(records), **limits)
    assert [tuple(one.values()) for one in written] == finished(str(folder), str(records))
    for one in written:
        content = (folder / one["path"]).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (one["sha256"], one["size_bytes"])
    return sorted(folder.glob(f"*.{ending}"))
