"""A driver that asks every executor where its Python and its packages come from, one JSON line each."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyspark.sql import SparkSession


def probe(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Import what the jobs' functions import, on an executor: every module of ours that may be needed there."""
    import importlib
    import json
    import pkgutil
    import sys

    import imagehash
    import numpy
    import PIL
    import scipy.fftpack

    import synlake.udfs.resample

    for _ in batches:
        pass
    for module in pkgutil.iter_modules(synlake.udfs.__path__, "synlake.udfs."):
        if not module.name.split(".")[-1].startswith("_"):  # resample.c, compiled, is no module
            importlib.import_module(module.name)
    paths = {module.__name__: module.__file__ for module in (imagehash, numpy, PIL, scipy, synlake.udfs)}
    about = {"python": sys.executable, "is_compiled": synlake.udfs.resample.is_compiled()}
    yield pa.RecordBatch.from_pylist([{"found": json.dumps(paths | about)}])


if __name__ == "__main__":
    table, found = sys.argv[1:]
    spark = SparkSession.Builder().getOrCreate()
    spark.range(4).write.format("delta").save(table)  # executors have the JARs of Delta
    rows = spark.read.format("delta").load(table).repartition(4).mapInArrow(probe, "found string").collect()
    Path(found).write_text("".join(f"{row.found}\n" for row in rows))
    spark.stop()
