"""Delta's own log of a table, asked and written through the JVM: each of these would be Spark jobs in SQL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from delta import exceptions
from pyspark.sql import DataFrame, SparkSession

from synlake.sql_text import literal

_ATTEMPTS = 10
#: What Delta raises where another commit came between, of classes that have no base in common.
CONFLICTS = (
    exceptions.ConcurrentAppendException,
    exceptions.ConcurrentDeleteDeleteException,
    exceptions.ConcurrentDeleteReadException,
    exceptions.ConcurrentTransactionException,
    exceptions.ConcurrentWriteException,
    exceptions.DeltaConcurrentModificationException,
)


@dataclass(frozen=True)
class DataFile:
    """A Parquet file that lies in a table's folder, named from there, and is not of the table yet."""

    name: str
    size_bytes: int
    n_rows: int
    modified_ms: int

    def action(self) -> str:
        """The line of the log that makes it one of the table's files (Delta protocol, "Add File")."""
        add = {
            "path": self.name,
            "partitionValues": {},
            "size": self.size_bytes,
            "modificationTime": self.modified_ms,
            "dataChange": True,
            "stats": json.dumps({"numRecords": self.n_rows}),
        }
        return json.dumps({"add": add})


@dataclass(frozen=True)
class Mark:
    """A transaction number of ``app``: once it is committed, a table takes nothing of ``app`` under a smaller one."""

    app: str
    number: int


@dataclass(frozen=True)
class Change:
    """What rows are to a table: ``note`` is the commit's userMetadata.

    They replace the rows with the values ``replaces`` (by column; of none: all), or are added where that is None.
    No row is written where one breaks one of ``rules`` (SQL by title), and none where the app of ``mark`` has committed
    its number or a larger one.
    """

    replaces: Mapping[str, str] | None
    mark: Mark | None
    note: str
    rules: Mapping[str, str]


def newest_version(spark: SparkSession, path: str) -> int:
    """The newest version of the table at ``path``."""
    return int(_log(spark, path).snapshot().version())


def size_bytes(spark: SparkSession, path: str) -> int | None:
    """The size of the newest version's data files; None where there is no checksum file, which tells it."""
    checksum = _log(spark, path).snapshot().checksumOpt()  # "sizeInBytesIfKnown" has the log worked through
    return int(checksum.get().tableSizeBytes()) if checksum.isDefined() else None


def table_property(spark: SparkSession, path: str, name: str) -> str | None:
    """A property of the table at ``path``; None where it has none of that name."""
    found = _log(spark, path).snapshot().metadata().configuration().get(name)
    return str(found.get()) if found.isDefined() else None


def read_listed(spark: SparkSession, path: str, version: int | None = None) -> DataFrame | None:
    """The rows of a version (None: the newest) whose checksum file lists its data files; None where it does not.

    Delta writes that list for tables of up to 50 files, and does not read it: to find them it works the log through
    in Spark jobs, which takes half a second a table whatever is in it.
    """
    log = _log(spark, path)
    snapshot = log.snapshot()
    none = spark._jvm.scala.Option.empty()  # type: ignore[union-attr]
    if version is not None and int(snapshot.version()) != version:
        snapshot = log.getSnapshotAt(version, none, none, False)
    files = _in_checksum_file(snapshot, "allFiles")
    return None if files is None else DataFrame(log.createDataFrame(snapshot, files, False, none), spark)


def last_transaction(spark: SparkSession, path: str, app: str) -> int:
    """The newest transaction number that ``app`` committed to the table; 0 where there is none."""
    return max(0, _last_number(_log(spark, path).snapshot(), app))


def add_files(spark: SparkSession, path: str, files: Iterable[DataFile], note: str) -> None:
    """Commit files that tasks wrote into the table's folder, as an append; ``note`` is its userMetadata ("": none).

    For tables without partitions, whose schema and rules the files are known to keep.
    """
    jvm = spark._jvm
    assert jvm is not None
    delta, none = jvm.org.apache.spark.sql.delta, jvm.scala.Option.empty()
    actions = _sequence(jvm, [delta.actions.Action.fromJson(file.action()) for file in files])
    _log(spark, path).startTransaction(none, none).commit(actions, _write_operation(jvm, note))


def commit_mark(spark: SparkSession, path: str, mark: Mark) -> bool:
    """Commit a mark and no rows; returns whether its app had committed one before.

    Where another process commits at the same time, Delta refuses one of the two, which then looks again.
    """
    jvm = spark._jvm
    assert jvm is not None
    none = jvm.scala.Option.empty()
    for _ in range(_ATTEMPTS):
        transaction = _log(spark, path).startTransaction(none, none)
        before = _read_number(transaction, mark.app)  # -1: none
        if before >= mark.number:
            return True
        try:
            transaction.commit(_sequence(jvm, [_set_transaction(jvm, mark)]), _write_operation(jvm))
            return before >= 0
        except CONFLICTS as error:
            refused = error
    raise refused


