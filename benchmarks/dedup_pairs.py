"""All pairs of 64-bit hashes at a distance below tau: Delta table to Delta table, against FAISS.

    python benchmarks/dedup_pairs.py --n 1000000                  random hashes, 10 % of them planted neighbours
    python benchmarks/dedup_pairs.py --n 1000000 --skew IMAGES    hashes of real images and of their transforms,
                                                                  1 % of them blank images that share one hash
    python benchmarks/dedup_pairs.py --n 10000 --peer imagededup  the first, against imagededup's PHash
    python benchmarks/dedup_pairs.py --grow 1000000 4000000 10000000   ours alone: time, memory, ratio a doubling

Without --skew the hashes are synthetic. Start-up is left out on both sides: of Spark, a table of a thousand hashes
is joined before (classes are loaded and Python workers forked), of FAISS, its import. Figures are medians of --runs;
a peer that takes minutes runs once.
FAISS: IndexBinaryMultiHash with 3 × 21 bits and 2 flips, its best setting here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from common import Measured, machine, measured, middle, ratios, scratch, session
from peer_imagededup import imagededup_phash
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from real_hashes import real_hashes

from synlake.methods.banded_join import near_pairs
from synlake.methods.pair_routing import near_hashes, plan_join

THREADS = 2
#: A peer that takes longer runs once.
_LONG_S = 120


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--tau", type=int, default=8)
    parser.add_argument("--skew", type=Path, metavar="IMAGES", help="hash what is in this folder of images")
    parser.add_argument("--grow", type=int, nargs="*", default=())
    parser.add_argument("--runs", type=int, default=3, help="of each; the median counts")
    parser.add_argument("--peer", choices=(*PEERS, "none"), default="FAISS")
    given = parser.parse_args(arguments)
    print(machine())
    if given.grow:
        grow(given.grow, given.tau)
        return 0
    hashes = skewed_hashes(given.skew, given.n) if given.skew else synthetic_hashes(given.n)
    ours, pairs = run_ours(hashes, given.tau, n_runs=given.runs)
    print(f"synlake: {len(pairs):,} pairs, {ours}")
    if given.peer == "none":
        return 0
    distinct = np.unique(hashes)
    with measured() as kernel:
        near_pairs(distinct, given.tau - 1)
    print(f"synlake's kernel alone, one core, in memory: {kernel}", flush=True)
    peer, peer_pairs = PEERS[given.peer](distinct, given.tau)
    if peer.seconds < _LONG_S:
        peer = middle([peer, *(PEERS[given.peer](distinct, given.tau)[0] for _ in range(given.runs - 1))])
    is_same = np.array_equal(pairs, peer_pairs)
    print(f"{given.peer}: {len(peer_pairs):,} pairs, {peer}")
    print(f"ratio {given.peer} / synlake: {ratios(peer, ours)}; pairs identical: {is_same}")
    return 0 if is_same else 1


def synthetic_hashes(n: int, *, seed: int = 5) -> npt.NDArray[np.uint64]:
    """(n,) random hashes; every tenth is an earlier one with 1 to 7 bits flipped."""
    random = np.random.default_rng(seed)
    hashes = random.integers(0, 2**64, n, dtype=np.uint64)
    n_planted = n // 10
    neighbours = hashes[random.integers(n_planted, n, n_planted)]
    n_flips = random.integers(1, 8, n_planted)
    for turn in range(7):
        bit = np.uint64(1) << random.integers(0, 64, n_planted, dtype=np.uint64)
        neighbours = np.where(turn < n_flips, neighbours ^ bit, neighbours)
    hashes[:n_planted] = neighbours
    return hashes


def skewed_hashes(folder: Path, n: int) -> npt.NDArray[np.uint64]:
    """(n,) hashes of real pictures and their transforms, and one hash that a hundredth of them share."""
    hashes = real_hashes(folder, n)
    hashes[-(n // 100) :] = 0x8000000000000000  # the pHash of an image of one colour
    print(f"{n:,} images, {len(np.unique(hashes)):,} different hashes", flush=True)
    return hashes


def run_ours(
    hashes: npt.NDArray[np.uint64], tau: int, *, n_runs: int
) -> tuple[Measured, npt.NDArray[np.uint64]]:
    """From a Delta table of images to one of pairs of their hashes; start-up of Spark excluded."""
    runs = []
    with scratch() as folder, session(threads=THREADS) as spark:
        source, target = str(folder / "images"), str(folder / "pairs")
        write_images(spark, hashes[:1000], folder, str(folder / "few"))
        join_tables(spark, str(folder / "few"), str(folder / "few pairs"), tau)
        write_images(spark, hashes, folder, source)
        for _ in range(n_runs):
            with measured() as result:
                join_tables(spark, source, target, tau)
            print(f"  a run of synlake: {result}", flush=True)
            runs.append(result)
        found = spark.read.format("delta").load(target).toArrow()
    left, right = (found.column(name).to_numpy().view(np.uint64) for name in ("hash_l", "hash_r"))
    return middle(runs), ordered(left, right)


def join_tables(spark: SparkSession, source: str, target: str, tau: int) -> None:
    images = spark.read.format("delta").load(source)
    plan = plan_join(images.count(), tau - 1)
    print(plan.describe(), flush=True)
    nodes = images.select(F.lit("").alias("scope"), F.col("phash").alias("hash")).distinct()
    pairs = near_hashes(nodes.withColumn("is_known", F.lit(False)), plan)
    pairs.write.format("delta").mode("overwrite").save(target)


def write_images(spark: SparkSession, hashes: npt.NDArray[np.uint64], folder: Path, target: str) -> None:
    table = pa.table({"image_id": pa.array(np.arange(len(hashes))), "phash": hashes.view(np.int64)})
    pq.write_table(table, folder / "images.parquet")
    spark.read.parquet(str(folder / "images.parquet")).write.format("delta").save(target)


def run_faiss(hashes: npt.NDArray[np.uint64], tau: int) -> tuple[Measured, npt.NDArray[np.uint64]]:
    """The pairs that FAISS finds in memory, from array to array."""
    import faiss

    faiss.omp_set_num_threads(THREADS)
    with measured() as result:
        codes = hashes.view(np.uint8).reshape(-1, 8)
        index = faiss.IndexBinaryMultiHash(64, 3, 21)
        index.nflip = 2
        index.add(codes)
        lims, _, found = index.range_search(codes, tau)
        asked = np.repeat(np.arange(len(hashes)), np.diff(lims.astype(np.int64)))
        once = asked < found
        left, right = hashes[asked[once]], hashes[found[once]]
    return result, ordered(left, right)


def run_imagededup(hashes: npt.NDArray[np.uint64], tau: int) -> tuple[Measured, npt.NDArray[np.uint64]]:
    """The pairs that imagededup finds in memory, by its default search in two processes."""
    hasher = imagededup_phash()
    if hasher is None:
        sys.exit(1)
    encodings = {f"{value:016x}": f"{value:016x}" for value in hashes.tolist()}
    with measured() as result:
        found = hasher.find_duplicates(
            encoding_map=encodings, max_distance_threshold=tau - 1, num_dist_workers=THREADS
        )
        pairs = [(int(a, 16), int(b, 16)) for a, near in found.items() for b in near if a < b]
    columns = np.array(pairs, np.uint64).reshape(-1, 2)
    return result, ordered(columns[:, 0], columns[:, 1])


def ordered(left: npt.NDArray[np.uint64], right: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """(n, 2) pairs, the lesser hash first, in order."""
    pairs = np.stack([np.minimum(left, right), np.maximum(left, right)], axis=1)
    result: npt.NDArray[np.uint64] = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    return result


def grow(sizes: Sequence[int], tau: int) -> None:
    before: tuple[int, float] | None = None
    for n in sizes:
        result, pairs = run_ours(synthetic_hashes(n), tau, n_runs=1)
        a_doubling = ""
        if before:
            doublings = np.log2(n / before[0])
            a_doubling = f", ×{(result.seconds / before[1]) ** (1 / doublings):.2f} a doubling"
        print(f"{n:,} hashes: {len(pairs):,} pairs, {result}{a_doubling}", flush=True)
        before = (n, result.seconds)


PEERS = {"FAISS": run_faiss, "imagededup": run_imagededup}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
