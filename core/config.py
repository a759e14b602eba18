"""One frozen dataclass a command, filled from defaults, a YAML file and flags, in this order.

A YAML file has one section a command, and the shared settings at its top::

    seed: 7
    deduplicate-images:
      tau: 8
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import difflib
import hashlib
import json
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from synlake.errors import InputError, UsageError

C = TypeVar("C")
#: Settings that mean the same in every command that has them; given once at the top of the file.
SHARED = ("seed", "as_of", "selection_id")


def option(
    default: Any,
    help: str,
    *,
    choices: Sequence[str] | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    check: Callable[[Any], str | None] | None = None,
    is_file: bool = False,
    is_needed: bool = False,
    placeholder: str | None = None,
) -> Any:
    """A field of a command's configuration.

    ``check`` returns what is wrong with a value, or None. ``is_file`` marks an input file: whether the
    stage is up to date then depends on the file's bytes. ``is_needed`` marks what a command that is called has to be
    given (:func:`check_needed`): None is its default, and no value. ``placeholder`` stands for a value in help, where
    neither its type nor the last word of its name says enough.
    """
    metadata = {
        "help": help,
        "choices": choices,
        "minimum": minimum,
        "maximum": maximum,
        "check": check,
        "is_file": is_file,
        "is_needed": is_needed,
        "placeholder": placeholder,
    }
    return dataclasses.field(default=default, metadata=metadata)


def read_yaml(path: str | None) -> dict[str, Any]:
    """The mapping in a YAML file; an empty one where no file is given."""
    if path is None:
        return {}
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"--config {path}: cannot be read ({error.strerror})") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise UsageError(f"--config {path}: {where}is not YAML: {error.problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"--config {path}: is not YAML: {' '.join(str(error).split())}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise UsageError(f"--config {path}: wanted a mapping of sections, got {type(values).__name__}")
    return values


def check_sections(values: Mapping[str, Any], commands: Sequence[str], path: str | None) -> None:
    """Refuse a section that no command has, naming the nearest one that exists."""
    for key, section in values.items():
        if key in SHARED:
            continue
        if key not in commands:
            raise UsageError(f"--config {path}: unknown key {key!r}{_nearest(key, [*commands, *SHARED])}")
        if not isinstance(section, dict | None):
            raise UsageError(f"--config {path}: section {key!r}: wanted a mapping, got {section!r}")


def flag_of(name: str) -> str:
    """The flag of a field.

    >>> flag_of("n_val"), flag_of("from_")  # a name that is a Python keyword has a trailing underscore
    ('--n-val', '--from')
    """
    return f"--{name.rstrip('_').replace('_', '-')}"


def shown(value: Any) -> str:
    """A setting as a flag gives it.

    >>> shown(True), shown(("en", "es"))
    ('true', 'en,es')
    """
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def check_needed(settings: Any, command: str) -> None:
    """Refuse to run a command without what it needs."""
    missing = [
        flag_of(field.name)
        for field in dataclasses.fields(settings)
        if field.metadata.get("is_needed") and not getattr(settings, field.name)
    ]
    if missing:
        raise UsageError(f"{command} needs {' and '.join(missing)}\n  next: ./submit.sh {command} --help")


def build(
    cls: type[C],
    command: str,
    values: Mapping[str, Any],
    flags: Mapping[str, str],
    *,
    path: str | None = None,
    prefix: str = "",
) -> C:
    """The configuration of one command; flags (raw strings) win over ``values`` of the file at ``path``.

    ``prefix``: what stands before a field's name in its flag.
    """
    file = f"--config {path}"
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    section = {key.replace("-", "_"): value for key, value in (values.get(command) or {}).items()}
    section = {f"{key}_" if f"{key}_" in fields else key: value for key, value in section.items()}
    for key in section:
        if key not in fields:
            raise UsageError(f"{file}: {command}: unknown key {key!r}{_nearest(key, list(fields))}")
    shared = {key: values[key] for key in SHARED if key in values and key in fields}
    hints = typing.get_type_hints(cls)
    chosen: dict[str, Any] = {}
    for name, field in fields.items():
        if name in flags:
            where, given = flag_of(f"{prefix}{name}"), flags[name]
        elif name in section:
            where, given = f"{file}: {command}: {name}", section[name]
        elif name in shared:
            where, given = f"{file}: {name}", shared[name]
        else:
            continue
        chosen[name] = _checked(where, _convert(where, given, hints[name]), field)
    return cls(**chosen)


def as_json(config: Any) -> str:
    """The effective configuration, canonical: sorted keys, no spaces."""
    return json.dumps(dataclasses.asdict(config), sort_keys=True, separators=(",", ":"), default=str)


def digest(config: Any) -> str:
    """What a configuration amounts to, as sha256 hex: its values, and the bytes of the files it names."""
    hasher = hashlib.sha256(as_json(config).encode())
    for field in dataclasses.fields(config):
        path = getattr(config, field.name)
        if field.metadata.get("is_file") and path and Path(path).is_file():
            with open(path, "rb") as stream:
                for block in iter(lambda: stream.read(1 << 20), b""):
                    hasher.update(block)
    return hasher.hexdigest()


def likely(given: str, known: Iterable[str]) -> str:
    """What to add to a message about a word that is not ``known``: the nearest one that is, if one is near."""
    close = difflib.get_close_matches(given, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def _nearest(key: str, known: Sequence[str]) -> str:
    return likely(key, known) or f"; known: {', '.join(sorted(known))}"


def _convert(where: str, given: Any, hint: Any) -> Any:
    """``given`` (a string from a flag, or a YAML value) as the type that the field declares."""
    options = [hint]
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        options = [arg for arg in typing.get_args(hint) if arg is not type(None)]
        if given is None:
            return None
    wanted = options[0]
    try:
        if typing.get_origin(wanted) is tuple:
            parts = given.replace(",", " ").split() if isinstance(given, str) else list(given)
            inner = typing.get_args(wanted)[0]
            return tuple(_convert(where, part, inner) for part in parts)
        if wanted is bool:
            return _as_bool(given)
        if wanted is int and isinstance(given, float | bool):
            raise ValueError
        if wanted is dt.datetime:
            return _as_utc(given)
        if wanted is str and not isinstance(given, str | int | float | dt.date):
            raise ValueError
        return wanted(given)
    except (ValueError, TypeError):
        names = {int: "a whole number", float: "a number", bool: "true or false", dt.datetime: "a UTC time"}
        kind = names.get(wanted, "a list" if typing.get_origin(wanted) is tuple else "text")
        raise UsageError(f"{where}: wanted {kind}, got {given!r}") from None


def _as_bool(given: Any) -> bool:
    if isinstance(given, bool):
        return given
    known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if str(given).lower() not in known:
        raise ValueError
    return known[str(given).lower()]


def _as_utc(given: Any) -> dt.datetime:
    if isinstance(given, dt.date) and not isinstance(given, dt.datetime):
        given = dt.datetime(given.year, given.month, given.day)
    # Python 3.10's fromisoformat does not know the Z of ISO 8601.
    time = (
        given if isinstance(given, dt.datetime) else dt.datetime.fromisoformat(given.replace("Z", "+00:00"))
    )
    return time.replace(tzinfo=dt.timezone.utc) if time.tzinfo is None else time.astimezone(dt.timezone.utc)


def _checked(where: str, value: Any, field: dataclasses.Field[Any]) -> Any:
    rules = field.metadata
    if value is None:
        return value
    if rules.get("choices") and value not in rules["choices"]:
        hint = likely(str(value), rules["choices"])
        raise UsageError(f"{where}: wanted one of {', '.join(rules['choices'])}, got {value!r}{hint}")
    low, high = rules.get("minimum"), rules.get("maximum")
    if (low is not None and value < low) or (high is not None and value > high):
        wanted = f"{low} to {high}" if low is not None and high is not None else f"at least {low}"
        raise UsageError(f"{where}: wanted {wanted}, got {value!r}")
    if rules.get("check"):
        fault = rules["check"](value)
        if fault:
            raise UsageError(f"{where}: {fault}")
    if rules.get("is_file") and "//" not in value and not Path(value).is_file():
        raise InputError(
            f"{where} {value}: is a folder; wanted a file"
            if Path(value).is_dir()
            else f"{where} {value}: no such file\n  next: check the path; {Path(value).absolute()} was looked for"
        )
    return value


def check_folder(flag: str, given: str) -> None:
    """Refuse what is no local folder."""
    path = Path(given).expanduser()
    if not path.is_dir():
        what = "is a file; wanted a folder" if path.exists() else "no such folder"
        raise InputError(f"{flag} {given}: {what}\n  next: give a folder with images")


def bad_name(value: str) -> str | None:
    """What is wrong with a name of a release or selection; None where it is one."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value) and ".." not in value:
        return None
    return f"wanted a name of letters, digits, '_', '-' and '.', up to 64, got {value!r}"


def moment(as_of: dt.datetime | None) -> dt.datetime:
    """The time a run counts as its own: the one given, or now (UTC)."""
    return as_of or dt.datetime.now(dt.timezone.utc)
