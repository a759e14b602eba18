"""Decode each new image once: size, format, perceptual hash (pHash), or the reason why it cannot be decoded.

Mode exact gives imagehash's pHash, bit for bit. Mode fast decodes JPEGs at reduced scale: about half the time, and
hashes that differ by a bit or so, so a warehouse has hashes of one mode only.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace

from synlake import output, table_files, tables
from synlake.config import option
from synlake.errors import InputError, UsageError
from synlake.spread import wide_rows
from synlake.stage import Outcome, flagged_outcome
from synlake.udfs import resample
from synlake.udfs.decode import EXTRA_HASHES, MODES, Limits, Wanted
from synlake.udfs.fingerprint import fingerprint, fingerprint_files
from synlake.warehouse import Warehouse

EXAMPLE = "fingerprint-images --max-pixels 50000000"


def _unknown_hash(names: tuple[str, ...]) -> str | None:
    unknown = [name for name in names if name not in EXTRA_HASHES]
    return f"wanted some of {', '.join(EXTRA_HASHES)}, got {unknown[0]!r}" if unknown else None


@dataclass(frozen=True)
class Config:
    """Settings of fingerprint-images."""

    mode: str = option("exact", "imagehash's pHash, or a fast one of JPEGs at reduced scale", choices=MODES)
    pixel_sha256: bool = option(True, "hash the pixels too, for --strategy pixel; fast mode never does")
    extra_hashes: tuple[str, ...] = option(
        (), f"also {', '.join(EXTRA_HASHES)}, by imagehash", check=_unknown_hash
    )
    max_pixels: int = option(100_000_000, "images with more pixels are rejected unread", minimum=1)
    min_side_px: int = option(8, "images with a shorter side are rejected", minimum=1)
    decode_seconds: float = option(20.0, "time one image may take", minimum=0.1)

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other."""
        if self.mode == "fast" and self.extra_hashes:
            raise UsageError("--extra-hashes: need all pixels, wanted --mode exact, got fast")


def main(warehouse: Warehouse, settings: Config) -> Outcome:
    """Read the bytes of images without a fingerprint, decode and hash them, write ``fingerprints``."""
    now = replace(warehouse, pins={})
    known = tables.read_or_empty(now, "fingerprints")
    other = known.where(known.hash_mode != settings.mode).first()
    if other is not None:
        raise InputError(
            f"--mode {settings.mode}: table fingerprints has hashes of mode {other['hash_mode']}, which differ\n"
            f"  next: --mode {other['hash_mode']}, or another warehouse"
        )
    files = table_files.files_with_new(warehouse, "image_bytes", known.select("image_id"))
    limits = Limits(settings.max_pixels, settings.min_side_px, settings.decode_seconds)
    wanted = Wanted(settings.mode, settings.pixel_sha256 and settings.mode == "exact", settings.extra_hashes)
    if not resample.is_compiled():
        output.say("note: synlake was installed without a C compiler: same fingerprints, but slower")
    with ExitStack() as stack:
        if warehouse.is_remote:
            stack.enter_context(wide_rows(warehouse.spark))
            hashed = fingerprint(table_files.read_files(warehouse, "image_bytes", files), limits, wanted)
        else:  # tasks read the files themselves
            hashed = fingerprint_files(warehouse.spark, files, limits, wanted)
        # A file may have known images too, though files are mostly all new: those are dropped as rows
        # without bytes, rather than by a join that would shuffle images.
        new = hashed.join(known.select("image_id"), on="image_id", how="left_anti")
        tables.append(warehouse, "fingerprints", new)
    return flagged_outcome(tables.read(now, "fingerprints"))
