from __future__ import annotations

import csv
import io
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from synlake.udfs.resample import is_compiled

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
#: The interpreter that .venv was made from: what a node of a cluster has, without our packages.
NODE_PYTHON = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
#: Executors of one core and little memory, so that they fit beside the driver on a small machine.
PROPERTIES = """
spark.driver.memory 1g
spark.executor.memory 1g
spark.driver.host 127.0.0.1
spark.sql.shuffle.partitions 4
spark.databricks.delta.snapshotPartitions 2
"""
SECONDS = 900


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYSPARK_", "SPARK_", "SYNLAKE_STD"))}
    return kept | {"SYNLAKE_EXECUTOR_PYTHON": str(NODE_PYTHON), "SPARK_LOCAL_IP": "127.0.0.1"}


@pytest.fixture(scope="session")
def properties(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("conf") / "cluster.properties"
    path.write_text(PROPERTIES)
    return path


def test_a_node_has_none_of_our_packages() -> None:
    for name in ("synlake", "pyspark", "imagehash"):
        done = subprocess.run([NODE_PYTHON, "-c", f"import {name}"], capture_output=True, check=False)
        assert done.returncode, name


def test_code_and_packages_reach_executors(
    master: str, properties: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    subprocess.run([ROOT / ".venv/bin/python", ROOT / "tools/pack.py"], check=True)
    submit = [ROOT / "submit.sh", "--master", master, "--conf", properties, "--dry-run", "sql"]
    line = subprocess.run(submit, env=environment, check=True, capture_output=True, text=True).stdout
    argv = shlex.split(line)
    argv[argv.index(str(ROOT / "jobs/__main__.py")) :] = [
        str(Path(__file__).with_name("probe.py")),
        str(tmp_path / "table"),
        str(tmp_path / "found.jsonl"),
    ]
    run(argv, environment)

    found = [json.loads(row) for row in (tmp_path / "found.jsonl").read_text().splitlines()]
    assert found
    for row in found:
        assert Path(row.pop("python")).resolve() == NODE_PYTHON.resolve()
        assert "synlake.zip" in row.pop("synlake.udfs")
        assert row.pop("is_compiled") == is_compiled()
        assert all("/environment.tar.gz/" in path and str(ROOT) not in path for path in row.values()), row


def test_same_release_as_in_local_mode(
    master: str, properties: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    checksums = {
        where: release_checksum(url, properties, environment, tmp_path / where)
        for where, url in (("local", "local[2]"), ("standalone", master))
    }
    assert checksums["local"]
    assert checksums["local"] == checksums["standalone"]


def release_checksum(master: str, properties: Path, environment: dict[str, str], warehouse: Path) -> str:
    submit = [str(ROOT / "submit.sh"), "--master", master, "--conf", str(properties)]
    run([*submit, "demo", "--warehouse", str(warehouse), "--n-images", "200"], environment)
    query = "SELECT content_checksum FROM releases WHERE release = 'demo'"
    sql = [str(ROOT / "submit.sh"), "sql", "--warehouse", str(warehouse), "--format", "csv", query]
    (row,) = csv.DictReader(io.StringIO(run(sql, environment)))
    return str(row["content_checksum"])


def run(argv: list[str], environment: dict[str, str]) -> str:
    """Run a command to its end; its data, or a failure that shows what it said."""
    done = subprocess.run(
        argv,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=SECONDS,
    )
    said = f"{done.stdout}\n{done.stderr[-6000:]}"
    assert done.returncode == 0, f"{shlex.join(argv)}\nexit {done.returncode}\n{said}"
    return done.stdout
