"""Untrusted bytes: every kind of bad file ends as a reason, every good one hashes as imagehash says."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from synlake.schemas.reasons import FINGERPRINT
from synlake.udfs.decode import EXTRA_HASHES, Decoded, Limits, Wanted, decode
from synlake.udfs.fingerprint import to_batch
from synlake.udfs.phash import pack_bits, phash

LIMITS = Limits(max_pixels=1_000_000, min_side_px=4, decode_seconds=5)


def picture(width=40, height=30, mode="RGB", seed=0):
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0, 200, width)[None, :, None] + rng.integers(0, 55, (height, width, 3))
    return Image.fromarray(ramp.astype(np.uint8), "RGB").convert(mode)


def as_bytes(image, file_format="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def oracle(content):
    """imagehash's own hash of the file, packed by hand."""
    bits = imagehash.phash(Image.open(io.BytesIO(content))).hash.flatten()
    value = int("".join("1" if bit else "0" for bit in bits), 2)
    return value - 2**64 if value >= 2**63 else value


def packed(found: Decoded):
    return int(phash(found.thumbnail[None])[0])


GOOD = {
    "jpeg": as_bytes(picture(), "JPEG"),
    "png": as_bytes(picture()),
    "webp": as_bytes(picture(), "WEBP"),
    "bmp": as_bytes(picture(), "BMP"),
    "tiff": as_bytes(picture(), "TIFF"),
    "gif": as_bytes(picture(mode="P"), "GIF"),
    "cmyk": as_bytes(picture(mode="CMYK"), "JPEG"),
    "grey": as_bytes(picture(mode="L")),
    "alpha": as_bytes(picture(mode="RGBA")),
    "palette": as_bytes(picture(mode="P")),
    "16-bit": as_bytes(Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40) * 50)),
    "1-bit": as_bytes(picture(mode="1")),
    "flat": as_bytes(Image.new("RGB", (40, 30), (9, 9, 9))),
}


@pytest.mark.parametrize("kind", GOOD)
def test_every_good_file_hashes_as_imagehash_says(kind):
    found = decode(GOOD[kind], LIMITS)
    assert found.reject_reason is None
    assert packed(found) == oracle(GOOD[kind])
    assert (found.width_px, found.height_px, found.is_animated) == (40, 30, False)


def test_an_animation_counts_by_its_first_frame():
    frames = [picture(mode="P", seed=k) for k in range(3)]
    content = as_bytes(frames[0], "GIF", save_all=True, append_images=frames[1:])
    found = decode(content, LIMITS)
    assert found.is_animated
    assert packed(found) == oracle(content)


