"""All stages in one command: what it stops for, and how it is gone on with."""

from __future__ import annotations

import pytest

from synlake import cli, stage, tables
from synlake.jobs import PIPELINE, run
from synlake.stage import Outcome, Report


@pytest.fixture
def told(warehouse, monkeypatch, capsys):
    """Calls ``run`` with flags, its stages doing nothing; returns the stages that it ran, and what a user reads."""
    parser = cli.parser("./submit.sh", "", {"run": run}, current=["run"])

    def call(*flags):
        ran = []

        def note(_warehouse, one, _settings, *, force):
            ran.append(one.name)
            return Report(one.name, "done", Outcome(0, 0), 0.0)

        monkeypatch.setattr(stage, "run_stage", note)
        argv = ["run", "--warehouse", warehouse.root, *flags]
        arguments = cli.parse(parser, argv)
        settings = cli.settings_of(arguments, run, ["run", *(one.name for one in PIPELINE)])
        assert run.run_without_spark(settings, arguments) is None
        assert run.run(warehouse, settings, arguments) == 0
        return ran, capsys.readouterr().err

    return call


def test_the_command_to_go_on_with_has_all_that_was_given(told, warehouse, tmp_path):
    folder = tmp_path / "my pictures"
    folder.mkdir()
    ran, said = told("--images", str(folder), "--select-synsets.wnids", "n01440764", "--seed", "3")
    assert ran[-1] == "plan-annotation"
    next_step = f"--images '{folder}' --select-synsets.wnids n01440764 --seed 3 --votes FILE"
    assert f"next: ./submit.sh run --warehouse {warehouse.root} {next_step}" in said


def test_what_a_stage_waits_for_may_be_there_already(told, warehouse, monkeypatch):
    monkeypatch.setattr(tables, "exists", lambda *_: True)
    ran, said = told()
    assert ran == [
        one.name for one in PIPELINE if one.name not in ("ingest-images", "import-votes", "freeze-release")
    ]
    assert all(flag in said for flag in ("--images DIR", "--votes FILE", "--release NAME"))


def test_a_search_engine_needs_no_folder(told, warehouse):
    ran, _ = told("--ingest-images.source", "openverse")
    assert "ingest-images" in ran
