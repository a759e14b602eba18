"""The driver that spark-submit runs: reads the command line, opens the session, calls the command."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from synlake import cli, output, stage
from synlake.config import likely
from synlake.errors import UsageError
from synlake.jobs import OTHER_COMMANDS, STAGES

SUMMARY = "Build image-classification datasets the way ImageNet was: Spark jobs over Delta tables."


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (see synlake.errors)."""
    return cli.run(_main, sys.argv[1:] if argv is None else argv)


def _main(argv: list[str]) -> int:
    names = [*STAGES, *OTHER_COMMANDS]
    if argv and not argv[0].startswith("-") and argv[0] not in names:
        raise UsageError(
            f"no command {argv[0]!r}{likely(argv[0], names)}\n  next: ./submit.sh --help lists them"
        )
    # A command that is named needs no other: importing them all takes longer than a small query.
    modules = {name: _module(name) for name in (argv[:1] if argv[:1] and argv[0] in names else names)}
    parser = cli.parser("./submit.sh", SUMMARY, modules, current={*STAGES, "run"})
    arguments = cli.parse(parser, argv)
    if arguments.command is None:
        parser.print_help(output.data_stream())
        return 2
    module = modules[arguments.command]
    settings = cli.settings_of(arguments, module, names)
    if hasattr(module, "run_without_spark"):
        code = module.run_without_spark(settings, arguments)
        if code is not None:
            return int(code)
    return _in_session(arguments, settings, modules)


def _module(name: str) -> Any:
    return importlib.import_module(f"synlake.jobs.{name.replace('-', '_')}")


def _in_session(arguments: argparse.Namespace, settings: Any, modules: Mapping[str, Any]) -> int:
    # Spark is imported and started only now: help and mistakes of usage need neither.
    from synlake.session import open_session
    from synlake.warehouse import open_warehouse

    module = modules[arguments.command]
    spark = open_session(f"synlake {arguments.command}", settings=getattr(module, "SPARK_SETTINGS", {}))
    cli.end_on_interrupt()
    try:
        warehouse = open_warehouse(
            spark, arguments.warehouse, must_exist=getattr(module, "NEEDS_WAREHOUSE", False)
        )
        if arguments.command not in STAGES:
            return int(module.run(warehouse, settings, arguments))
        one = STAGES[arguments.command]
        report = stage.run_stage(warehouse, one, settings, force=arguments.force or one.refuses_repeat)
        output.emit(stage.SUMMARY_COLUMNS, stage.summary_rows([report]), arguments.format)
        return 0
    finally:
        spark.stop()


if __name__ == "__main__":
    if __package__ is None and not __spec__:
        sys.path.pop(0)  # spark-submit puts this folder first; modules are found as synlake.jobs.…
    sys.exit(main())