def test_16_bit_images_differ_where_their_pixels_do():
    one, other = (np.full((9, 9), value, np.uint16) for value in (1000, 2000))
    found = [decode(as_bytes(Image.fromarray(pixels)), LIMITS).pixel_sha256 for pixels in (one, other)]
    assert found[0] != found[1]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_noted_and_pixels_are_hashed_upright(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = as_bytes(picture(), "JPEG", exif=exif)
    found = decode(content, LIMITS)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")
    assert found.exif_orientation == orientation
    assert found.pixel_sha256 == hashlib.sha256(upright.tobytes()).hexdigest()
    assert packed(found) == oracle(content), "the pHash is of the pixels as stored"


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width, height):
    """A small PNG of a huge black image."""
    rows = zlib.compressobj(9)
    data = rows.compress(bytes(1 << 20)) + rows.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def rotten(content):
    """A byte in the middle of the data changed."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


BAD = {
    "nothing at all": (b"", "empty_file"),
    "text": (b"this is no picture\n" * 9, "not_an_image"),
    "a PDF": (b"%PDF-1.7 ...", "not_an_image"),
    "half a JPEG": (GOOD["jpeg"][: len(GOOD["jpeg"]) // 2], "truncated"),
    "half a PNG": (GOOD["png"][: len(GOOD["png"]) // 2], "truncated"),
    "a rotten PNG": (rotten(GOOD["png"]), "corrupt"),
    "a bomb of 400 megapixels": (bomb(20_000, 20_000), "too_many_pixels"),
    "more pixels than allowed": (as_bytes(Image.new("L", (1001, 1000))), "too_many_pixels"),
    "one pixel": (as_bytes(Image.new("RGB", (1, 1))), "too_small"),
    "a hair": (as_bytes(Image.new("RGB", (400, 3))), "too_small"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_has_its_reason(kind):
    content, reason = BAD[kind]
    found = decode(content, LIMITS)
    assert (found.reject_reason, found.thumbnail, found.pixel_sha256) == (reason, None, None)
    assert reason in FINGERPRINT


def test_exactly_as_many_pixels_as_allowed_are_decoded():
    assert decode(as_bytes(Image.new("L", (1000, 1000))), LIMITS).reject_reason is None


def test_null_in_null_out():
    assert decode(None, LIMITS) is None


ORACLES = {
    "ahash": imagehash.average_hash,
    "dhash": imagehash.dhash,
    "whash": imagehash.whash,
    "phash256": lambda image: imagehash.phash(image, hash_size=16),
}


@pytest.mark.parametrize("kind", ["jpeg", "png", "palette", "cmyk"])
def test_other_hashes_are_imagehash_s_own(kind):
    found = decode(GOOD[kind], LIMITS, Wanted(extra_hashes=tuple(EXTRA_HASHES)))
    row = to_batch(["a"], [found], Wanted()).to_pylist()[0]
    for name, hashed in ORACLES.items():
        text = str(hashed(Image.open(io.BytesIO(GOOD[kind]))))
        given = row[name] if name == "phash256" else f"{row[name] % 2**64:016x}"
        assert given == text, name


def test_fast_mode_is_near_to_exact_and_does_not_hash_pixels(shared):
    """The figure that docs/deduplication.md gives is of all images; here of every tenth."""
    bits = []
    for path in sorted((shared / "images").iterdir())[::10]:
        exact, fast = (decode(path.read_bytes(), Limits(), Wanted(mode, False)) for mode in ("exact", "fast"))
        assert (fast.width_px, fast.height_px, fast.pixel_sha256) == (exact.width_px, exact.height_px, None)
        bits.append(bin((packed(exact) ^ packed(fast)) % 2**64).count("1"))
    assert 0 < np.mean(bits) < 1.5
    assert max(bits) < 8


@pytest.mark.parametrize("kind", GOOD)
def test_fast_mode_takes_every_format(kind):
    assert decode(GOOD[kind], LIMITS, Wanted("fast", False)).thumbnail is not None


@settings(max_examples=200)
@given(st.sampled_from(sorted(GOOD)), st.integers(0), st.binary(min_size=1, max_size=8), st.booleans())
def test_whatever_the_bytes_are_the_answer_is_a_value(kind, at, junk, is_cut):
    content = GOOD[kind]
    at %= len(content)
    content = content[:at] + junk + (b"" if is_cut else content[at + len(junk) :])
    found = decode(content, LIMITS)
    assert (found.thumbnail is None) == (found.reject_reason is not None)
    assert found.reject_reason in {None, *FINGERPRINT}


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=6))
def test_a_batch_hashes_like_one_image_at_a_time(seeds):
    thumbs = np.stack([np.random.default_rng(s).integers(0, 256, (32, 32), np.uint8) for s in seeds])
    one_by_one = [int("0x" + str(imagehash.phash(Image.fromarray(t))), 16) for t in thumbs]
    assert phash(thumbs).view(np.uint64).tolist() == one_by_one


@given(st.integers(-(2**63), 2**63 - 1))
def test_packing_puts_the_first_bit_highest(value):
    bits = np.array([int(b) for b in f"{value & (2**64 - 1):064b}"], bool).reshape(1, 8, 8)
    assert pack_bits(bits).tolist() == [value]


def test_rows_of_a_batch_stand_beside_their_ids():
    found = [decode(content, LIMITS) for content in (b"", GOOD["png"], b"x", GOOD["jpeg"])]
    rows = to_batch(["a", "b", "c", "d"], found, Wanted()).to_pylist()
    assert [row["image_id"] for row in rows] == ["a", "b", "c", "d"]
    assert [row["phash"] for row in rows] == [None, oracle(GOOD["png"]), None, oracle(GOOD["jpeg"])]


def test_real_images_hash_bit_for_bit(shared):
    for path in sorted((shared / "images").iterdir())[::20]:
        content = path.read_bytes()
        found = decode(content, Limits())
        assert packed(found) == oracle(content), path.name
