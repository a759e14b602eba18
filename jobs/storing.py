"""Storing images: the bytes that tasks read, in table image_bytes."""

from __future__ import annotations

from synlake import tables
from synlake.delta_log import DataFile
from synlake.tables import Warehouse
from synlake.udfs.image_store import Images


def store_images(warehouse: Warehouse, images: Images) -> None:
    """Add images that are not there yet, in one commit. Tasks write to a local warehouse themselves."""
    if warehouse.is_remote:
        tables.append_unstaged(warehouse, "image_bytes", images.as_rows())
        return
    folder = tables.make(warehouse, "image_bytes")
    written = images.as_files(folder).collect()  # one row for some 128 MB of images
    tables.append_files(warehouse, "image_bytes", [DataFile(**row.asDict()) for row in written])
