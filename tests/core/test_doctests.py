"""Every example in a docstring is run."""

from __future__ import annotations

import doctest
import importlib
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = runpy.run_path(str(ROOT / "setup.py"), run_name="map")["PACKAGES"]
MODULES = sorted(
    f"{package}.{path.stem}"
    for package, folder in PACKAGES.items()
    for path in (ROOT / folder).glob("*.py")
    if not path.stem.startswith("__")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0
