"""Delta's own log of a table, asked and written through the JVM: each of these would be Spark jobs in SQL."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

_ATTEMPTS = 10


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


def newest_version(spark: SparkSession, path: str) -> int:
    """The newest version of the table at ``path``."""
    return int(_log(spark, path).snapshot().version())


def size_bytes(spark: SparkSession, path: str) -> int | None:
    """The size of the newest version's data files; None where the log does not say without being worked through."""
    found = _log(spark, path).snapshot().sizeInBytesIfKnown()
    return int(found.get()) if found.isDefined() else None


def table_property(spark: SparkSession, path: str, name: str) -> str | None:
    """A property of the table at ``path``; None where it has none of that name."""
    found = _log(spark, path).snapshot().metadata().configuration().get(name)
    return str(found.get()) if found.isDefined() else None


def last_transaction(spark: SparkSession, path: str, app: str) -> int:
    """The newest transaction number that ``app`` committed to the table; 0 where there is none."""
    found = _log(spark, path).snapshot().transactions().get(app)
    return int(found.get()) if found.isDefined() else 0


def add_files(spark: SparkSession, path: str, files: Iterable[DataFile], note: str) -> None:
    """Commit files that tasks wrote into the table's folder, as an append; ``note`` is its userMetadata ("": none).

    For tables without partitions, whose schema and rules the files are known to keep.
    """
    jvm = spark._jvm
    assert jvm is not None
    delta, none = jvm.org.apache.spark.sql.delta, jvm.scala.Option.empty()
    actions = _sequence(jvm, [delta.actions.Action.fromJson(file.action()) for file in files])
    _log(spark, path).startTransaction(none, none).commit(actions, _append(jvm, note))


def commit_transaction(spark: SparkSession, path: str, app: str, number: int) -> bool:
    """Commit a transaction number of ``app`` and no rows; returns whether it had committed one before.

    Delta refuses what ``app`` writes with a smaller number from then on. Where another process commits at the
    same time, Delta refuses one of the two, which then looks again.
    """
    jvm = spark._jvm
    assert jvm is not None
    delta = jvm.org.apache.spark.sql.delta
    none = jvm.scala.Option.empty()
    for _ in range(_ATTEMPTS):
        transaction = _log(spark, path).startTransaction(none, none)
        before = int(transaction.txnVersion(app))  # -1: none
        if before >= number:
            return True
        mark = delta.actions.SetTransaction(app, number, none)
        try:
            transaction.commit(_sequence(jvm, [mark]), _append(jvm))
            return before >= 0
        except Py4JJavaError as error:
            if "Concurrent" not in error.java_exception.getClass().getName():
                raise
            refused = error
    raise refused


def _append(jvm: Any, note: str = "") -> Any:
    """What the log calls a commit that adds to a table.

    Of a ``ManualUpdate``, which it could also be called, Delta does not carry on its checksum of the table, but reads
    the whole log again.
    """
    none = jvm.scala.Option.empty()
    told = jvm.scala.Option.apply(note) if note else none
    mode = jvm.org.apache.spark.sql.SaveMode.Append
    return getattr(jvm.org.apache.spark.sql.delta, "DeltaOperations$Write")(
        mode, none, none, told, *[none] * 5
    )


def _sequence(jvm: Any, values: list[Any]) -> Any:
    return jvm.scala.jdk.javaapi.CollectionConverters.asScala(values).toSeq()


def _log(spark: SparkSession, path: str) -> Any:
    """The log, brought up to date."""
    jvm = spark._jvm
    assert jvm is not None
    log = jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, path)
    none = jvm.scala.Option.empty()
    log.update(False, none, none)
    return log
