"""Which copies pHash finds, by what was done to them: real images, twenty transforms each, by threshold.

    python benchmarks/dedup_recall.py IMAGES [--n-images 200] [--plot recall.png]

A copy is found at tau when it is less than tau bits from its original. A false pair is two different
originals (or their copies) that are. Beside it the same for imagededup's PHash.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from common import machine
from peer_imagededup import imagededup_phash
from PIL import Image
from transforms import TRANSFORMS

from synlake.methods.banded_join import near_pairs
from synlake.udfs.phash import phash
from synlake.udfs.resample import THUMBNAIL_PX

TAUS = (4, 6, 8, 10, 12, 14, 16)
Hashes = npt.NDArray[np.uint64]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", type=Path, help="folder of images")
    parser.add_argument("--n-images", type=int, default=10_000, help="the first so many by name")
    parser.add_argument("--plot", type=Path, help="write the curves to this file; needs matplotlib")
    given = parser.parse_args(arguments)
    paths = sorted(path for path in given.images.iterdir() if path.is_file())[: given.n_images]
    print(f"{machine()}; {len(paths)} originals, {len(TRANSFORMS)} copies of each")
    hashers = {"synlake": our_hashes, "imagededup": imagededup_hashes()}
    hashes = hash_all(paths, {name: hasher for name, hasher in hashers.items() if hasher})
    recalls = {name: recall(columns) for name, columns in hashes.items()}
    false = {name: false_pairs(columns) for name, columns in hashes.items()}
    print_table(recalls, false)
    if given.plot:
        plot(recalls, false, given.plot)
    return 0


def our_hashes(images: list[Image.Image]) -> Hashes:
    """(n,) as fingerprint-images computes them in exact mode."""
    size = (THUMBNAIL_PX, THUMBNAIL_PX)
    small = [np.asarray(image.convert("L").resize(size, Image.Resampling.LANCZOS)) for image in images]
    return phash(np.stack(small)).view(np.uint64)


def imagededup_hashes() -> Callable[[list[Image.Image]], Hashes] | None:
    """(n,) as imagededup's PHash computes them; None where it is not installed."""
    hasher = imagededup_phash()
    if hasher is None:
        return None

    def hashes(images: list[Image.Image]) -> Hashes:
        values = [hasher.encode_image(image_array=np.asarray(image.convert("RGB"))) for image in images]
        return np.array([int(value, 16) for value in values], np.uint64)

    return hashes


def hash_all(paths: list[Path], hashers: dict[str, Any]) -> dict[str, npt.NDArray[np.uint64]]:
    """By hasher (n, 21): the hash of each original and of its copies, in the order of TRANSFORMS."""
    rows: dict[str, list[Hashes]] = {name: [] for name in hashers}
    for path in paths:
        with Image.open(path) as opened:
            original = opened.convert("RGB")
        images = [original, *(transform(original) for transform in TRANSFORMS.values())]
        for name, hasher in hashers.items():
            rows[name].append(hasher(images))
    return {name: np.stack(found) for name, found in rows.items()}


def recall(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """(transforms, taus): share of copies less than tau bits from their original."""
    distance = np.bitwise_count(hashes[:, 1:] ^ hashes[:, :1])
    shares: npt.NDArray[np.float64] = np.stack([(distance < tau).mean(axis=0) for tau in TAUS], axis=1)
    return shares


def false_pairs(hashes: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.int64], float]:
    """(taus,) pairs of images of different originals less than tau bits apart, and of how many pairs."""
    n, copies = hashes.shape
    left, right, distance = near_pairs(hashes.reshape(-1), TAUS[-1] - 1)
    is_false = left // copies != right // copies
    counts = np.array([int((distance[is_false] < tau).sum()) for tau in TAUS])
    return counts, n * (n - 1) / 2 * copies**2


def print_table(recalls: dict[str, npt.NDArray[np.float64]], false: dict[str, Any]) -> None:
    names = list(recalls)
    print("\n| copies found, % | " + " | ".join(f"τ {tau}" for tau in TAUS) + " |")
    print("| --- |" + " ---: |" * len(TAUS))
    rows = [(name, [recalls[one][at] for one in names]) for at, name in enumerate(TRANSFORMS)]
    rows.append(
        (
            "all but mirror",
            [np.delete(recalls[n], list(TRANSFORMS).index("mirror"), 0).mean(0) for n in names],
        )
    )
    for title, shares in rows:
        cells = [" / ".join(f"{100 * share[at]:.1f}" for share in shares) for at in range(len(TAUS))]
        print(f"| {title} | " + " | ".join(cells) + " |")
    counts = [" / ".join(f"{false[name][0][at]:,}" for name in names) for at in range(len(TAUS))]
    print("| false pairs | " + " | ".join(counts) + " |")
    print(f"\n{' / '.join(names)}; false pairs of {false[names[0]][1]:,.0f} pairs of different originals")


def plot(recalls: dict[str, npt.NDArray[np.float64]], false: dict[str, Any], target: Path) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        sys.exit("--plot needs matplotlib\n  next: pip install 'synlake[plot]'")
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    for at, name in enumerate(TRANSFORMS):
        axes.plot(TAUS, 100 * recalls["synlake"][at], marker="o", label=name, color=f"C{at % 10}",
                  linestyle="-" if at < 10 else "--")  # fmt: skip
    axes.set(
        xlabel="τ, bits", ylabel="copies found, %", title="pHash: copies found by transform and threshold"
    )
    pairs = axes.twinx()
    pairs.plot(TAUS, false["synlake"][0], color="black", linewidth=2)
    pairs.set_ylabel("false pairs (black)")
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.1, 0.5))
    figure.savefig(target, dpi=120)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
