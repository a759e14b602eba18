"""Fingerprinting through Spark against a plain loop of imagehash, per core, on a folder of real images.

    python benchmarks/fingerprints.py IMAGES [--runs 5] [--copies 16]

The loop runs on one core: open the file, ``imagehash.phash``. Ours is the whole path from table image_bytes, in a
session with one task at a time. Seconds are CPU seconds, ours those of the JVM and of all workers together, so that
nothing hides on another core and other load counts little. Decode floor: Pillow decoding the files, and nothing else.
"Alone" is what our tasks do to each image but for the last step, in a loop without Spark.
Pairs of runs alternate; medians are printed, and the hashes of exact mode are checked against the loop's.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import imagehash
import numpy as np
from common import cpu_seconds_of_tree, machine, scratch, session
from PIL import Image
from pyspark.sql import DataFrame, SparkSession

from synlake.spread import TASK_BYTES
from synlake.udfs.decode import MODES, Limits, Wanted, decode
from synlake.udfs.fingerprint import fingerprint_files
from synlake.udfs.phash import phash

WANTED = {
    "exact, pHash only": Wanted("exact", pixel_sha256=False),
    "exact, pHash and pixel_sha256": Wanted("exact"),
    "fast": Wanted("fast", pixel_sha256=False),
}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", type=Path, help="folder of images")
    parser.add_argument(
        "--runs", type=int, default=5, help="pairs of runs; 0: only compare the hashes of both modes"
    )
    parser.add_argument("--copies", type=int, default=16, help="times that the table holds each image")
    given = parser.parse_args(arguments)
    paths = sorted(path for path in given.images.iterdir() if path.is_file())
    print(
        f"{machine()}; {len(paths)} images, {sum(p.stat().st_size for p in paths) / len(paths) / 1e3:.0f} kB"
    )
    print(f"bits in which fast differs from exact: {differences(paths)}")
    if given.runs == 0:
        return 0
    with session(threads=1, memory="4g") as spark, scratch() as folder:
        images = stored(spark, paths, given.copies, str(folder / "image_bytes"))
        check_same_answer(images, paths)
        jobs: dict[str, Callable[[], float]] = {
            "imagehash loop": lambda: loop_ms(paths, lambda path: imagehash.phash(Image.open(path))),
            "decode floor, full": lambda: loop_ms(paths, lambda path: Image.open(path).load()),
            "decode floor, reduced": lambda: loop_ms(paths, reduced),
            "exact, pHash only, alone": lambda: loop_ms(paths, lambda path: alone(path, "exact, pHash only")),
            "fast, alone": lambda: loop_ms(paths, lambda path: alone(path, "fast")),
            **{
                name: lambda wanted=wanted: spark_ms(images, wanted, len(paths) * given.copies)
                for name, wanted in WANTED.items()
            },
        }
        for job in jobs.values():
            job()  # warm
        runs = [{name: job() for name, job in jobs.items()} for _ in range(given.runs)]
    print(f"{'':32}{'CPU ms':>9}{'× the loop':>12}{'× its floor':>13}")
    for name in jobs:
        own = statistics.median(run[name] for run in runs)
        gain = statistics.median(run["imagehash loop"] / run[name] for run in runs)
        floor = "decode floor, reduced" if "fast" in name else "decode floor, full"
        of_floor = statistics.median(run[name] / run[floor] for run in runs)
        print(f"{name:32}{own:9.3f}{gain:12.2f}{of_floor:13.2f}")
    return 0


def differences(paths: Sequence[Path]) -> str:
    """How many of the 64 bits, over all images."""
    both = [[decode(path.read_bytes(), Limits(), Wanted(mode, False)) for path in paths] for mode in MODES]
    exact, fast = (phash(np.stack([one.thumbnail for one in found if one])) for found in both)
    bits = np.bitwise_count((exact ^ fast).view(np.uint64))
    shares = ", ".join(f"{(bits <= most).mean():.1%} at most {most}" for most in (0, 2, 4))
    return f"{bits.mean():.2f} on average, {shares}; most {bits.max()}"


def reduced(path: Path) -> None:
    image = Image.open(path)
    image.draft("L", (64, 64))
    image.load()


def alone(path: Path, name: str) -> None:
    decode(path.read_bytes(), Limits(), WANTED[name])


def loop_ms(paths: Sequence[Path], work: Callable[[Path], object]) -> float:
    start = time.process_time()
    for path in paths:
        work(path)
    return (time.process_time() - start) / len(paths) * 1e3


def spark_ms(images: DataFrame, wanted: Wanted, n_images: int) -> float:
    """Milliseconds of all processors an image."""
    start = cpu_seconds_of_tree()
    hashed = fingerprint_files(images.sparkSession, images.inputFiles(), Limits(), wanted)
    hashed.write.format("noop").mode("overwrite").save()
    return (cpu_seconds_of_tree() - start) / n_images * 1e3


def stored(spark: SparkSession, paths: Sequence[Path], copies: int, folder: str) -> DataFrame:
    """The files as ingestion stores them, 128 MB together; ``copies`` rows each, since one job has a fixed cost."""
    contents = [path.read_bytes() for path in paths]
    rows = [(f"{hashlib.sha256(c).hexdigest()}-{k}", c) for k in range(copies) for c in contents]
    a_file = TASK_BYTES * len(contents) // sum(map(len, contents))
    for first in range(0, len(rows), a_file):
        part = spark.createDataFrame(rows[first : first + a_file], "image_id STRING, bytes BINARY")
        part.coalesce(1).write.format("delta").mode("append").option("compression", "none").save(folder)
    return spark.read.format("delta").load(folder)


def check_same_answer(images: DataFrame, paths: Sequence[Path]) -> None:
    hashed = fingerprint_files(
        images.sparkSession, images.inputFiles(), Limits(), WANTED["exact, pHash only"]
    )
    found = hashed.select("image_id", "phash").collect()
    ours = {row["image_id"].split("-")[0]: row["phash"] for row in found}
    for path in paths:
        bits = str(imagehash.phash(Image.open(path)))
        assert ours[hashlib.sha256(path.read_bytes()).hexdigest()] % 2**64 == int(bits, 16), path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
