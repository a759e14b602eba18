"""The only place where a SparkSession is made."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import yaml
from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

#: Where submit.sh puts what is not a Python package: ``jars/`` and ``wordnet/``.
SHARE = Path(sys.prefix) / "share" / "synlake"


def open_session(
    app_name: str, *, profile: str | None = None, settings: Mapping[str, str] | None = None
) -> SparkSession:
    """A session with Delta, as ``conf/<profile>.yaml`` says; one is made or the running one returned.

    Under ``spark-submit`` the master, JARs and properties are already given. Elsewhere (the ``synlake``
    script, pytest) the session is local, with the JARs that ``submit.sh`` fetched. The profile is
    ``local`` or ``cluster`` by the master, unless named. ``settings`` are what a command needs beside it. What
    ``spark-submit`` was given always wins.
    """
    # Spark hands times to Python without a zone, in the machine's; what is printed is to be UTC everywhere.
    os.environ["TZ"] = "UTC"
    time.tzset()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if "PYSPARK_GATEWAY_PORT" not in os.environ:  # not under spark-submit: pyspark starts the JVM itself
        _prepare_own_jvm()
    SparkContext._ensure_initialized()  # starts or joins the JVM; SparkConf sees what it was given only then
    conf = SparkConf()
    conf.setIfMissing("spark.master", "local[*]")
    profile = profile or ("local" if conf.get("spark.master", "").startswith("local") else "cluster")
    for key, value in {**_profile(profile), **(settings or {})}.items():
        conf.setIfMissing(key, str(value).lower() if isinstance(value, bool) else str(value))
    conf.setIfMissing("spark.sql.warehouse.dir", _scratch())
    conf.setAppName(app_name)
    # pyspark logs every failed query with its Java stack; errors are told once, by core/cli.py.
    logging.getLogger("SQLQueryContextLogger").disabled = True
    session: SparkSession = SparkSession.Builder().config(conf=conf).getOrCreate()
    return session


def _profile(name: str) -> Mapping[str, Any]:
    settings = yaml.safe_load((files("synlake.conf") / f"{name}.yaml").read_text(encoding="utf-8"))
    return settings if isinstance(settings, dict) else {}


def _prepare_own_jvm() -> None:
    with as_file(files("synlake.conf") / "spark-defaults.conf") as defaults:
        os.environ.setdefault("SPARK_CONF_DIR", str(defaults.parent))
    jars = ",".join(sorted(str(jar) for jar in (SHARE / "jars").glob("*.jar")))
    arguments = f'--jars "{jars}" pyspark-shell' if jars else "pyspark-shell"
    os.environ.setdefault("PYSPARK_SUBMIT_ARGS", arguments)


def _scratch() -> str:
    """A folder for Spark's own catalog, so that none appears in the user's current directory."""
    folder = tempfile.mkdtemp(prefix="synlake-catalog-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
