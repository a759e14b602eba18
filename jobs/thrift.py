"""Serve a warehouse over JDBC: Spark's own Thrift server, with its tables, releases and functions by name.

beeline, or any tool with a Hive JDBC driver, connects to jdbc:hive2://HOST:PORT and needs no password. Whoever
can connect can do what this process can: so it listens on this machine only, unless told otherwise. Ctrl-C ends it.
"""

from __future__ import annotations

import argparse
import socket
import time
from dataclasses import dataclass

from py4j.protocol import Py4JError

from synlake import output, views
from synlake.config import option
from synlake.errors import EnvironmentFault
from synlake.warehouse import Warehouse

EXAMPLE = "thrift --warehouse W --port 10000"
NEEDS_WAREHOUSE = True
#: One session for all clients: functions and views are a session's own.
SPARK_SETTINGS = {"spark.sql.hive.thriftServer.singleSession": "true"}
COLUMNS = ("url", "n_tables")


@dataclass(frozen=True)
class Config:
    """Settings of thrift."""

    host: str = option(
        "127.0.0.1", "address to listen on; 0.0.0.0 lets everybody in who reaches this machine"
    )
    port: int = option(10000, "port to listen on", minimum=1, maximum=65535)
    refresh_seconds: float = option(60.0, "how often to look for new tables and releases", minimum=1)


def run(warehouse: Warehouse, settings: Config, arguments: argparse.Namespace) -> int:
    """Name the tables, start the server, say where it is; go on until interrupted."""
    _check_is_free(settings.host, settings.port)
    names = set(views.register(warehouse))
    views.register_functions(warehouse)
    _start(warehouse, settings)
    url = f"jdbc:hive2://{settings.host}:{settings.port}"
    output.emit(COLUMNS, [(url, len(names))], arguments.format)
    output.say(f"next: .venv/share/synlake/spark/bin/beeline -u {url} -e 'SHOW TABLES'")
    while True:
        time.sleep(settings.refresh_seconds)
        names |= set(views.register(warehouse, known=names))


def _start(warehouse: Warehouse, settings: Config) -> None:
    spark = warehouse.spark
    jvm = spark._jvm
    assert jvm is not None
    assert spark._jsc is not None
    hadoop = spark._jsc.hadoopConfiguration()
    given = {
        "hive.server2.thrift.bind.host": settings.host,
        "hive.server2.thrift.port": str(settings.port),
        "hive.server2.transport.mode": "binary",
    }
    # With a Hive metastore the server takes the settings of the session that Hive has on this thread already.
    hive = jvm.org.apache.hadoop.hive.ql.session.SessionState.get()
    for place in [hadoop] if hive is None else [hadoop, hive.getConf()]:
        for key, value in given.items():
            place.set(key, value)
    try:
        server = jvm.org.apache.spark.sql.hive.thriftserver.HiveThriftServer2
        server.startWithContext(spark._jsparkSession.sqlContext())
    except (Py4JError, TypeError) as error:
        raise EnvironmentFault(
            f"the Thrift server does not start: {str(error).splitlines()[0]}\n"
            "  next: Spark has to be built with spark-hive-thriftserver, as pyspark's package is"
        ) from None


def _check_is_free(host: str, port: int) -> None:
    """Raise where the server could not listen: it would say so only in a log."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
    except OSError as error:
        raise EnvironmentFault(
            f"--host {host} --port {port}: cannot listen there ({error.strerror})\n  next: choose another --port"
        ) from None
