"""The exact spark-submit command for each kind of master; a change shows in review as a change of golden/.

To accept new output: ``SYNLAKE_UPDATE_GOLDEN=1 ./submit.sh test tests/submit/test_dry_run.py``.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
CASES = {
    "local": ["demo", "--warehouse", "my warehouse"],
    "local-conf": ["--master", "local[2]", "--conf", "site.properties", "run", "--config", "it's.yaml"],
    "standalone": ["--master", "spark://head:7077", "run", "--warehouse", "hdfs://store/w"],
    "yarn": ["--master", "yarn", "run", "--warehouse", "hdfs://store/w"],
    "kubernetes": [
        "--master=k8s://https://head:6443",
        "--conf=image.properties",
        "run",
        "--warehouse",
        "s3a://w",
    ],
    "test": ["test", "-k", "phash"],
    "help": ["demo", "--help"],
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A fresh checkout: nothing is set up, and nothing needs to be."""
    (tmp_path / "root/conf").mkdir(parents=True)
    shutil.copy(REPOSITORY / "submit.sh", tmp_path / "root")
    (tmp_path / "site.properties").write_text("spark.executor.cores 2\n")
    (tmp_path / "image.properties").write_text("spark.kubernetes.container.image registry/spark:4.2.0\n")
    return tmp_path


def dry_run(checkout: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    argv = ["root/submit.sh", *arguments]
    # A path with only `bash` and what it needs would do: no Python or Java is looked for.
    environment = {"PATH": os.environ["PATH"], **variables}
    return subprocess.run(argv, cwd=checkout, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", CASES)
def test_golden(checkout: Path, name: str) -> None:
    before = sorted(checkout.rglob("*"))
    done = dry_run(checkout, "--dry-run", *CASES[name])
    is_shipped = "--py-files" in done.stdout
    assert (done.returncode, "is packed when" in done.stderr) == (0, is_shipped)
    assert done.stderr.count("\n") == is_shipped
    assert sorted(checkout.rglob("*")) == before, "a dry run leaves everything as it was"
    line = done.stdout.replace(str(checkout / "root"), "<root>").replace(str(checkout), "<here>")
    golden = HERE / "golden" / f"{name}.txt"
    if os.environ.get("SYNLAKE_UPDATE_GOLDEN"):
        golden.write_text(line)
    assert line == golden.read_text()


@pytest.mark.parametrize("argument", ["it's", "a b", "", "$(rm)", "*", "a\nb", "ü", "`x`", '"', "\\"])
def test_any_argument_survives_the_quoting(checkout: Path, argument: str) -> None:
    done = dry_run(checkout, "--dry-run", "sql", argument)
    assert shlex.split(done.stdout)[-2:] == ["sql", argument]


def test_spark_of_another_installation_is_ignored(checkout: Path) -> None:
    names = ("SPARK_HOME", "SPARK_CONF_DIR", "PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON")
    foreign = dict.fromkeys(names, "/opt/other")
    assert "/opt/other" not in dry_run(checkout, "--dry-run", "demo", **foreign).stdout


def test_settings_folder_of_the_user_is_taken_when_made_for_delta(checkout: Path) -> None:
    (checkout / "spark-defaults.conf").write_text(
        "spark.sql.extensions io.delta.sql.DeltaSparkSessionExtension\n"
    )
    done = dry_run(checkout, "--dry-run", "demo", SPARK_CONF_DIR=str(checkout))
    assert f"SPARK_CONF_DIR={checkout} " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--conf", "nowhere.properties", "demo"], "--conf nowhere.properties: no such file"),
        (["--conf"], "--conf needs a value"),
        (["--master", "mesos://head", "demo"], "--master mesos://head: wanted local"),
        (["--mastr", "yarn", "demo"], "unknown option before the command: --mastr"),
        (["--master", "k8s://https://head:6443", "demo"], "needs the image of its executors"),
    ],
)
def test_mistake_of_usage(checkout: Path, arguments: list[str], words: str) -> None:
    done = dry_run(checkout, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert words in done.stderr


def test_kubernetes_without_image_is_printed_with_a_note(checkout: Path) -> None:
    done = dry_run(checkout, "--dry-run", "--master", "k8s://https://head:6443", "demo")
    assert done.returncode == 0
    assert "spark.kubernetes.container.image" in done.stderr
    assert "--master k8s://https://head:6443" in done.stdout
