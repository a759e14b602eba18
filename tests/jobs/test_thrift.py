"""The Thrift server as people use it: ./submit.sh thrift, asked by the beeline that pyspark ships."""

from __future__ import annotations

import contextlib
import csv
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from synlake.session import SHARE

ROOT = Path(__file__).resolve().parents[2]
#: Names in Hive's metastore, an embedded one.
METASTORE = """spark.sql.catalogImplementation hive
spark.sql.warehouse.dir {folder}/managed
spark.hadoop.javax.jdo.option.ConnectionURL jdbc:derby:;databaseName={folder}/metastore;create=true
spark.hadoop.datanucleus.schema.autoCreateAll true
spark.hadoop.hive.metastore.schema.verification false
"""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / "submit.sh").exists(), reason="needs the checkout that submit.sh is in"),
]


def submit(folder: Path, *arguments: str, conf: Path | None = None) -> list[str | Path]:
    before = ["--conf", conf] if conf else []
    return [ROOT / "submit.sh", *before, *arguments, "--warehouse", folder / "W", "--format", "csv"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with a warehouse W of one imported release, made from the shell."""
    place = tmp_path_factory.mktemp("thrift")
    (place / "list.csv").write_text(
        "image_id,label,split\na,n02110958,train\nb,n02123045,test\nc,n02123045,val\n"
    )
    command = submit(place, "import-release", "--release", "v1.0", "--input", str(place / "list.csv"))
    subprocess.run(command, check=True, timeout=600, capture_output=True)
    return place


@contextlib.contextmanager
def served(folder: Path, *, conf: Path | None = None) -> Iterator[str]:
    """The URL of a server over the warehouse; interrupted at the end, as a person ends it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    process = subprocess.Popen(
        submit(folder, "thrift", "--port", port, conf=conf),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=folder,
        start_new_session=True,
    )
    try:
        assert process.stdout
        assert process.stdout.readline() == "url,n_tables\n"
        yield process.stdout.readline().split(",")[0]
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(120)


def beeline(url: str, statement: str) -> list[list[str]]:
    words = [SHARE / "spark/bin/beeline", "-u", url, "--silent=true", "--outputformat=csv2", "-e", statement]
    environment = {**os.environ, "SPARK_HOME": str(SHARE / "spark"), "PYSPARK_PYTHON": sys.executable}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    # Where there is no terminal, its line editor may print the prompt too. It quotes with NUL unless told otherwise.
    lines = [re.sub(r"^(\d+: jdbc:\S+> )+", "", line) for line in done.stdout.splitlines()]
    return list(csv.reader(line.replace("\0", '"') for line in lines if line))


def test_beeline_sees_tables_releases_functions_and_the_past(folder):
    with served(folder) as url:
        assert beeline(url, "SELECT image_id FROM v1_0.images WHERE is_a(label, 'n02084071')") == [
            ["image_id"],
            ["a"],
        ]
        found = beeline(url, "SELECT synset_id, n_images FROM v1_0.classes ORDER BY synset_id")
        assert found[1:] == [["n02110958", "1"], ["n02123045", "2"]]
        assert beeline(url, "SELECT hamming(7, 8) AS d, phash(NULL) AS p") == [["d", "p"], ["4", "NULL"]]
        assert beeline(url, "SELECT count(*) AS n FROM release_images VERSION AS OF 0") == [["n"], ["0"]]
        assert ["split", "string", "train, val, test or holdout"] in beeline(url, "DESCRIBE v1_0.images")
        taken = subprocess.run(
            submit(folder, "thrift", "--port", url.split(":")[-1]),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert taken.returncode == 4
        assert "cannot listen there" in taken.stderr


def test_names_outlive_the_session_in_a_metastore(folder):
    conf = folder / "metastore.conf"
    conf.write_text(METASTORE.format(folder=folder))
    with served(folder, conf=conf) as url:
        assert beeline(url, "SELECT count(*) AS n FROM v1_0.images") == [["n"], ["3"]]
    # Another program with the same metastore, which registers nothing itself.
    script = folder / "other.py"
    script.write_text(
        "from pyspark.sql import SparkSession\n"
        "spark = SparkSession.builder.enableHiveSupport().getOrCreate()\n"
        "print('found', spark.sql('SELECT count(*) FROM v1_0.images').first()[0])\n"
        "print('found', spark.sql('SELECT count(*) FROM release_images VERSION AS OF 0').first()[0])\n"
    )
    environment = {**os.environ, "SPARK_CONF_DIR": str(ROOT / "conf"), "PYSPARK_PYTHON": sys.executable}
    words = [SHARE / "spark/bin/spark-submit", "--jars", f"{SHARE}/jars/*.jar"]
    words += ["--properties-file", conf, "--load-spark-defaults", script]
    environment |= {"SPARK_HOME": str(SHARE / "spark"), "PYSPARK_DRIVER_PYTHON": sys.executable}
    done = subprocess.run(words, env=environment, cwd=folder, capture_output=True, text=True, timeout=300)
    assert [line for line in done.stdout.splitlines() if line.startswith("found")] == [
        "found 3",
        "found 0",
    ], done.stderr
