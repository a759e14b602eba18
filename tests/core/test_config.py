from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pytest

from synlake import cli, config
from synlake.config import option
from synlake.errors import InputError, UsageError
from synlake.jobs import sql


@dataclass(frozen=True)
class Config:
    tau: int = option(8, "bits", minimum=1, maximum=64)
    strategy: str = option("phash", "which", choices=("none", "pixel", "phash"))
    ratio: float = option(0.5, "share")
    is_on: bool = option(False, "switch")
    wnids: tuple[str, ...] = option((), "list")
    file: str | None = option(None, "file", is_file=True)
    as_of: dt.datetime | None = option(None, "time")
    seed: int = option(7, "seed")


def built(values=None, **flags):
    return config.build(Config, "dedup", values or {}, flags)


def test_flags_win_over_the_section_and_the_section_over_shared():
    values = {"seed": 1, "dedup": {"seed": 2, "tau": 3}}
    assert (built(values).seed, built(values).tau) == (2, 3)
    assert built(values, seed="4").seed == 4
    assert built({"seed": 1}).seed == 1


@pytest.mark.parametrize(
    ("name", "given", "wanted"),
    [
        ("tau", "12", 12),
        ("ratio", "0.25", 0.25),
        ("is_on", "true", True),
        ("wnids", "n01440764, n01443537", ("n01440764", "n01443537")),
        ("as_of", "2026-01-02T03:04:05Z", dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.timezone.utc)),
        ("as_of", "2026-01-02", dt.datetime(2026, 1, 2, tzinfo=dt.timezone.utc)),
    ],
)
def test_a_flag_becomes_what_its_field_declares(name, given, wanted):
    assert getattr(built(**{name: given}), name) == wanted


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("tau", "many", "--tau: wanted a whole number, got 'many'"),
        ("tau", "0", "--tau: wanted 1 to 64, got 0"),
        ("tau", "65", "--tau: wanted 1 to 64, got 65"),
        ("strategy", "pash", "did you mean 'phash'"),
        ("is_on", "perhaps", "wanted true or false"),
        ("as_of", "yesterday", "wanted a UTC time"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_wanted(name, given, said):
    with pytest.raises(UsageError, match=said):
        built(**{name: given})


def test_a_missing_file_is_the_input_that_is_wrong():
    with pytest.raises(InputError, match="--file nowhere.csv: no such file"):
        built(file="nowhere.csv")


def test_an_unknown_key_names_the_nearest_known_one():
    with pytest.raises(UsageError, match="unknown key 'tua'; did you mean 'tau'"):
        built({"dedup": {"tua": 3}})
    with pytest.raises(UsageError, match="unknown key 'dedpu'; did you mean 'dedup'"):
        config.check_sections({"dedpu": {}}, ["dedup"], "my.yaml")


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text", "a: [1"])
def test_a_config_file_that_is_no_mapping_is_refused(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match="c.yaml"):
        config.read_yaml(str(path))


def test_the_digest_follows_values_and_the_bytes_of_input_files(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("a")
    first = config.digest(built(file=str(path)))
    assert first == config.digest(built(file=str(path)))
    assert first != config.digest(built(file=str(path), tau="9"))
    path.write_text("b")
    assert first != config.digest(built(file=str(path)))


@pytest.mark.parametrize("name", ["v1", "v1.0-beta_2", "2026"])
def test_names(name):
    assert config.bad_name(name) is None


@pytest.mark.parametrize("name", ["", "a b", "../x", "a/b", "v1'; DROP", "ä", "-x", "x" * 65, "a..b"])
def test_what_is_no_name(name):
    assert "wanted a name" in config.bad_name(name)


def test_a_list_may_be_given_in_pieces():
    parser = cli.parser("./submit.sh", "", {"sql": sql}, current=[])
    arguments = cli.parse(parser, ["sql", "--var", "a=1", "--var", "b=2,c=3"])
    assert cli.settings_of(arguments, sql, ["sql"]).var == ("a=1", "b=2", "c=3")
