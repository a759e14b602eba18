"""One tree of errors, each branch with its exit code.

=====  =========================================================================
code   meaning
=====  =========================================================================
0      done (also: nothing to do)
1      a fault in synlake itself; the traceback is shown
2      usage: a flag, a command or a configuration key is wrong
3      input: a file, folder, column or row that was given cannot be used
4      environment: Java, network, disk, permissions
5      conflict: the name is taken, or another process got there first
6      the warehouse was written by a newer synlake
130    interrupted
=====  =========================================================================
"""

from __future__ import annotations

import re
from collections.abc import Sequence


class SynlakeError(Exception):
    """A fault with an exit code. Its text says where, what was given, what was wanted, what to do next."""

    exit_code = 1


class UsageError(SynlakeError):
    """A flag, command or configuration value that cannot be used."""

    exit_code = 2


class InputError(SynlakeError):
    """A file, folder, column or row that cannot be used."""

    exit_code = 3


class EnvironmentFault(SynlakeError):
    """The machine is not able: disk full, no permission, no network, no WordNet."""

    exit_code = 4


class ConflictError(SynlakeError):
    """The name is taken, or another process got there first."""

    exit_code = 5


class WarehouseVersionError(SynlakeError):
    """The warehouse was written by a newer synlake than this one."""

    exit_code = 6


class ContractError(SynlakeError):
    """A table would break its schema, key or rules: a fault of synlake, never of its user."""

    def __init__(self, table: str, faults: Sequence[str]) -> None:
        lines = "\n".join(f"  - {fault}" for fault in faults)
        super().__init__(f"table {table} breaks its contract:\n{lines}")
        self.faults = tuple(faults)


#: What a task says of an image whose bytes are no longer those that its id, their sha256, names.
OTHER_BYTES = "other bytes than its image_id names: image"
#: The same of a data file that is not there, or is no longer what was written; and what then helps.
DAMAGED_FILE = "a data file is missing or damaged"
FROM_A_COPY = "verify-release says what is no longer as it was frozen; take the file from a copy"
#: What the JVM, the operating system or a task says, and what that means to a user. First match wins.
_FAULTS: tuple[tuple[type[SynlakeError], tuple[str, ...], str, str], ...] = (
    (
        InputError,
        (OTHER_BYTES,),
        "the warehouse is damaged",
        "verify-release --deep names all such images; take the table image_bytes from a copy",
    ),
    (
        EnvironmentFault,
        ("No space left on device", "Disk quota exceeded", "[Errno 28]"),
        "the disk is full",
        "free some space, or choose another place with --warehouse; then run the same command again",
    ),
    (
        EnvironmentFault,
        ("Permission denied", "AccessDeniedException", "Read-only file system", "[Errno 13]"),
        "permission denied",
        "check who owns the folder, or choose another one with --warehouse",
    ),
    (
        EnvironmentFault,
        ("Mkdirs failed to create", "ParentNotDirectoryException", "Not a directory", "Cannot create"),
        "a folder cannot be made there",
        "choose another place with --warehouse",
    ),
    (
        EnvironmentFault,
        ("OutOfMemoryError", "Java heap space"),
        "the JVM ran out of memory",
        "give it more with spark.driver.memory / spark.executor.memory in a file passed as --conf",
    ),
    (
        InputError,
        ("FAILED_READ_FILE",),
        DAMAGED_FILE,  # of the warehouse, or one that was given: the file is named
        FROM_A_COPY,
    ),
)


def platform_fault(error: BaseException) -> SynlakeError | None:
    """The user's version of a fault of the machine or of its files, or None where ``error`` is something else."""
    text = str(error)
    for kind, signs, what, next_step in _FAULTS:
        sign = next((sign for sign in signs if sign in text), None)
        if sign is not None:
            where = without_classes(next((line for line in text.splitlines() if sign in line), sign))
            return kind(f"{what}: {where[:300]}\n  next: {next_step}")
    return None


def without_classes(line: str) -> str:
    """A line of an exception's text without the names of exceptions before it.

    >>> without_classes(": org.apache.spark.SparkException: [FAILED_READ_FILE] file x.parquet")
    '[FAILED_READ_FILE] file x.parquet'
    """
    return re.sub(r"^([\w.$]+(Exception|Error): )*", "", line.strip(" :\t"))
