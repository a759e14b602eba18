"""Delta's own log of a table, asked and written through the JVM: each of these would be Spark jobs in SQL."""

from __future__ import annotations

from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

_ATTEMPTS = 10


def newest_version(spark: SparkSession, path: str) -> int:
    """The newest version of the table at ``path``."""
    return int(_log(spark, path).snapshot().version())


def table_property(spark: SparkSession, path: str, name: str) -> str | None:
    """A property of the table at ``path``; None where it has none of that name."""
    found = _log(spark, path).snapshot().metadata().configuration().get(name)
    return str(found.get()) if found.isDefined() else None


def last_transaction(spark: SparkSession, path: str, app: str) -> int:
    """The newest transaction number that ``app`` committed to the table; 0 where there is none."""
    found = _log(spark, path).snapshot().transactions().get(app)
    return int(found.get()) if found.isDefined() else 0


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
        actions = jvm.scala.jdk.javaapi.CollectionConverters.asScala([mark]).toSeq()
        try:
            transaction.commit(
                actions, getattr(delta, "DeltaOperations$ManualUpdate$").__getattr__("MODULE$")
            )
            return before >= 0
        except Py4JJavaError as error:
            if "Concurrent" not in error.java_exception.getClass().getName():
                raise
            refused = error
    raise refused


def _log(spark: SparkSession, path: str) -> Any:
    """The log, brought up to date."""
    jvm = spark._jvm
    assert jvm is not None
    log = jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, path)
    none = jvm.scala.Option.empty()
    log.update(False, none, none)
    return log
