"""Who may import whom: what DESIGN calls the arrows of the house."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("core", "jobs", "methods", "udfs", "schemas", "conf", "queries", "demo", "report")


def imports_of(folder: str) -> Iterator[tuple[Path, str]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((path, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield path, node.module
                yield from ((path, f"{node.module}.{alias.name}") for alias in node.names)


def offenders(folder: str, *forbidden: str) -> list[str]:
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path, name in imports_of(folder)
        if any(name == bad or name.startswith(f"{bad}.") for bad in forbidden)
    ]


def test_the_check_sees_imports():
    assert any(name == "synlake.tables" for _, name in imports_of("jobs"))


def test_methods_do_no_io_and_know_no_jobs():
    core_io = (
        "synlake.tables",
        "synlake.table_files",
        "synlake.warehouse",
        "synlake.committing",
        "synlake.delta_log",
        "synlake.plain_files",
        "synlake.session",
        "synlake.intake",
        "synlake.wordnet",
        "delta",
    )
    assert offenders("methods", "synlake.jobs", "synlake.demo", *core_io) == []


def test_schemas_import_nothing_of_ours_but_schemas():
    allowed = ("synlake.schemas",)
    wrong = [
        f"{path.name} imports {name}"
        for path, name in imports_of("schemas")
        if name.startswith("synlake") and not name.startswith(allowed)
    ]
    assert wrong == []


def test_udfs_know_neither_jobs_nor_storage():
    storage = ("synlake.tables", "synlake.table_files", "synlake.warehouse", "synlake.session", "delta")
    assert offenders("udfs", "synlake.jobs", *storage) == []


def test_core_does_not_know_the_jobs():
    assert offenders("core", "synlake.jobs", "synlake.methods", "synlake.demo") == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_only_tables_touches_delta(folder):
    theirs = ("core/tables.py", "core/committing.py", "core/delta_log.py")
    assert [line for line in offenders(folder, "delta") if not line.startswith(theirs)] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_only_session_makes_a_session(folder):
    making = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / folder).rglob("*.py"))
        if ".getOrCreate()" in path.read_text(encoding="utf-8") and path.name != "session.py"
    ]
    assert making == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_module_is_named_like_the_standard_library(folder):
    import sys

    names = [path.stem for path in (ROOT / folder).rglob("*.py") if not path.stem.startswith("__")]
    assert [name for name in names if name in sys.stdlib_module_names] == []


#: Loops that drive Spark until something settles; each says in its docstring why it must be one.
ALLOWED_ACTIONS = {
    "methods/components.py",
    "methods/kept_set.py",
    "methods/aggregation.py",  # EM holds its packed votes from round to round
    "methods/expectation_maximisation.py",
    "methods/vote_blocks.py",
    "methods/release.py",
    "methods/checksum.py",
    "methods/splits.py",  # where the splits of a class end decides whether more of it is to be looked at
}


def test_methods_neither_count_nor_collect_nor_cache():
    acting = {
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "methods").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr
        in ("collect", "cache", "persist", "show", "toPandas", "isEmpty", "localCheckpoint")
    }
    assert acting <= ALLOWED_ACTIONS
