"""Pack what executors on other machines need, into ``build/``: ``pack.py [code] [environment]``.

``synlake.zip`` is our code, for ``--py-files``. ``environment.tar.gz`` holds the Python packages that
synlake depends on, taken from the running environment without asking the network; Spark and its own
dependencies are left out, since every node brings Spark. Both come out the same for the same input, and
are made again only when that input is newer. Standard library only.
"""

from __future__ import annotations

import gzip
import os
import re
import runpy
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
#: Kept in both archives, so that the same content gives the same bytes: the earliest time a zip can hold.
TIMESTAMP = (1980, 1, 1, 0, 0, 0)
#: What every node has with its Spark.
SPARK = frozenset({"pyspark", "delta-spark", "py4j"})


def code() -> Path:
    """``build/synlake.zip``: the package ``synlake``, as the map in setup.py lays it out."""
    packages: dict[str, str] = runpy.run_path(str(ROOT / "setup.py"))["PACKAGES"]
    members = {
        f"{package.replace('.', '/')}/{path.name}": path
        for package, folder in packages.items()
        for path in (ROOT / folder).iterdir()
        if path.is_file() and path.suffix not in (".pyc", ".md")
    }
    folders = [ROOT / folder for folder in packages.values()]  # their time changes when a file goes
    newest = newest_of([*members.values(), *folders, ROOT / "setup.py"])
    return make(BUILD / "synlake.zip", newest, lambda target: write_zip(target, members))


def write_zip(target: Path, members: dict[str, Path]) -> None:
    """Write a zip whose bytes depend on nothing but names and contents."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(members.items()):
            archive.writestr(zipfile.ZipInfo(name, TIMESTAMP), path.read_bytes(), zipfile.ZIP_DEFLATED)


def environment() -> Path:
    """``build/environment.tar.gz``: the installed packages that synlake depends on, without Spark."""
    stamp = Path(sys.prefix) / ".ready"
    target = BUILD / "environment.tar.gz"
    if not target.exists():
        print("packing the Python packages for executors (once) …", file=sys.stderr, flush=True)
    sources = [path for path in (stamp, Path(__file__)) if path.exists()]
    return make(target, newest_of(sources), write_environment)


def write_environment(target: Path) -> None:
    """Write a tar of the files of every package in :func:`dependencies`, laid out as in site-packages."""
    members = {
        file.as_posix(): Path(str(file.locate()))
        for name in dependencies("synlake")
        for file in metadata.distribution(name).files or ()
        if ".." not in file.parts and file.suffix != ".pyc"
    }
    # Level 1: arrays and machine code shrink little more at higher ones, and take minutes.
    with (
        target.open("wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, path in sorted(members.items()):
            info = tarfile.TarInfo(name)
            info.size = path.stat().st_size
            info.mode = 0o755 if os.access(path, os.X_OK) else 0o644
            with path.open("rb") as content:
                archive.addfile(info, content)


def dependencies(root: str) -> list[str]:
    """Every installed package that ``root`` needs, directly or not, without extras and without Spark."""
    found: set[str] = set()
    waiting = [root]
    while waiting:
        for needed in requirements(waiting.pop()):
            if needed not in found and needed not in SPARK:
                found.add(needed)
                waiting.append(needed)
    return sorted(found)


def requirements(name: str) -> Iterator[str]:
    """Yield the installed packages that ``name`` requires; one that a marker rules out is not installed."""
    for line in metadata.requires(name) or ():
        requirement, _, marker = line.partition(";")
        match = re.match(r"[A-Za-z0-9._-]+", requirement)
        if match and "extra" not in marker:
            needed = re.sub(r"[._-]+", "-", match[0]).lower()
            try:
                metadata.distribution(needed)
            except metadata.PackageNotFoundError:
                continue
            yield needed


def make(target: Path, newest: float, write: Callable[[Path], None]) -> Path:
    """Write ``target`` if it is older than ``newest``; whole or not at all."""
    if not target.exists() or target.stat().st_mtime < newest:
        target.parent.mkdir(exist_ok=True)
        draft = target.with_name(f"{target.name}.{os.getpid()}")
        try:
            write(draft)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
    return target


def newest_of(paths: list[Path]) -> float:
    """Give the time of the youngest of ``paths``."""
    return max((path.stat().st_mtime for path in paths), default=0.0)


if __name__ == "__main__":
    for part in sys.argv[1:] or ["code", "environment"]:
        {"code": code, "environment": environment}[part]()
