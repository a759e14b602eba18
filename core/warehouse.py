"""A warehouse: a folder, or an object-store prefix, of tables. What is in it is :mod:`synlake.tables`' business."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlparse

from pyspark.sql import SparkSession

from synlake.errors import EnvironmentFault, InputError


@dataclass(frozen=True)
class Warehouse:
    """Where the tables are. ``pins`` fixes the versions that ``tables.read`` sees, so a stage reads one state.

    ``trusts_lists`` allows it to read the files that Delta's checksum files list, rather than work its log through.
    """

    spark: SparkSession
    root: str
    pins: Mapping[str, int] = field(default_factory=dict)
    user_metadata: Mapping[str, str] = field(default_factory=dict)
    trusts_lists: bool = True

    @property
    def note(self) -> str:
        """``user_metadata`` as each commit holds it; "" where there is none."""
        return json.dumps(dict(self.user_metadata), sort_keys=True) if self.user_metadata else ""

    @property
    def is_remote(self) -> bool:
        """Whether it has an address (``s3a://…``) rather than a folder: its files are then read by Spark only."""
        return "://" in self.root


def open_warehouse(spark: SparkSession, root: str, *, must_exist: bool = False) -> Warehouse:
    """The warehouse at ``root``; a local folder is made where it is missing.

    Raises :class:`InputError` where it must exist and does not, :class:`EnvironmentFault` where it cannot
    be made or written. Who wrote a table is asked when it is first used.
    """
    if root.startswith("file:"):
        root = unquote(urlparse(root).path)
    if "://" not in root:
        root = os.path.abspath(root)
    if re.search(r"[*?\[\]{}]", root):
        raise InputError(
            f"--warehouse {root}: Spark takes * ? [ ] {{ }} in a path for a pattern\n  next: choose another folder"
        )
    if "://" not in root:
        if os.path.exists(root) and not os.path.isdir(root):
            raise InputError(f"--warehouse {root}: is a file; wanted a folder\n  next: choose another one")
        if must_exist and not os.path.isdir(root):
            raise InputError(
                f"--warehouse {root}: no such folder\n  next: ./submit.sh demo --warehouse {root}"
            )
        if not must_exist:
            _make_writable(Path(root))
    return Warehouse(spark, root)


def _make_writable(root: Path) -> None:
    """Make the folder and try a file in it, now rather than after an hour's work."""
    probe = root / f".synlake-probe-{os.getpid()}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"synlake")
    except OSError as error:
        raise EnvironmentFault(
            f"--warehouse {root}: cannot be written ({error.strerror})\n"
            "  next: check the disk and who owns the folder, or choose another one"
        ) from None
    finally:
        probe.unlink(missing_ok=True) if root.is_dir() else None
