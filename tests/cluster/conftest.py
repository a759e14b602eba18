from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyspark
import pytest

SPARK_HOME = Path(pyspark.__file__).parent
STARTUP_SECONDS = 60


@pytest.fixture(scope="session")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a standalone master on loopback with two workers of one core; ended with the test run."""
    folder = tmp_path_factory.mktemp("cluster")
    port, ui_port = free_port(), free_port()
    url = f"spark://127.0.0.1:{port}"
    master_options = ("--port", port, "--webui-port", ui_port)
    worker_options = ("--cores", 1, "--memory", "2g", "--webui-port", 0, "--work-dir", folder, url)
    with ExitStack() as stack:
        stack.enter_context(daemon(folder / "master.log", "master.Master", *master_options))
        for i in range(2):
            stack.enter_context(daemon(folder / f"worker{i}.log", "worker.Worker", *worker_options))
        wait_for_workers(f"http://127.0.0.1:{ui_port}/json/", 2, folder)
        yield url


@contextmanager
def daemon(log: Path, name: str, *options: object) -> Iterator[None]:
    """One process of Spark; ended with the block."""
    # Nothing of this test run's own Python may leak into the workers: a node knows nothing of .venv.
    ours = ("PYSPARK_", "SPARK_", "PYTHON", "VIRTUAL_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment |= {"SPARK_HOME": str(SPARK_HOME), "SPARK_LOCAL_IP": "127.0.0.1"}
    argv = [
        SPARK_HOME / "bin/spark-class",
        f"org.apache.spark.deploy.{name}",
        "--host",
        "127.0.0.1",
        *options,
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(
            list(map(str, argv)), env=environment, stdout=out, stderr=out, cwd=log.parent
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_workers(url: str, n_workers: int, folder: Path) -> None:
    deadline = time.monotonic() + STARTUP_SECONDS
    n_alive = 0
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                n_alive = answer.read().decode().count('"state" : "ALIVE"')
        except OSError:
            pass
        if n_alive == n_workers:
            return
        time.sleep(0.5)
    logs = "\n".join(f"{log}:\n{log.read_text()[-2000:]}" for log in folder.glob("*.log"))
    raise AssertionError(f"{n_alive} of {n_workers} workers after {STARTUP_SECONDS} s\n{logs}")
