"""Decode each new image once: size, format, perceptual hash (pHash), or the reason why it cannot be decoded."""

from __future__ import annotations

from dataclasses import dataclass, replace

from synlake import tables
from synlake.config import option
from synlake.stage import Outcome, flagged_outcome
from synlake.tables import Warehouse
from synlake.udfs.decode import Limits
from synlake.udfs.fingerprint import fingerprint

EXAMPLE = "fingerprint-images --max-pixels 50000000"


@dataclass(frozen=True)
class Config:
    """Settings of fingerprint-images."""

    max_pixels: int = option(100_000_000, "images with more pixels are rejected unread", minimum=1)
    min_side_px: int = option(8, "images with a shorter side are rejected", minimum=1)
    decode_seconds: float = option(20.0, "time one image may take", minimum=0.1)


def main(warehouse: Warehouse, settings: Config) -> Outcome:
    """Read the bytes of images without a fingerprint, decode and hash them, write ``fingerprints``."""
    now = replace(warehouse, pins={})
    known = tables.read_or_empty(now, "fingerprints").select("image_id")
    new = tables.read(warehouse, "image_bytes").join(known, on="image_id", how="left_anti")
    limits = Limits(settings.max_pixels, settings.min_side_px, settings.decode_seconds)
    tables.append(warehouse, "fingerprints", fingerprint(new, limits))
    return flagged_outcome(tables.read(now, "fingerprints"))