def write_rows(spark: SparkSession, path: str, df: DataFrame, change: Change) -> bool:
    """Add rows, or replace others, in one commit; returns False, and does nothing, where it is not known how.

    It is what Delta's own writer does, but for working the log through first. It takes rows with exactly the table's
    columns; to replace some it takes a table whose checksum file lists its data files, and values of its partitions.
    """
    jvm = spark._jvm
    assert jvm is not None
    none = jvm.scala.Option.empty()
    transaction = _log(spark, path).startTransaction(none, none)
    snapshot = transaction.snapshot()
    if snapshot.schema().catalogString() != df._jdf.schema().catalogString():
        return False
    others: list[Any] = []
    if change.replaces is not None:
        files = _files_with(snapshot, change.replaces)
        if files is None:
            return False
        _read_rows(spark, transaction, change.replaces)
        others += [file.remove() for file in files]
    if change.mark is not None:
        if _read_number(transaction, change.mark.app) >= change.mark.number:
            return True
        others.append(_set_transaction(jvm, change.mark))
    check = getattr(jvm.org.apache.spark.sql.delta.constraints, "Constraints$Check")
    checks = [check(title, _parsed(spark, rule)) for title, rule in change.rules.items()]
    written = transaction.writeFiles(df._jdf, _sequence(jvm, checks))
    operation = _write_operation(jvm, change.note, replaces=change.replaces is not None)
    transaction.commit(written.appendedAll(_sequence(jvm, others)), operation)
    return True


def _files_with(snapshot: Any, values: Mapping[str, str]) -> list[Any] | None:
    """The data files whose rows have these values, and no others; None where the checksum file does not tell."""
    listed = _in_checksum_file(snapshot, "allFiles")
    if listed is None:
        return None
    files = _values(listed)
    partitions = _values(snapshot.metadata().partitionColumns())
    if files and not values.keys() <= set(partitions):
        return None
    return [
        file
        for file in files
        if all(file.partitionValues().get(name).get() == value for name, value in values.items())
    ]


def _read_rows(spark: SparkSession, transaction: Any, values: Mapping[str, str]) -> None:
    """Have the transaction refused where another one changes rows with these values meanwhile."""
    if not values:
        transaction.readWholeTable()
        return
    parsed = [_parsed(spark, equal(name, value)) for name, value in values.items()]
    transaction.trackReadPredicates(_sequence(spark._jvm, parsed), False, True)


def _parsed(spark: SparkSession, expression: str) -> Any:
    return spark._jsparkSession.sessionState().sqlParser().parseExpression(expression)


def equal(name: str, value: str) -> str:
    r"""SQL that a column has a value.

    >>> equal("model", "it's")
    "model = 'it\\'s'"
    """
    return f"{name} = {literal(value)}"


def _in_checksum_file(snapshot: Any, field: str) -> Any:
    """What the checksum file of a version lists as ``field``, a Scala sequence; None where it does not."""
    checksum = snapshot.checksumOpt()
    found = getattr(checksum.get(), field)() if checksum.isDefined() else checksum
    return found.get() if found.isDefined() else None


def _last_number(snapshot: Any, app: str) -> int:
    """The newest transaction number of ``app``, -1 where there is none; from the checksum file where that has it."""
    known = _in_checksum_file(snapshot, "setTransactions")
    if known is None:
        found = snapshot.transactions().get(app)
        return int(found.get()) if found.isDefined() else -1
    return max((int(mark.version()) for mark in _values(known) if mark.appId() == app), default=-1)


def _read_number(transaction: Any, app: str) -> int:
    """The same; the transaction is refused from then on where another one commits a number of ``app`` meanwhile."""
    transaction.readTxn().addOne(app)
    return _last_number(transaction.snapshot(), app)


def _set_transaction(jvm: Any, mark: Mark) -> Any:
    none = jvm.scala.Option.empty()
    return jvm.org.apache.spark.sql.delta.actions.SetTransaction(mark.app, mark.number, none)


def _write_operation(jvm: Any, note: str = "", *, replaces: bool = False) -> Any:
    """What the log calls a commit that adds to a table, or replaces its rows.

    Of a ``ManualUpdate``, which it could also be called, Delta does not carry on its checksum of the table, but reads
    the whole log again.
    """
    none = jvm.scala.Option.empty()
    told = jvm.scala.Option.apply(note) if note else none
    modes = jvm.org.apache.spark.sql.SaveMode
    mode = modes.Overwrite if replaces else modes.Append
    return getattr(jvm.org.apache.spark.sql.delta, "DeltaOperations$Write")(
        mode, none, none, told, *[none] * 5
    )


def _sequence(jvm: Any, values: list[Any]) -> Any:
    return jvm.scala.jdk.javaapi.CollectionConverters.asScala(values).toSeq()


def _values(sequence: Any) -> list[Any]:
    return [sequence.apply(index) for index in range(sequence.size())]


def _log(spark: SparkSession, path: str) -> Any:
    """The log, brought up to date."""
    jvm = spark._jvm
    assert jvm is not None
    log = jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, path)
    none = jvm.scala.Option.empty()
    log.update(False, none, none)
    return log
