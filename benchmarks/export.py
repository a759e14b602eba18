"""Exporting a release as WebDataset shards, against ``tar`` writing the same bytes from files to as many archives.

    python benchmarks/export.py ../shared/data/images --copies 20

Each image is taken several times, with a few bytes appended so that no two are the same: so the pictures are real
and their number is not. Both start from a warm page cache and take turns; the last lines compare medians. What
tar does not do, and the export does: it hashes every shard, and writes the class and the origin of every image.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from common import machine, scratch, session

from synlake.jobs import export_release, import_release
from synlake.warehouse import open_warehouse


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", type=Path, help="folder of JPEG files")
    parser.add_argument("--copies", type=int, default=20, help="how often each image is taken")
    parser.add_argument("--runs", type=int, default=3, help="turns of each; the median counts")
    parser.add_argument("--shard-bytes", type=int, default=256 << 20)
    given = parser.parse_args(arguments)
    print(machine())
    with scratch() as folder, session(threads=2, memory="4g") as spark:
        pictures = many(given.images, folder / "pictures", given.copies)
        warehouse = open_warehouse(spark, str(folder / "warehouse"))
        as_csv = argparse.Namespace(format="csv")
        settings = import_release.Config(release="r1", input=str(pictures))
        import_release.run(warehouse, settings, as_csv)
        tars, exports = [], []
        for turn in range(given.runs):
            tars.append(timed(lambda turn=turn: with_tar(pictures, folder / f"tar{turn}", given.shard_bytes)))
            target = folder / f"export{turn}"
            one = export_release.Config(
                release="r1", output=str(target), layout="webdataset", shard_bytes=given.shard_bytes
            )
            exports.append(timed(lambda one=one: export_release.run(warehouse, one, as_csv)))
            print(f"turn {turn}: tar {tars[-1]:.1f} s, export {exports[-1]:.1f} s", flush=True)
            if turn == 0:
                check(target, pictures)
            shutil.rmtree(target)
            shutil.rmtree(folder / f"tar{turn}")
        n_bytes = sum(path.stat().st_size for path in pictures.rglob("*.JPEG"))
    print(f"{n_bytes / 1e9:.2f} GB of images; tar {median(tars):.1f} s, export {median(exports):.1f} s")
    print(f"ratio export / tar: {median(exports) / median(tars):.2f}")
    return 0


def timed(run: object) -> float:
    start = time.perf_counter()
    run()  # type: ignore[operator]
    return time.perf_counter() - start


def many(images: Path, target: Path, copies: int) -> Path:
    """``target/class/name.JPEG``: every image ``copies`` times, each with bytes of its own after its end."""
    for path in sorted(images.glob("*.JPEG")):
        content = path.read_bytes()
        folder = target / path.name.partition("_")[0]
        folder.mkdir(parents=True)
        for copy in range(copies):
            (folder / f"{copy:04}.JPEG").write_bytes(content + copy.to_bytes(4, "big"))
    return target


def with_tar(pictures: Path, target: Path, shard_bytes: int) -> None:
    """As many archives as the export has shards, two at a time, as the export has two tasks at a time."""
    target.mkdir()
    paths = sorted(pictures.rglob("*.JPEG"))
    n = -(-sum(path.stat().st_size for path in paths) // shard_bytes)
    lists = [target / f"{k}.list" for k in range(n)]
    for k, listed in enumerate(lists):
        listed.write_text("".join(f"{path}\n" for path in paths[k::n]))
    for pair in (lists[k : k + 2] for k in range(0, n, 2)):
        running = [
            subprocess.Popen(["tar", "-cPf", str(one.with_suffix(".tar")), "-T", str(one)]) for one in pair
        ]
        assert [one.wait() for one in running] == [0] * len(pair)


def check(exported: Path, pictures: Path) -> None:
    """The export holds each image once."""
    n = 0
    for path in exported.glob("*.tar"):
        with tarfile.open(path) as tar:
            n += sum(name.endswith(".jpg") for name in tar.getnames())
    assert n == sum(1 for _ in pictures.rglob("*.JPEG")), n


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
