"""The set-up of a first use. Python, Java and Spark are stand-ins, see conftest.py."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCES = ["setup.py", "pyproject.toml", "constraints.txt", "methods/near.c", "udfs/resample.c"]
INSTALL_HINTS = ("Debian, Ubuntu:", "apt-get install", "Fedora:", "dnf install", "macOS:", "brew install")


def java(checkout, version: str) -> Path:
    path = checkout.stubs / f"jdk-{version}/bin/java"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/usr/bin/env bash\necho 'openjdk version \"{version}\" 2025-01-01' >&2\n")
    path.chmod(0o755)
    return path.parent.parent


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_first_use_says_its_steps_and_later_ones_say_nothing(checkout) -> None:
    first = checkout.run("--help")
    assert first.returncode == 0, first.stderr
    assert [step in first.stderr for step in ("1/3", "2/3", "3/3")] == [True] * 3
    assert "help of synlake" in first.stdout
    n_calls = len(checkout.calls())
    second = checkout.run("--help")
    assert second.stderr == ""
    assert len(checkout.calls()) == n_calls + 1, "one Python, and it prints the help"


def test_packages_are_installed_with_the_constraints(checkout) -> None:
    checkout.run("--help")
    assert checkout.calls("pip install") == [
        f"python -m pip install -q -e {checkout.root} -c {checkout.root}/constraints.txt"
    ]


@pytest.mark.parametrize("name", SOURCES)
def test_a_change_of_what_it_is_made_from_sets_up_again(checkout, name: str) -> None:
    checkout.run("--help")
    (checkout.root / name).write_text("changed\n")
    assert "setting up" in checkout.run("--help").stderr


def test_what_was_compiled_of_older_sources_goes_first(checkout) -> None:
    stale = [
        checkout.root / name
        for name in ("methods/_near.cpython-311-x86_64-linux-gnu.so", "udfs/_resample.so")
    ]
    for library in stale:
        library.touch()
    checkout.run("--help")
    assert not any(library.exists() for library in stale)


def test_a_moved_checkout_sets_up_again(checkout) -> None:
    checkout.run("--help")
    checkout.root = checkout.root.rename(checkout.root.with_name("moved"))
    assert "setting up" in checkout.run("--help").stderr


def test_another_python_sets_up_again_and_is_kept_by_an_update(checkout) -> None:
    python = checkout.stubs / "bin/python3"
    other = Path(shutil.copy(python, checkout.stubs / "other python"))
    checkout.run("--help")
    assert checkout.run("--help", PYTHON="python3").stderr == "", "the one that it has"
    assert "setting up" in checkout.run("--help", PYTHON=other).stderr
    assert checkout.run("--help").stderr == ""
    (checkout.root / "constraints.txt").write_text("changed\n")
    python.unlink()  # else nothing would tell which of the two the update takes
    assert "setting up" in checkout.run("--help").stderr


def test_wordnet_that_is_here_already_is_not_fetched(checkout) -> None:
    checkout.run("--help", SYNLAKE_WORDNET="/some/dict")
    (fetch,) = checkout.calls("--packages")
    assert "delta-spark" in fetch
    assert "wn30" not in fetch


@pytest.mark.parametrize("n_seconds", [0.0, 0.3])
def test_killed_half_way(checkout, n_seconds: float) -> None:
    process = checkout.start("--help", PIP_SECONDS=1)
    wait_until(lambda: checkout.calls("pip install"))
    time.sleep(n_seconds)
    os.kill(process.pid, signal.SIGKILL)  # pip goes on: its parent cannot end it any more
    process.wait()
    again = checkout.run("--help")
    assert again.returncode == 0, again.stderr
    assert "3/3" in again.stderr
    assert not (checkout.root / ".venv.lock").exists()


def test_interrupted_half_way(checkout) -> None:
    process = checkout.start("--help", PIP_SECONDS=60)
    wait_until(lambda: checkout.calls("pip install"))
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(20) == 130
    assert not (checkout.root / ".venv.lock").exists()
    assert checkout.run("--help").returncode == 0


def test_two_first_uses_at_once_make_one_environment(checkout) -> None:
    processes = [checkout.start("--help", PIP_SECONDS=1) for _ in range(3)]
    for process in processes:
        assert "help of synlake" in process.communicate(timeout=60)[0]
        assert process.returncode == 0
    assert len(checkout.calls("pip install")) == 1


def test_no_network(checkout) -> None:
    done = checkout.run("demo", PIP_CODE=1, PIP_SAYS="broken by NewConnectionError")
    assert done.returncode == 4
    assert "| pip says: broken by NewConnectionError" in done.stderr
    assert "error: no network" in done.stderr
    assert "next: " in done.stderr
    assert checkout.run("--help").returncode == 0, "and with a network all is well"


@pytest.mark.parametrize("version", ["25.0.1", "11.0.2", "1.8.0_392"])
def test_wrong_java(checkout, version: str) -> None:
    home = java(checkout, version)
    done = checkout.run("demo", JAVA_HOME=home)
    assert done.returncode == 4
    assert f"wanted 17 or 21; found {version.split('.')[0]} (JAVA_HOME={home})" in done.stderr
    assert all(hint in done.stderr for hint in INSTALL_HINTS)
    assert checkout.calls("-m pip") == [], "said before anything is downloaded"


def test_wrong_java_after_the_set_up(checkout) -> None:
    checkout.run("--help")
    assert checkout.run("demo", JAVA_HOME=java(checkout, "25")).returncode == 4


def test_right_java(checkout) -> None:
    assert checkout.run("demo", JAVA_HOME=java(checkout, "21.0.2")).returncode == 0


def test_no_java(checkout) -> None:
    (checkout.stubs / "bin/java").unlink()
    done = checkout.run("demo")
    assert done.returncode == 4
    assert "found none (on the PATH)" in done.stderr


def test_no_python(checkout) -> None:
    (checkout.stubs / "bin/python3").unlink()
    done = checkout.run("demo")
    assert done.returncode == 4
    assert "wanted 3.10 to 3.13" in done.stderr
    assert all(hint in done.stderr for hint in INSTALL_HINTS)


def test_a_python_asked_for_by_name_is_not_replaced(checkout) -> None:
    done = checkout.run("demo", PYTHON="/nowhere/python3.12")
    assert done.returncode == 4
    assert "/nowhere/python3.12" in done.stderr


def archives(checkout) -> list[Path]:
    return list((checkout.root / ".venv/share/synlake").glob("classes-*.jsa"))


def test_classes_are_archived_once_for_each_java(checkout) -> None:
    first = checkout.run("demo")
    assert "archive of Spark's classes" in first.stderr
    (archive,) = archives(checkout)
    assert checkout.calls("java -XX:SharedArchiveFile") == [f"java -XX:SharedArchiveFile={archive}"]
    assert "setting up" not in checkout.run("demo").stderr
    other = java(checkout, "21.0.2")
    assert "archive of Spark's classes" in checkout.run("demo", JAVA_HOME=other).stderr
    assert len(archives(checkout)) == 2
    assert len(checkout.calls("archive_classes.py")) == 2


def test_a_java_that_archives_nothing_is_asked_once(checkout) -> None:
    first = checkout.run("demo", ARCHIVE_CODE=1)
    assert first.returncode == 0
    assert "note: there is none" in first.stderr
    second = checkout.run("demo")
    assert (second.returncode, "setting up" in second.stderr) == (0, False)
    assert len(checkout.calls("archive_classes.py")) == 1
    assert checkout.calls("java -XX:SharedArchiveFile") == []


def test_no_run_takes_an_archive_that_is_not_complete(checkout) -> None:
    checkout.run("--help")
    process = checkout.start("demo", ARCHIVE_SECONDS=60)
    wait_until(lambda: checkout.calls("archive_classes.py"))
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(20) == 143
    assert not (checkout.root / ".venv.lock").exists()
    assert archives(checkout) == []
    assert checkout.run("demo").returncode == 0
    assert len(archives(checkout)) == 1


def test_settings_and_log_are_ours_beside_the_empty_folder(checkout) -> None:
    checkout.run("demo", SPARK_SUBMIT_OPTS="-Dmine=1")
    assert f"--properties-file {checkout.root}/conf/spark-defaults.conf" in checkout.calls("spark-submit")[-1]
    assert list((checkout.root / ".venv/share/synlake/no-conf").iterdir()) == []
    assert checkout.calls("java -Dmine=1")
    assert checkout.calls(f"java -Dlog4j2.configurationFile={checkout.root}/conf/log4j2.properties")


def test_a_settings_file_of_the_user_goes_with_our_folder(checkout) -> None:
    mine = checkout.root / "mine.properties"
    mine.write_text("spark.executor.cores 2\n")
    assert checkout.run("--conf", mine, "demo").returncode == 0
    assert f"--properties-file {mine} --load-spark-defaults" in checkout.calls("spark-submit")[-1]
    assert archives(checkout) == [], "Java could not use one"
