"""Downloading on executors: a DataFrame of URLs in, one row a URL out, with its bytes where it ended well."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import BinaryType, DoubleType, LongType, StringType, StructField, StructType

from synlake.udfs.download import Limits, Result, download
from synlake.udfs.files import BATCH_BYTES
from synlake.udfs.spool import Spool

_TYPES = {
    "http_status": LongType(),
    "n_attempts": LongType(),
    "size_bytes": LongType(),
    "asked_us": LongType(),
}
_COLUMNS = [field.name for field in fields(Result) if field.name != "retry_after"]
_FETCHED = StructType(
    [
        StructField(name, DoubleType() if name == "seconds" else _TYPES.get(name, StringType()), True)
        for name in _COLUMNS
    ]
    + [StructField("bytes", BinaryType(), True)]
)


def fetch(urls: DataFrame, *, limits: Limits, n_tasks: int, spool: str | None) -> DataFrame:
    """``url`` in, one row a URL out: how it ended (:class:`synlake.udfs.download.Result`) and ``bytes``.

    All URLs of a host go to one task, so that the host is asked no faster by many tasks than by one.
    ``spool`` is a folder that all executors share, where there is one: ``bytes`` are null then, and stay there for
    :func:`with_bodies`. Else each task has a folder of its own for the time it runs, bytes are in the rows, and a
    killed run has its last batch to fetch again.
    """

    def fetch_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with contextlib.ExitStack() as stack:
            folder = Path(spool or stack.enter_context(tempfile.TemporaryDirectory(prefix="synlake-")))
            for batch in batches:
                asked = batch.column(0).to_pylist()
                download(asked, limits, folder)
                yield from _rows(asked, Spool(folder), has_bytes=spool is None)

    host = F.lower(F.regexp_extract("url", r"^\w+://(?:[^/@]*@)?([^/:?#]+)", 1))
    by_host = urls.select("url").repartition(n_tasks, host)
    return by_host.mapInArrow(fetch_batches, _FETCHED)


def with_bodies(images: DataFrame, spool: str) -> DataFrame:
    """``images`` (``image_id, size_bytes, url``) with their ``bytes`` from a shared spool; about 16 MB in a batch."""

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        bodies = Spool(Path(spool))
        for batch in batches:
            ends = np.cumsum(batch.column("size_bytes").to_numpy()) // BATCH_BYTES
            for part in np.unique(ends).tolist():
                first, last = np.searchsorted(ends, [part, part + 1])
                rows = batch.slice(first, last - first)
                found = [bodies.content(url) for url in rows.column("url").to_pylist()]
                yield pa.RecordBatch.from_arrays(
                    [rows.column("image_id"), rows.column("size_bytes"), pa.array(found, pa.binary())],
                    names=["image_id", "size_bytes", "bytes"],
                )

    narrow = images.select("image_id", "size_bytes", "url")
    return narrow.mapInArrow(read, "image_id string, size_bytes bigint, bytes binary")


def _rows(urls: list[str], spool: Spool, *, has_bytes: bool) -> Iterator[pa.RecordBatch]:
    """The ended downloads, in batches of about BATCH_BYTES."""
    rows: list[dict[str, Any]] = []
    held = 0
    for url in urls:
        result = spool.result(url)
        content = spool.content(url) if has_bytes and result["status"] == "ok" else None
        rows.append({**{name: result[name] for name in _COLUMNS}, "bytes": content})
        held += len(content or b"")
        if held >= BATCH_BYTES:
            yield _batch(rows)
            rows, held = [], 0
    if rows:
        yield _batch(rows)


def _batch(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=to_arrow_schema(_FETCHED))
