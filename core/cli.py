"""The command line, derived from the list of commands: one subcommand a job, one flag a field of its Config."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import traceback
import types
import typing
from collections.abc import Sequence
from typing import Any, NoReturn

from synlake import __version__, config, output
from synlake.errors import SynlakeError, UsageError, platform_fault


class _Parser(argparse.ArgumentParser):
    """argparse, with our one error tree instead of its own exit."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n  next: {self.prog} --help")


def parser(program: str, summary: str, commands: dict[str, Any]) -> argparse.ArgumentParser:
    """The parser of all commands; ``commands`` maps a name to its module, in the order of help."""
    top = _Parser(prog=program, description=summary, allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"synlake {__version__}")
    subparsers = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    for name, module in commands.items():
        first_line, _, rest = (module.__doc__ or "").strip().partition("\n")
        sub = subparsers.add_parser(
            name,
            help=first_line.rstrip(".").replace("%", "%%"),
            description=f"{first_line}\n{rest}".strip(),
            epilog=f"example:\n  {program} {module.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        add_shared(sub)
        add_fields(sub, module.Config)
        if hasattr(module, "add_arguments"):
            module.add_arguments(sub)
    return top


def add_shared(sub: argparse.ArgumentParser) -> None:
    """The options that every command has."""
    shared = sub.add_argument_group("shared options")
    shared.add_argument(
        "--warehouse", metavar="DIR", default="./warehouse", help="where the tables are (./warehouse)"
    )
    shared.add_argument("--config", metavar="FILE", help="YAML file of settings; flags win over it")
    shared.add_argument(
        "--format", choices=output.FORMATS, default="table", help="of the data on stdout (table)"
    )
    shared.add_argument("--force", action="store_true", help="run also what is up to date")


def add_fields(sub: argparse.ArgumentParser, cls: type, prefix: str = "") -> None:
    """One flag for each field of a Config; values stay strings until :func:`synlake.config.build`."""
    group = sub.add_argument_group(f"{prefix.rstrip('.') or 'options'}")
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        flag = f"--{prefix}{field.name.rstrip('_').replace('_', '-')}"  # from_ is --from
        default = field.default
        shown = "" if default is None or default == () else f" ({_shown(default)})"
        kwargs: dict[str, Any] = {"help": f"{field.metadata.get('help', '')}{shown}".replace("%", "%%")}
        if _is_bool(hints[field.name]):
            kwargs.update(nargs="?", const="true", metavar="BOOL")
        else:
            choices = field.metadata.get("choices")
            kwargs["metavar"] = (
                "|".join(choices) if choices else field.name.rstrip("_").split("_")[-1].upper()
            )
        group.add_argument(flag, dest=f"{prefix}{field.name}", default=argparse.SUPPRESS, **kwargs)


def run(main: Any, argv: Sequence[str]) -> int:
    """Call ``main(argv)``; turn what goes wrong into one clear message and an exit code."""
    try:
        code = int(main(list(argv)) or 0)
    except SynlakeError as error:
        output.say(f"synlake: error: {error}")
        if error.exit_code == 1:
            output.say("  this is a fault of synlake, not yours; please report it with the lines above")
        code = error.exit_code
    except KeyboardInterrupt:
        output.say("\nsynlake: interrupted; run the same command again, nothing is half-written")
        code = 130
    except BrokenPipeError:
        code = 0
    except Exception as error:
        fault = platform_fault(error)
        if fault is None:
            traceback.print_exc(file=sys.stderr)
            output.say("synlake: error: a fault of synlake, not yours; please report it with the lines above")
            code = 1
        else:
            output.say(f"synlake: error: {fault}")
            code = fault.exit_code
    output.close_data_stream()
    return code


def flags_of(arguments: argparse.Namespace, cls: type, prefix: str = "") -> dict[str, str]:
    """The fields of ``cls`` that were given as flags."""
    names = [field.name for field in dataclasses.fields(cls)]
    given = vars(arguments)
    return {name: given[f"{prefix}{name}"] for name in names if f"{prefix}{name}" in given}


def settings_of(arguments: argparse.Namespace, module: Any, commands: Sequence[str]) -> Any:
    """The effective configuration of the command that was called."""
    values = config.read_yaml(arguments.config)
    config.check_sections(values, list(commands), arguments.config)
    return config.build(module.Config, arguments.command, values, flags_of(arguments, module.Config))


def _is_bool(hint: Any) -> bool:
    if isinstance(hint, types.UnionType):
        return bool in typing.get_args(hint)
    return hint is bool


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
