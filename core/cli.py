"""The command line, derived from the list of commands: one subcommand a job, one flag a field of its Config."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import logging
import os
import signal
import sys
import traceback
import types
import typing
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NoReturn

from synlake import __version__, config, output
from synlake.errors import SynlakeError, UsageError, platform_fault


class _Parser(argparse.ArgumentParser):
    """argparse, with our one error tree instead of its own exit."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n  next: {self.prog} --help")


def parser(
    program: str, summary: str, commands: dict[str, Any], *, current: Collection[str]
) -> argparse.ArgumentParser:
    """The parser of all commands; ``commands`` maps a name to its module, in the order of help.

    Those in ``current`` do nothing where what they write is up to date.
    """
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
        add_shared(sub, may_be_current=name in current)
        add_fields(sub, module.Config)
        if hasattr(module, "add_arguments"):
            module.add_arguments(sub)
    return top


def parse(top: argparse.ArgumentParser, argv: Sequence[str]) -> argparse.Namespace:
    """What was given; :class:`UsageError` names the flag that is nearest to one that the command has not."""
    arguments, unknown = top.parse_known_args(list(argv), argparse.Namespace(argv=list(argv)))
    if unknown:
        subparsers = next(one for one in top._actions if isinstance(one, argparse._SubParsersAction))
        sub = subparsers.choices.get(arguments.command, top)
        flag = next((one for one in unknown if one.startswith("-")), "").partition("=")[0]
        hint = config.likely(flag, sub._option_string_actions) if flag else ""
        raise UsageError(f"unrecognized arguments: {' '.join(unknown)}{hint}\n  next: {sub.prog} --help")
    return arguments


def add_shared(sub: argparse.ArgumentParser, *, may_be_current: bool) -> None:
    """The options that every command has; ``may_be_current``: it does nothing where it is up to date."""
    shared = sub.add_argument_group("shared options")
    shared.add_argument(
        "--warehouse", metavar="DIR", default="./warehouse", help="where the tables are (./warehouse)"
    )
    shared.add_argument("--config", metavar="FILE", help="YAML file of settings; flags win over it")
    shared.add_argument(
        "--format", choices=output.FORMATS, default="table", help="of the data on stdout (table)"
    )
    if may_be_current:
        shared.add_argument("--force", action="store_true", help="run also what is up to date")


def add_fields(
    sub: argparse.ArgumentParser,
    cls: type,
    prefix: str = "",
    *,
    same: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """One flag for each field of a Config; values stay strings until :func:`synlake.config.build`.

    ``same``: flags without a prefix that some fields have too.
    """
    group = sub.add_argument_group(f"{prefix.rstrip('.') or 'options'}")
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        flag = config.flag_of(f"{prefix}{field.name}")
        kwargs: dict[str, Any] = {"help": _help(field, same.get(field.name)).replace("%", "%%")}
        kinds = _kinds(hints[field.name])
        if _is_list(kinds):
            kwargs["action"] = "append"
        if bool in kinds:
            kwargs.update(nargs="?", const="true", metavar="BOOL")
        else:
            kwargs["metavar"] = _placeholder(field, kinds)
        group.add_argument(flag, dest=f"{prefix}{field.name}", default=argparse.SUPPRESS, **kwargs)


def _help(field: dataclasses.Field[Any], same_as: str | None) -> str:
    """What a setting is, with its default; where another flag says the same, that."""
    if same_as:
        return f"the same as {same_as}"
    needed = "; needed" if field.metadata.get("is_needed") else ""
    default = "" if field.default is None or field.default == () else f" ({config.shown(field.default)})"
    return f"{field.metadata.get('help', '')}{needed}{default}"


def _placeholder(field: dataclasses.Field[Any], kinds: tuple[Any, ...]) -> str:
    """What help puts for a value."""
    if given := field.metadata.get("placeholder"):
        return str(given)
    if choices := field.metadata.get("choices"):
        return "|".join(choices)
    if field.metadata.get("is_file"):
        return "FILE"
    for kind, name in ((int, "N"), (float, "X"), (dt.datetime, "TIME")):
        if kind in kinds:
            return name
    if _is_list(kinds):
        return "A,B,…"
    return field.name.rstrip("_").split("_")[-1].upper()


def run(main: Any, argv: Sequence[str]) -> int:
    """Call ``main(argv)``; turn what goes wrong into one clear message and an exit code."""
    try:
        code = int(main(list(argv)) or 0)
    except SynlakeError as error:
        output.say(f"synlake: error: {error}")
        if error.exit_code == 1:
            output.say("  this is a fault of synlake, not yours; please report it with the lines above")
        code = error.exit_code
    except BrokenPipeError:
        code = 0
    except (KeyboardInterrupt, Exception) as error:
        code = _told(error)
    output.close_data_stream()
    return code


def _told(error: BaseException) -> int:
    """Say what ended a command that is no mistake of its user; returns the exit code."""
    if _is_interruption(error):
        if "SYNLAKE_STDOUT" not in os.environ:  # else submit.sh says it
            output.say("\nsynlake: interrupted; run the same command again, nothing is half-written")
        return 130
    fault = platform_fault(error)
    if fault is not None:
        output.say(f"synlake: error: {fault}")
        return fault.exit_code
    traceback.print_exc(file=sys.stderr)
    output.say("synlake: error: a fault of synlake, not yours; please report it with the lines above")
    return 1


def _is_interruption(error: BaseException | None) -> bool:
    """Whether it is one, or came of cleaning up after one: the JVM is interrupted too, and may be gone first."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def end_on_interrupt() -> None:
    """Have Ctrl-C end the command at once, once there is a session.

    Spark's own handler asks the JVM to cancel its jobs, in the middle of another conversation with it, and py4j logs
    the stacks of both.
    """

    def end(*_: object) -> None:
        logging.disable(logging.CRITICAL)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, end)


def flags_of(arguments: argparse.Namespace, cls: type, prefix: str = "") -> dict[str, str]:
    """The fields of ``cls`` that were given as flags; of a list, all that was given for it."""
    given = vars(arguments)
    found = {field.name: given.get(f"{prefix}{field.name}") for field in dataclasses.fields(cls)}
    return {
        name: ",".join(value) if isinstance(value, list) else value
        for name, value in found.items()
        if value is not None
    }


def settings_of(arguments: argparse.Namespace, module: Any, commands: Sequence[str]) -> Any:
    """The effective configuration of the command that was called."""
    values = config.read_yaml(arguments.config)
    config.check_sections(values, list(commands), arguments.config)
    flags = flags_of(arguments, module.Config)
    settings = config.build(module.Config, arguments.command, values, flags, path=arguments.config)
    config.check_needed(settings, arguments.command)
    return settings


def _kinds(hint: Any) -> tuple[Any, ...]:
    """The types that a value may be of."""
    return typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)


def _is_list(kinds: tuple[Any, ...]) -> bool:
    return any(typing.get_origin(kind) is tuple for kind in kinds)
