"""Sample images side by side in one small JPEG, made on executors: one strip costs a page less than many files."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image, ImageOps
from pyspark.sql import DataFrame

from synlake.spread import by_weight
from synlake.udfs.decode import FORMATS, Limits
from synlake.udfs.isolation import Died, Isolated

#: From good to just recognisable; the first that fits its bytes is taken.
_QUALITIES = (78, 65, 50, 38, 28, 18, 10)
_GAP_PX = 2
_SECONDS = 20.0
#: Bytes of images that one child is forked for, about: to fork one costs as much as a strip.
_TOGETHER_BYTES = 16 << 20
STRIP_SCHEMA = "strip_id string, n_tiles int, jpeg binary"


def tile(content: bytes, side_px: int) -> Image.Image | None:
    """The middle square of an image at ``side_px``, upright, on white; None where it cannot be decoded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
                if opened.width * opened.height > Limits().max_pixels:
                    return None
                opened.draft("RGB", (2 * side_px, 2 * side_px))
                upright = _eight_bit(ImageOps.exif_transpose(opened)).convert("RGBA")
        white = Image.new("RGBA", upright.size, "white")
        white.alpha_composite(upright)
        square = ImageOps.fit(white, (side_px, side_px), Image.Resampling.LANCZOS)
        return square.convert("RGB")
    except Exception:  # whatever a broken image makes a decoder raise: it has no picture
        return None


def _eight_bit(image: Image.Image) -> Image.Image:
    """16-bit and float pixels stretched from black to white: Pillow would cut them off at 255."""
    if image.mode[0] not in "IF":
        return image
    pixels = np.asarray(image, dtype=np.float64)
    low, high = pixels.min(), pixels.max()
    return Image.fromarray(((pixels - low) * (255 / max(high - low, 1e-12))).astype(np.uint8))


def strip(contents: Sequence[bytes], *, tile_px: int, max_bytes: int) -> tuple[int, bytes] | None:
    """(tiles, JPEG of at most ``max_bytes``) of the images that decode; None where none does, or none fits.

    Quality gives way first, then tiles.
    """
    tiles = [found for content in contents if (found := tile(content, tile_px)) is not None]
    while tiles:
        joined = Image.new("RGB", (len(tiles) * (tile_px + _GAP_PX) - _GAP_PX, tile_px), "white")
        for place, one in enumerate(tiles):
            joined.paste(one, (place * (tile_px + _GAP_PX), 0))
        for quality in _QUALITIES:
            stream = io.BytesIO()
            joined.save(stream, "JPEG", quality=quality, optimize=True)
            if stream.tell() <= max_bytes:
                return len(tiles), stream.getvalue()
        tiles.pop()
    return None


def strips(images: DataFrame, *, tile_px: int, max_bytes: int) -> DataFrame:
    """Rows of :data:`STRIP_SCHEMA`, one a ``strip_id`` with an image that decodes.

    ``images`` are ``strip_id, turn, size_bytes, bytes``.
    Memory: :data:`_TOGETHER_BYTES` and the images of one strip. A decoder that crashes costs one strip.
    """

    def made(contents: Sequence[bytes]) -> tuple[int, bytes] | None:
        return strip(contents, tile_px=tile_px, max_bytes=max_bytes)

    def of_task(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for together in _together(row for batch in batches for row in batch.to_pylist()):
            results = Isolated(made, _SECONDS).results([contents for _, contents in together])
            found = [
                (key, *one)
                for (key, _), one in zip(together, results, strict=True)
                if one is not None and not isinstance(one, Died)
            ]
            columns = zip(*found, strict=True) if found else ([], [], [])
            types = (pa.string(), pa.int32(), pa.binary())
            arrays = [pa.array(values, kind) for values, kind in zip(columns, types, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, names=["strip_id", "n_tiles", "jpeg"])

    dealt = by_weight(images.where("bytes IS NOT NULL"), "size_bytes", "strip_id")
    in_turn = dealt.sortWithinPartitions("strip_id", "turn").select("strip_id", "bytes")
    return in_turn.mapInArrow(of_task, STRIP_SCHEMA)


def _together(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[tuple[str, list[bytes]]]]:
    """(strip_id, contents) of sorted rows, as many strips at a time as one child is forked for."""
    found: list[tuple[str, list[bytes]]] = []
    n_bytes = 0
    for key, group in groupby(rows, key=itemgetter("strip_id")):
        contents = [row["bytes"] for row in group]
        found.append((key, contents))
        n_bytes += sum(map(len, contents))
        if n_bytes > _TOGETHER_BYTES:
            yield found
            found, n_bytes = [], 0
    if found:
        yield found
