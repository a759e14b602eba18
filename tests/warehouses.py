"""Copies of a warehouse: what took minutes to make is made once, and each test that changes it has its own."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from synlake.warehouse import Warehouse, open_warehouse


def copied(warehouse: Warehouse, target: Path, *, without: Collection[str] = ()) -> Warehouse:
    """A copy with all tables but those named in ``without``; addresses in a Delta table are relative."""
    shutil.copytree(
        warehouse.root, target, ignore=lambda folder, _: without if folder == warehouse.root else ()
    )
    return open_warehouse(warehouse.spark, str(target))
