"""Storing images: the bytes that tasks read, in table image_bytes."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from synlake import tables
from synlake.delta_log import DataFile
from synlake.udfs.image_store import Images
from synlake.warehouse import Warehouse


def store_images(warehouse: Warehouse, images: Images) -> None:
    """Add images that are not there yet, in one commit. Tasks write to a local warehouse themselves."""
    if warehouse.is_remote:
        tables.append_unstaged(warehouse, "image_bytes", images.as_rows())
        return
    folder = Path(tables.make(warehouse, "image_bytes"), f"part-{uuid.uuid4()}")
    folder.mkdir()
    try:
        written = images.as_files(folder).collect()  # one row for some 128 MB of images
    except Exception:  # a full disk, say, which they would keep full
        take_away(folder)
        raise
    if not written:
        folder.rmdir()
    tables.append_files(warehouse, "image_bytes", [DataFile(**row.asDict()) for row in written])


def take_away(folder: Path) -> None:
    """Remove a folder into which tasks may still write: Spark lets Python workers of a failed job go on for seconds."""
    renamed = folder.rename(folder.with_name(f"{folder.name}-failed"))  # where they do not find it
    shutil.rmtree(renamed, ignore_errors=True)
