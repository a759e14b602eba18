"""Compiled code is found where it is, in a zip too, and is missed without an error where it is not."""

from __future__ import annotations

import ctypes
import zipfile
from importlib import resources

import pytest

from synlake import compiled
from synlake.methods import banded_join
from synlake.udfs import resample

LIBRARIES = {
    "near": ("synlake.methods", "find_near", banded_join.is_compiled()),
    "resample": ("synlake.udfs", "make_thumbnail", resample.is_compiled()),
}


@pytest.mark.parametrize("name", LIBRARIES)
def test_it_is_found_inside_a_zip(name, tmp_path, monkeypatch):
    """As on a cluster's nodes: a shared library cannot be loaded from where it is there."""
    package, function, is_compiled = LIBRARIES[name]
    if not is_compiled:
        pytest.skip("no C compiler when synlake was installed")
    file = compiled.file_name(name)
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.writestr(f"zipped_{name}/__init__.py", "")
        archive.writestr(f"zipped_{name}/{file}", (resources.files(package) / file).read_bytes())
    monkeypatch.syspath_prepend(str(tmp_path / "code.zip"))
    library = compiled.load(f"zipped_{name}", name, ctypes.CDLL)
    assert library is not None
    assert getattr(library, function)


def test_where_it_is_not_compiled_there_is_no_library():
    assert compiled.load("synlake.schemas", "near", ctypes.CDLL) is None


def test_what_was_compiled_for_another_processor_is_no_library(tmp_path, monkeypatch):
    folder = tmp_path / "foreign"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / compiled.file_name("near")).write_bytes(b"\x7fELF of another kind")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert compiled.load("foreign", "near", ctypes.CDLL) is None
