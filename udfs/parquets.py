"""Images in columns of Parquet files, as Hugging Face has them: bytes, or {bytes, path}. Read a row group at a time."""

from __future__ import annotations

import json
import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from synlake.udfs.members import Member, as_label, broken

ENDINGS = (".parquet", ".parq", ".pq")
#: Names that columns of images and of labels go by, the first that is there counts.
_IMAGE_NAMES = ("image", "img", "image_bytes", "bytes", "jpg")
_LABEL_NAMES = ("synset_id", "wnid", "label", "fine_label", "cls", "class", "labels")
#: Records whose images are in memory at once.
_RECORDS = 8


class Columns(NamedTuple):
    """Where a file has its images, their file names and their labels, and what numbers of labels mean."""

    image: str
    name: str | None
    label: str | None
    names: Sequence[str]


def columns_of(schema: pa.Schema, image: str | None, label: str | None) -> Columns | None:
    """The columns to read; None where there is no column of images (of this name)."""
    wanted = (image,) if image else (*_IMAGE_NAMES, *schema.names)
    found = next((name for name in wanted if name in schema.names and _bytes_in(schema, name)), None)
    if found is None:
        return None
    of_bytes = _bytes_in(schema, found)
    has_path = of_bytes != found and schema.field(found).type.get_field_index("path") >= 0
    labels = (label,) if label else _LABEL_NAMES
    named = next((name for name in labels if name in schema.names), None)
    return Columns(
        of_bytes or found, f"{found}.path" if has_path else None, named, _class_names(schema, named)
    )


def list_parquet(path: bytes, *, image_column: str | None, synset_field: str | None) -> Iterator[Member]:
    """One member a record, without its size, which only reading the image would tell. It is named by its number,
    and the name that the record has for the image.
    """
    try:
        with _opened(path) as file:
            columns = columns_of(file.schema_arrow, image_column, synset_field)
            if columns is None:
                yield Member(b"", 0, 0, 0, fault="no_image_column")
                return
            for group in range(file.num_row_groups):
                yield from _members(file, group, columns)
    except (pa.ArrowException, OSError, ValueError):
        yield broken()


def read_parquet(
    path: bytes, wanted: Iterable[tuple[int, int]], *, image_column: str | None, synset_field: str | None
) -> Iterator[bytes | None]:
    """The images of the records with these numbers, which ascend; None for a record without one."""
    with _opened(path) as file:
        columns = columns_of(file.schema_arrow, image_column, synset_field)
        assert columns is not None  # it was listed
        starts = _starts(file)
        group_of = iter((number, _group_of(starts, number)) for number, _ in wanted)
        for group, numbers in groupby(group_of, key=lambda one: one[1]):
            yield from _images(file, group, columns, starts[group], [number for number, _ in numbers])


def _images(
    file: pq.ParquetFile, group: int, columns: Columns, start: int, numbers: Sequence[int]
) -> Iterator[bytes | None]:
    left = iter(numbers)
    number = next(left, None)
    batches = file.iter_batches(_RECORDS, row_groups=[group], columns=[columns.image])
    for batch in batches:
        while number is not None and number < start + len(batch):
            yield _leaf(batch, columns.image)[number - start].as_py()
            number = next(left, None)
        start += len(batch)
        if number is None:
            return


def _members(file: pq.ParquetFile, group: int, columns: Columns) -> Iterator[Member]:
    meta = file.metadata.row_group(group)
    number = _starts(file)[group]
    weight = meta.total_byte_size // max(1, meta.num_rows)
    small = [name for name in (columns.name, columns.label) if name]
    if not small:
        for i in range(meta.num_rows):
            yield Member(b"%d" % (number + i), number + i, None, weight, group)
        return
    for batch in file.iter_batches(4096, row_groups=[group], columns=small):
        paths = _leaf(batch, columns.name).to_pylist() if columns.name else [None] * len(batch)
        labels = _leaf(batch, columns.label).to_pylist() if columns.label else [None] * len(batch)
        for name, label in zip(paths, labels, strict=True):
            shown = b"%d/%s" % (number, os.fsencode(str(name))) if name else b"%d" % number
            yield Member(shown, number, None, weight, group, _label(label, columns.names))
            number += 1


def _label(value: object, names: Sequence[str]) -> str | None:
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None  # several labels are no label
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names):
        return names[value]
    return as_label(value)


def _leaf(batch: pa.RecordBatch, name: str) -> Any:
    """A column, or the field of a struct column, of a batch that was read with nothing else beside it."""
    top, _, field = name.partition(".")
    if name in batch.schema.names:
        return batch.column(name)
    return batch.column(top).field(field)


def _bytes_in(schema: pa.Schema, name: str) -> str | None:
    """The column, or the field of it, that has bytes."""
    kind = schema.field(name).type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return name
    if pa.types.is_struct(kind) and (i := kind.get_field_index("bytes")) >= 0:
        inner = kind.field(i).type
        return f"{name}.bytes" if pa.types.is_binary(inner) or pa.types.is_large_binary(inner) else None
    return None


def _class_names(schema: pa.Schema, label: str | None) -> Sequence[str]:
    """The names of a ClassLabel, which Hugging Face writes into the schema's metadata."""
    try:
        info = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        names = info["info"]["features"][label]["names"]
    except (ValueError, KeyError, TypeError):
        return ()
    if isinstance(names, Mapping):  # {"0": "tench", …}
        names = [names[key] for key in sorted(names, key=int)]
    return [str(name) for name in names] if isinstance(names, list) else ()


def _starts(file: pq.ParquetFile) -> list[int]:
    """The number of the first record of each row group."""
    starts = [0]
    for group in range(file.num_row_groups):
        starts.append(starts[-1] + file.metadata.row_group(group).num_rows)
    return starts


def _group_of(starts: Sequence[int], number: int) -> int:
    return bisect_right(starts, number) - 1


def _opened(path: bytes) -> pq.ParquetFile:
    return pq.ParquetFile(os.fsdecode(path), pre_buffer=False, buffer_size=1 << 20)
