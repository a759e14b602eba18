from __future__ import annotations

import os
import runpy
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def pack(tmp_path: Path) -> dict[str, object]:
    """The functions of tools/pack.py, writing to a folder of this test."""
    names = runpy.run_path(str(REPOSITORY / "tools/pack.py"))
    names["code"].__globals__["BUILD"] = tmp_path
    return names


def test_the_zip_is_the_package(pack) -> None:
    names = set(zipfile.ZipFile(pack["code"]()).namelist())
    assert {"synlake/__init__.py", "synlake/jobs/__main__.py", "synlake/conf/local.yaml"} <= names
    assert {name.split("/")[0] for name in names} == {"synlake"}
    assert not any(name.endswith(".pyc") for name in names)


def test_packing_needs_no_setuptools_which_python_3_12_does_not_bring(pack, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "setuptools", None)
    assert pack["code"]().exists()


def test_the_same_sources_give_the_same_bytes(pack) -> None:
    first = pack["code"]().read_bytes()
    pack["code"]().unlink()
    assert pack["code"]().read_bytes() == first


def test_packed_again_only_when_a_source_is_newer(pack) -> None:
    target = pack["code"]()
    written = target.stat().st_mtime_ns
    assert pack["code"]().stat().st_mtime_ns == written
    os.utime(target, (0, 0))
    assert pack["code"]().stat().st_mtime_ns > 0


def test_executors_get_what_functions_import_and_no_spark(pack) -> None:
    found = set(pack["dependencies"]("synlake"))
    assert {"numpy", "scipy", "pillow", "imagehash", "pyarrow", "pandas"} <= found
    assert not found & {"pyspark", "delta-spark", "py4j", "pytest", "pip"}
