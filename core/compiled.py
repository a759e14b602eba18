"""Libraries of C that were compiled when synlake was installed, where there was a compiler."""

from __future__ import annotations

import ctypes
import sys
import sysconfig
from importlib import resources
from typing import TypeVar

_Library = TypeVar("_Library", bound=ctypes.CDLL)


def load(package: str, name: str, kind: type[_Library]) -> _Library | None:
    """``name``.c of a package, compiled; None where it is not. On a cluster's nodes it is inside a zip."""
    compiled = resources.files(package) / file_name(name)
    if sys.byteorder != "little" or not compiled.is_file():
        return None
    with resources.as_file(compiled) as path:
        try:
            return kind(str(path))
        except OSError:  # compiled for another kind of processor
            return None


def file_name(name: str) -> str:
    """What setup.py's extension is called here: the version of Python and the kind of machine are in it."""
    return f"_{name}{sysconfig.get_config_var('EXT_SUFFIX')}"
