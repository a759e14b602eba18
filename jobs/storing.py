"""Storing images: the bytes that tasks read, in table image_bytes."""

from __future__ import annotations

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
    folder, prefix = tables.make(warehouse, "image_bytes"), f"part-{uuid.uuid4()}"
    try:
        written = images.as_files(folder, prefix).collect()  # one row for some 128 MB of images
    except Exception:  # a full disk, say, which they would keep full
        for left in Path(folder).glob(f"{prefix}-*"):
            left.unlink(missing_ok=True)
        raise
    tables.append_files(warehouse, "image_bytes", [DataFile(**row.asDict()) for row in written])
