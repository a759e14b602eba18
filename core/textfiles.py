"""Small text files beside the tables, on any file system that Spark reads: a local folder or an object store."""

from __future__ import annotations

from typing import Any

from synlake.warehouse import Warehouse


def write(warehouse: Warehouse, relative: str, text: str) -> str:
    """Write ``text`` to a path below the warehouse, replacing what is there; returns the full path."""
    full = f"{warehouse.root.rstrip('/')}/{relative}"
    write_at(warehouse, full, text)
    return full


def write_at(warehouse: Warehouse, full: str, text: str) -> None:
    """Write ``text`` to any path, on whatever file system that is, replacing what is there."""
    system, path = _located(warehouse, full)
    stream = system.create(path, True)
    try:
        stream.write(bytearray(text.encode()))
    finally:
        stream.close()


def exists(warehouse: Warehouse, relative: str) -> bool:
    """Whether there is a file or folder at a path below the warehouse."""
    system, path = _locate(warehouse, relative)
    return bool(system.exists(path))


def read(warehouse: Warehouse, relative: str) -> str | None:
    """The text of a file below the warehouse; None where there is none. Bytes that are no UTF-8 are shown as such."""
    system, path = _locate(warehouse, relative)
    if not system.exists(path):
        return None
    jvm = warehouse.spark._jvm
    assert jvm is not None
    stream = system.open(path)
    try:
        content = jvm.org.apache.commons.io.IOUtils.toByteArray(stream)
    finally:
        stream.close()
    return bytes(content).decode(errors="backslashreplace")


def _locate(warehouse: Warehouse, relative: str) -> tuple[Any, Any]:
    return _located(warehouse, f"{warehouse.root.rstrip('/')}/{relative}")


def _located(warehouse: Warehouse, full: str) -> tuple[Any, Any]:
    spark = warehouse.spark
    jvm = spark._jvm
    assert jvm is not None
    assert spark._jsc is not None
    path = jvm.org.apache.hadoop.fs.Path(full)
    return path.getFileSystem(spark._jsc.hadoopConfiguration()), path
