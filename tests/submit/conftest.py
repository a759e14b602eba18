from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SECONDS = 60

#: Stands for python3 and, once "installed", for .venv/bin/python. Every call is a line of $CALLS.
PYTHON = """#!/usr/bin/env bash
echo "python $*" >>"$CALLS"
case "$1 $2" in
  "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  "-m pip") echo "pip says: ${PIP_SAYS:-done}"; sleep "${PIP_SECONDS:-0}"; exit "${PIP_CODE:-0}" ;;
  "-m synlake.jobs") echo "help of synlake" ;;
  "-m pytest") echo "pytest in $PWD: $*" ;;
  "-c import pyspark"*) echo "$STUBS/spark" ;;
  "--version ") echo "Python 3.12.0" ;;
esac
"""

#: Stands for spark-submit: noise on both its streams, and what $DRIVER, a line of bash, does as the driver. Told to
#: archive classes it is done with that after $ARCHIVE_SECONDS, unless $ARCHIVE_CODE says that it fails.
SPARK_SUBMIT = """#!/usr/bin/env bash
echo "spark-submit $*" >>"$CALLS"
eval "java_options=(${SPARK_SUBMIT_OPTS:-})"
for option in "${java_options[@]}"; do echo "java $option" >>"$CALLS"; done
case "$*" in
  *--packages*) exit 0 ;;
  *archive_classes.py*)
    for option in "${java_options[@]}"; do
      case $option in -XX:ArchiveClassesAtExit=*) echo classes >"${option#*=}" ;; esac
    done
    sleep "${ARCHIVE_SECONDS:-0}"
    exit "${ARCHIVE_CODE:-0}"
    ;;
esac
echo "words of the driver"
echo "words of the JVM" >&2
echo "WARNING: Using incubator modules: jdk.incubator.vector" >&2
eval "${DRIVER:-}" </dev/null
"""

JAVA = """#!/usr/bin/env bash
echo 'openjdk version "{version}" 2025-01-01' >&2
"""

#: What submit.sh may use of the machine beside bash: nothing that macOS lacks.
TOOLS = "basename bash cat cksum cp cut dirname env grep head ln mkdir mkfifo mktemp mv"
TOOLS += " readlink rm sed sleep tail yes"


@dataclass
class Checkout:
    """A copy of submit.sh in a folder of its own, on a machine whose Python, Java and Spark are stand-ins."""

    root: Path
    stubs: Path
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, *arguments: object, **variables: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.root / "submit.sh", *map(str, arguments)],
            env=self.environment | {name: str(value) for name, value in variables.items()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: object, **variables: object) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **variables)
        stdout, stderr = process.communicate(timeout=SECONDS)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def calls(self, containing: str = "") -> Sequence[str]:
        log = self.stubs / "calls"
        return [line for line in log.read_text().splitlines() if containing in line] if log.exists() else []

    def left_in_tmp(self) -> list[Path]:
        return list((self.stubs / "tmp").iterdir())


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    root, stubs = tmp_path / "a checkout", tmp_path / "stubs"
    root.mkdir()
    for folder in ("conf", "methods", "tools", "udfs"):
        (root / folder).mkdir()
    for name in ("submit.sh", "tools/set_up.sh"):
        shutil.copy(REPOSITORY / name, root / name)
    for name in ("setup.py", "pyproject.toml", "constraints.txt", "methods/near.c", "udfs/resample.c"):
        (root / name).write_text(f"# {name}\n")
    for tool in TOOLS.split():
        found = shutil.which(tool)
        assert found, tool
        (stubs / "bin").mkdir(parents=True, exist_ok=True)
        (stubs / "bin" / tool).symlink_to(found)
    script(stubs / "bin/python3", PYTHON)
    script(stubs / "bin/java", JAVA.format(version="17.0.15"))
    script(stubs / "spark/bin/spark-submit", SPARK_SUBMIT)
    (stubs / "tmp").mkdir()
    environment = {
        "PATH": str(stubs / "bin"),
        "HOME": str(stubs),
        "TMPDIR": str(stubs / "tmp"),
        "STUBS": str(stubs),
        "CALLS": str(stubs / "calls"),
        "LC_ALL": "C.UTF-8" if sys.platform != "darwin" else "en_US.UTF-8",
    }
    assert os.access(root / "submit.sh", os.X_OK)
    return Checkout(root, stubs, environment)
