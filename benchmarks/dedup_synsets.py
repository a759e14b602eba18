"""Deduplication within synsets at ImageNet's shape, against Spark reading and writing the same rows.

    python benchmarks/dedup_synsets.py --n 15000000

Synthetic rows: 22 thousand synsets of long-tailed sizes (a power law), 10 % near duplicates within each. The
floor reads the rows and writes them with nothing in between; ours writes them with duplicate_of and distance.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from common import machine, measured, ratios, scratch, session
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from synlake.methods.synset_dedup import ROWS_PER_TASK, flag_in_one_pass

_ROWS = "image_id string, synset_id string, phash long, n_pixels long, first_retrieved_at timestamp, precedence int"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=15_000_000)
    parser.add_argument("--synsets", type=int, default=22_000)
    parser.add_argument("--tau", type=int, default=8)
    given = parser.parse_args(arguments)
    print(machine())
    with scratch() as folder, session(threads=2) as spark:
        source, copied, target = (str(folder / name) for name in ("rows", "copied", "flagged"))
        synthetic_rows(spark, given.n, given.synsets).write.format("delta").save(source)
        rows = spark.read.format("delta").load(source)
        with measured() as floor:
            rows.write.format("delta").save(copied)
        with measured() as ours:
            n_tasks = -(-given.n // ROWS_PER_TASK)
            flagged = flag_in_one_pass(rows, tau=given.tau, n_tasks=n_tasks, by="synset_id").drop("near")
            flagged.write.format("delta").save(target)
        written = spark.read.format("delta").load(target)
        found = written.agg(F.count(F.lit(1)).alias("n"), F.count("duplicate_of").alias("dropped")).first()
        largest = rows.groupBy("synset_id").count().agg(F.max("count").alias("n")).first()
    assert found is not None  # an aggregate without groups has one row
    assert largest is not None
    print(
        f"{found['n']:,} rows, {given.synsets:,} synsets, the largest {largest['n']:,}; dropped {found['dropped']:,}"
    )
    print(f"floor:   {floor}\nsynlake: {ours}\nratio synlake / floor: {ratios(ours, floor)}")
    return 0


def synthetic_rows(spark: SparkSession, n: int, n_synsets: int) -> DataFrame:
    """``n`` rows; synset k has a share of about 1 / (k + 50), and every tenth row a neighbour in its synset."""
    weights = 1 / (np.arange(n_synsets) + 50)
    ends = np.cumsum(weights / weights.sum())

    def make(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            ids = batch.column("id").to_numpy()
            random = np.random.default_rng([5, int(ids[0])])
            synsets = np.sort(np.searchsorted(ends, random.random(len(ids))).clip(0, n_synsets - 1))
            hashes = random.integers(0, 2**64, len(ids), dtype=np.uint64)
            copies = np.flatnonzero((ids % 10 == 0)[1:] & (synsets[1:] == synsets[:-1])) + 1
            hashes[copies] = hashes[copies - 1] ^ (
                np.uint64(1) << random.integers(0, 64, len(copies), dtype=np.uint64)
            )
            numbers = pa.array([f"{(int(i) * 0x9E3779B97F4A7C15) % 2**64:016x}" * 4 for i in ids])
            names = pa.array([f"n{synset:08}" for synset in synsets.tolist()])
            pixels = pa.array(random.integers(10_000, 1_000_000, len(ids)))
            times = pa.array(np.full(len(ids), 1_767_000_000_000_000)).cast(pa.timestamp("us", "UTC"))
            yield pa.RecordBatch.from_arrays(
                [
                    numbers,
                    names,
                    pa.array(hashes.view(np.int64)),
                    pixels,
                    times,
                    pa.array(np.ones(len(ids), np.int32)),
                ],
                names=[part.split()[0] for part in _ROWS.split(", ")],
            )

    return spark.range(0, n, 1, max(2, n // 500_000)).mapInArrow(make, _ROWS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
