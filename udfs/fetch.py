"""Downloading on executors: a DataFrame of URLs in, one row a URL out, with its bytes where it ended well."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import BinaryType, DoubleType, LongType, StringType, StructField, StructType

from synlake.udfs.download import Limits, Result, download
from synlake.udfs.files import batches_of
from synlake.udfs.image_store import Images
from synlake.udfs.spool import Spool, contents

_TYPES = {
    "http_status": LongType(),
    "n_attempts": LongType(),
    "size_bytes": LongType(),
    "asked_us": LongType(),
    "body_at": LongType(),
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
    killed run has its last two batches to fetch again.
    """

    def fetch_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with contextlib.ExitStack() as stack:
            folder = Path(spool or stack.enter_context(tempfile.TemporaryDirectory(prefix="synlake-")))
            finished = stack.enter_context(Spool(folder))
            for batch in batches:
                asked = batch.column(0).to_pylist()
                download(asked, limits, finished)
                ended = _ended(asked, finished, has_bytes=spool is None)
                yield from batches_of(ended, _FETCHED)

    host = F.lower(F.regexp_extract("url", r"^\w+://(?:[^/@]*@)?([^/:?#]+)", 1))
    by_host = urls.select("url").repartition(n_tasks, host)
    return by_host.mapInArrow(fetch_batches, _FETCHED)


def with_bodies(images: DataFrame, spool: str) -> Images:
    """Images (``image_id, size_bytes, body_file, body_at``) whose bytes a shared spool has."""

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[object, ...]]:
        for batch in batches:
            ids, sizes, *place = (batch.column(name).to_pylist() for name in wanted)
            bodies = contents(Path(spool), zip(*place, sizes, strict=True))
            yield from zip(ids, sizes, bodies, strict=True)

    wanted = ("image_id", "size_bytes", "body_file", "body_at")
    return Images(images.select(*wanted).sortWithinPartitions("body_file", "body_at"), read)


def _ended(urls: list[str], spool: Spool, *, has_bytes: bool) -> Iterator[tuple[object, ...]]:
    """Rows of ended downloads."""
    for url in urls:
        result = spool.result(url)
        content = spool.content(url) if has_bytes and result["status"] == "ok" else None
        yield *(result[name] for name in _COLUMNS), content
