"""How many sample images of a class a page can show, and how large, where all classes share so many bytes."""

from __future__ import annotations

from dataclasses import dataclass

#: (tiles, side in pixels), the best first.
_LADDER = ((6, 112), (6, 88), (5, 80), (4, 72), (4, 60), (3, 52), (3, 44), (2, 40), (1, 36), (1, 24))
#: A JPEG of this size needs about so many bytes: its head, and for each pixel.
_HEAD_BYTES, _BYTES_A_PIXEL = 400, 0.28


@dataclass(frozen=True)
class MosaicPlan:
    """A strip of ``n_tiles`` squares of ``tile_px`` pixels, in at most ``max_bytes``."""

    n_tiles: int
    tile_px: int
    max_bytes: int


def plan_mosaics(n_classes: int, max_bytes: int) -> MosaicPlan:
    """The largest strip for each class such that all together, in base64, have at most ``max_bytes``.

    >>> plan_mosaics(10, 3_000_000).n_tiles, plan_mosaics(1000, 3_000_000).n_tiles
    (6, 3)
    """
    share = max_bytes * 3 // 4 // max(1, n_classes)
    for n_tiles, tile_px in _LADDER:
        if _HEAD_BYTES + n_tiles * tile_px**2 * _BYTES_A_PIXEL <= share:
            return MosaicPlan(n_tiles, tile_px, share)
    return MosaicPlan(*_LADDER[-1], share)
