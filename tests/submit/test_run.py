"""How submit.sh runs a command: streams, exit codes, signals. Spark is a stand-in, see conftest.py."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

DATA = 'echo "a,b" >"$SYNLAKE_STDOUT"'


def test_data_is_on_stdout_and_all_else_on_stderr(checkout) -> None:
    done = checkout.run("sql", DRIVER=DATA)
    assert done.stdout == "a,b\n"
    assert "words of the driver" in done.stderr
    assert "words of the JVM" in done.stderr
    assert "incubator" not in done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize("code", [0, 1, 2, 3, 6, 130])
def test_exit_code_is_that_of_the_driver(checkout, code: int) -> None:
    assert checkout.run("sql", DRIVER=f"{DATA}; exit {code}").returncode == code
    assert checkout.left_in_tmp() == []


def test_a_reader_that_leaves_early_ends_the_driver(checkout) -> None:
    process = checkout.start("sql", DRIVER='yes >"$SYNLAKE_STDOUT"; exit 0')
    assert process.stdout.readline() == "y\n"
    process.stdout.close()
    assert process.wait(30) == 0


def test_much_data_arrives_whole(checkout) -> None:
    done = checkout.run(
        "sql", DRIVER='for ((i = 0; i < 20000; i++)); do echo "row $i"; done >"$SYNLAKE_STDOUT"'
    )
    assert done.stdout.splitlines() == [f"row {i}" for i in range(20000)]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(checkout, sent: signal.Signals) -> None:
    process = checkout.start("sql", DRIVER='echo ready >"$SYNLAKE_STDOUT"; sleep 60')
    assert process.stdout.readline() == "ready\n"
    os.killpg(process.pid, sent)  # as the terminal, or `timeout`, does
    assert process.wait(30) == 128 + sent
    assert ("interrupted; run the same command again" in process.stderr.read()) == (sent == signal.SIGINT)
    assert checkout.left_in_tmp() == []


def feed(checkout, stdin: object, driver: str) -> subprocess.CompletedProcess[str]:
    checkout.run("--help")  # set up
    return subprocess.run(
        [checkout.root / "submit.sh", "sql"],
        env=checkout.environment | {"DRIVER": driver},
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_stdin_reaches_a_driver_that_asks(checkout) -> None:
    read, write = os.pipe()
    os.write(write, b"SELECT 1;\n")
    os.close(write)
    assert feed(checkout, read, 'cat "$SYNLAKE_STDIN" >"$SYNLAKE_STDOUT"').stdout == "SELECT 1;\n"


def test_an_open_pipe_without_data_does_not_hang_others(checkout) -> None:
    read, _write = os.pipe()
    done = feed(checkout, read, DATA)
    assert done.stdout == "a,b\n"
    assert "Terminated" not in done.stderr
    assert checkout.left_in_tmp() == []


def test_a_closed_stdin_is_no_fault(checkout) -> None:
    checkout.run("--help")
    line = f"exec <&-; exec '{checkout.root}/submit.sh' sql"
    done = subprocess.run(
        ["bash", "-c", line],
        env=checkout.environment | {"DRIVER": DATA},
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"a,b\n")


def test_runs_from_anywhere_and_through_a_link(checkout, tmp_path) -> None:
    (tmp_path / "one").symlink_to("a checkout/submit.sh")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    done = subprocess.run(
        [tmp_path / "two", "sql", "x y"],
        env=checkout.environment | {"DRIVER": 'pwd >"$SYNLAKE_STDOUT"'},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "/\n", done.stderr
    assert checkout.calls("spark-submit")[-1].endswith(f"{checkout.root}/jobs/__main__.py sql x y")


def test_help_starts_no_jvm(checkout) -> None:
    for arguments in ([], ["--help"], ["demo", "--help"]):
        assert "help of synlake" in checkout.run(*arguments).stdout
    assert checkout.calls("__main__.py") == []


def test_tests_run_in_the_root(checkout) -> None:
    done = checkout.run("test", "-k", "some name")
    assert done.stdout == f"pytest in {checkout.root}: -m pytest -k some name\n"
    assert len(checkout.calls("[test]")) == 1
    checkout.run("test")
    assert len(checkout.calls("[test]")) == 1


def test_duckdb_is_set_up_when_it_is_first_asked_for(checkout) -> None:
    for _ in range(2):
        done = checkout.run("sql", "--engine", "duckdb", "SELECT 1")
        assert "help of synlake" in done.stdout, done.stderr  # what the stand-in for the driver says
    assert len(checkout.calls("[duckdb]")) == 1
    assert checkout.calls("__main__.py") == []
