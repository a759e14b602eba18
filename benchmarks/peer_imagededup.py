"""imagededup's PHash without the rest of the package, whose import wants torch."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from functools import cache
from pathlib import Path
from typing import Any

_PACKAGES = (
    "imagededup",
    "imagededup.methods",
    "imagededup.utils",
    "imagededup.handlers",
    "imagededup.handlers.search",
)


@cache
def imagededup_phash() -> Any:
    """A ``PHash``; None, and a word on stderr, where imagededup is not installed."""
    found = importlib.util.find_spec("imagededup")
    if found is None or not found.submodule_search_locations:
        print(
            "imagededup is not installed; next: pip install scikit-learn tqdm && pip install --no-deps imagededup",
            file=sys.stderr,
        )
        return None
    home = Path(next(iter(found.submodule_search_locations)))
    for name in _PACKAGES:
        package = types.ModuleType(name)  # without its __init__
        package.__path__ = [str(home.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
    return importlib.import_module("imagededup.methods.hashing").PHash(verbose=False)
