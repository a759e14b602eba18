"""TFRecord files of tf.train.Example, in the layout that TensorFlow's ImageNet readers expect.

A record is: length (8 bytes, little-endian), masked CRC-32C of the length, data, masked CRC-32C of the data.
An Example is a protocol buffer with one map; its entries are written here in name order, which a protobuf
library does not promise, so that the same release gives the same bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

_LENGTH_DELIMITED = 2
_MASK_DELTA = 0xA282EAD8


def record(data: bytes) -> bytes:
    """One record with its checksums."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, _masked_crc(length), data, _masked_crc(data)))


def example(features: Mapping[str, bytes | int]) -> bytes:
    """A serialised tf.train.Example: bytes as BytesList, numbers as Int64List, one value each."""
    entries = b"".join(
        _field(1, _field(1, name.encode()) + _field(2, _feature(features[name]))) for name in sorted(features)
    )
    return _field(1, entries)


def _masked_crc(data: bytes) -> bytes:
    from google_crc32c import value as crc32c  # the extra `tfrecord`

    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF)


def _feature(value: bytes | int) -> bytes:
    if isinstance(value, bytes):
        return _field(1, _field(1, value))
    return _field(3, _field(1, _varint(value & 0xFFFFFFFFFFFFFFFF)))  # packed, two's complement


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    r"""Seven bits a byte, least first, the high bit where more follow.

    >>> _varint(300)
    b'\xac\x02'
    """
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
