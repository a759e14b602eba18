"""Real images and twenty transforms of each as a folder to ingest, and the truth: what is a copy of what.

    python benchmarks/planted_copies.py IMAGES FOLDER [--n-images 50]
    ./submit.sh ingest-images --input FOLDER/images --warehouse W     then fingerprint-images
    ./submit.sh compare-deduplication --truth-file FOLDER/truth.csv --scope global --warehouse W

IMAGES are named n01440764_anything.JPEG. truth.csv has image_id,duplicate_of,transform: the ids are sha256 of the
bytes, as everywhere.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image
from transforms import TRANSFORMS


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", type=Path, help="folder of images")
    parser.add_argument("folder", type=Path, help="where to write; made where it is missing")
    parser.add_argument("--n-images", type=int, default=50, help="the first so many by name")
    given = parser.parse_args(arguments)
    paths = sorted(path for path in given.images.iterdir() if path.is_file())[: given.n_images]
    given.folder.mkdir(parents=True, exist_ok=True)
    with (given.folder / "truth.csv").open("w", newline="", encoding="utf-8") as stream:
        truth = csv.writer(stream)
        truth.writerow(("image_id", "duplicate_of", "transform"))
        for path in paths:
            truth.writerows(planted(path, given.folder / "images" / path.stem.partition("_")[0]))
    print(f"{len(paths)} images and {len(paths) * len(TRANSFORMS)} copies are in {given.folder}")
    return 0


def planted(path: Path, folder: Path) -> Iterator[tuple[str, str, str]]:
    """Write an image and its copies; (image_id, image_id of the original, transform) of each copy."""
    folder.mkdir(parents=True, exist_ok=True)
    content = path.read_bytes()
    original = hashlib.sha256(content).hexdigest()
    (folder / path.name).write_bytes(content)
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    for number, (name, transform) in enumerate(TRANSFORMS.items()):
        stream = io.BytesIO()
        transform(image).convert("RGB").save(stream, "JPEG", quality=95)
        (folder / f"{path.stem}-{number:02}.jpg").write_bytes(stream.getvalue())
        yield hashlib.sha256(stream.getvalue()).hexdigest(), original, name


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
