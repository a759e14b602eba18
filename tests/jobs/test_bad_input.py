"""What bad input gets: one clear error, or a row with its reason; never a traceback, never a lost row."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from rows import as_dicts, rows

from synlake import cli, config, errors, tables
from synlake.errors import InputError, SynlakeError, UsageError
from synlake.jobs import (
    PIPELINE,
    aggregate_votes,
    deduplicate_images,
    fingerprint_images,
    import_votes,
    ingest_images,
    plan_annotation,
    review_labels,
    select_synsets,
)
from synlake.jobs.__main__ import main
from synlake.stage import flagged_outcome
from synlake.warehouse import open_warehouse


def said(capsys, *argv):
    """Exit code and what a user reads, of a command whose mistake shows before Spark is needed."""
    code = main(argv)
    read = capsys.readouterr()
    assert "Traceback" not in read.err
    return code, read.err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["freeze"], "no command 'freeze'"),
        (["selct-synsets"], "did you mean 'select-synsets'?"),
        (["deduplicate-images", "--tua", "3"], "unrecognized arguments: --tua 3; did you mean '--tau'?"),
        (["deduplicate-images", "--tua", "3"], "next: ./submit.sh deduplicate-images --help"),
        (["select-synsets", "--min-depth", "9", "--max-depth", "3"], "--min-depth: wanted at most"),
        (["export-release", "--release", "v1"], "export-release needs --output"),
        (["import-votes"], "import-votes needs --input"),
        (["run", "--deduplicate-images.tau", "0"], "--deduplicate-images.tau: wanted 1 to 64, got 0"),
        (["deduplicate-images", "--tau", "0"], "--tau: wanted 1 to 64, got 0"),
        (["deduplicate-images", "--tau", "65"], "--tau: wanted 1 to 64, got 65"),
        (
            ["deduplicate-images", "--floor", "9", "--quota", "3"],
            "--floor: wanted at most the quota (3), got 9",
        ),
        (["deduplicate-images", "--format", "xml"], "invalid choice: 'xml'"),
        (["freeze-release", "--release", "a b"], "wanted a name of letters"),
        (["freeze-release", "--release", "v'; --"], "wanted a name of letters"),
        (["freeze-release", "--withdraw", __file__, "--reason", "takedown"], "next: add --from RELEASE"),
        (["freeze-release", "--only", "n1,n2"], "--only n1,n2: is of a release derived from another"),
        (["freeze-release", "--reason", "privacy"], "--reason privacy: is of a release derived"),
        (["freeze-release", "--from", "v1", "--withdraw", __file__], "--withdraw: needs --reason"),
        (["freeze-release", "--from", "v1", "--min-audited-accuracy", "0.9"], "is of labels from the pool"),
        (["select-synsets", "--strategy", "hierarchic"], "did you mean 'hierarchical'?"),
        (["aggregate-votes", "--min-confidence", "2"], "wanted 0.0 to 1.0, got 2.0"),
    ],
)
def test_mistakes_of_usage_exit_with_2(capsys, argv, words):
    code, text = said(capsys, *argv)
    assert code == 2
    assert words in text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("deduplicate-images:\n  tua: 3\n", "deduplicate-images: unknown key 'tua'; did you mean 'tau'?"),
        ("seed: 7\nselect-synsets: [1\n", "line 3, column 1: is not YAML"),
    ],
)
def test_a_mistake_in_a_config_file_is_told_with_the_file_and_the_place(capsys, tmp_path, content, words):
    path = tmp_path / "my.yaml"
    path.write_text(content)
    code, text = said(capsys, "deduplicate-images", "--config", str(path))
    assert code == 2
    assert f"--config {path}: {words}" in text


def test_a_folder_in_the_place_of_a_file_is_told(capsys, tmp_path):
    code, text = said(capsys, "select-synsets", "--wnids-file", str(tmp_path))
    assert code == 3
    assert f"--wnids-file {tmp_path}: is a folder; wanted a file" in text


@pytest.mark.parametrize("flag", ["--votes", "--decisions", "--config"])
def test_a_missing_input_file_exits_with_3(capsys, flag):
    code, text = said(capsys, "run", flag, "/no/such/file.csv")
    assert code == 3
    assert "/no/such/file.csv" in text


def test_help_of_every_command_shows_an_example(capsys):
    for one in PIPELINE:
        with pytest.raises(SystemExit) as stopped:
            main([one.name, "--help"])
        assert stopped.value.code == 0
        text = capsys.readouterr().out
        assert f"example:\n  ./submit.sh {one.name}" in text
        assert "--warehouse DIR" in text


@pytest.mark.parametrize("text", ["No space left on device", "java.io.IOException: Disk quota exceeded"])
def test_a_full_disk_is_said_in_words(capsys, text):
    def fails(_):
        raise RuntimeError(
            f"An error occurred while calling o1.save\n: org.x.Y: {text}\n\tat a.b.C(D.java:1)"
        )

    assert cli.run(fails, []) == errors.EnvironmentFault.exit_code
    read = capsys.readouterr().err
    assert "the disk is full" in read
    assert "run the same command again" in read
    assert "\tat" not in read


def test_an_interruption_is_told_also_where_the_jvm_is_gone_before_it_is_over(capsys):
    def interrupted(_):
        try:
            raise KeyboardInterrupt
        finally:
            raise ConnectionError("Answer from Java side is empty")

    assert cli.run(interrupted, []) == 130
    read = capsys.readouterr().err
    assert "interrupted; run the same command again" in read
    assert "Traceback" not in read


def test_our_own_faults_keep_their_traceback(capsys):
    def fails(_):
        raise ZeroDivisionError

    assert cli.run(fails, []) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_data_file_that_is_gone_is_no_fault_of_synlake(spark, tmp_path):
    warehouse = open_warehouse(spark, str(tmp_path / "warehouse"))
    tables.overwrite(
        warehouse, "pool", rows(spark, "pool", {"image_id": "a", "synset_id": "n1", "is_kept": True})
    )
    (file,) = (tmp_path / "warehouse/pool").rglob("*.parquet")
    file.unlink()
    with pytest.raises(Exception, match="FAILED_READ_FILE") as caught:
        tables.read(warehouse, "pool").collect()
    fault = errors.platform_fault(caught.value)
    assert fault.exit_code == 3
    assert file.name in str(fault)
    assert "next: verify-release" in str(fault)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_disk_that_fills_up_loses_nothing(spark, tmp_path):
    disk = tmp_path / "small disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)], check=False
    ).returncode:
        pytest.skip("this machine does not let root mount a tmpfs")
    try:
        warehouse = open_warehouse(spark, str(disk / "warehouse"))
        one = {"image_id": "a", "synset_id": "n1", "is_kept": True}
        tables.overwrite(warehouse, "pool", rows(spark, "pool", one))
        many = ({**one, "image_id": os.urandom(400).hex()} for _ in range(2000))
        with pytest.raises(Exception, match="No space left") as caught:
            tables.overwrite(warehouse, "pool", rows(spark, "pool", *many))
        assert errors.platform_fault(caught.value).exit_code == 4
        assert [row["image_id"] for row in as_dicts(tables.read(warehouse, "pool"))] == ["a"]
    finally:
        # Lazily: a task that the full disk stopped may hold its file open for a moment longer.
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture
def selected(spark, warehouse):
    """A warehouse with two synsets selected."""
    chosen = (
        {"selection_id": "default", "synset_id": s, "is_selected": True, "lemmas": [s]}
        for s in ("n00000001", "n00000002")
    )
    tables.overwrite(warehouse, "synsets", rows(spark, "synsets", *chosen))
    return warehouse


def ingest(warehouse, folder, **settings):
    return ingest_images.main(warehouse, ingest_images.Config(input=str(folder), **settings))


def test_folders_that_cannot_be_used_are_said(selected, tmp_path):
    with pytest.raises(UsageError, match="a folder with images is needed"):
        ingest_images.main(selected, ingest_images.Config())
    with pytest.raises(InputError, match="no such folder"):
        ingest(selected, tmp_path / "nowhere")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="no images in it"):
        ingest(selected, empty)
    (empty / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(InputError, match="no folder or file name begins with a wnid"):
        ingest(selected, empty)


def test_every_file_of_a_bad_folder_becomes_a_row(selected, tmp_path):
    folder = tmp_path / "pictures"
    for name, content in {
        "n00000001/a.jpg": b"same",
        "n00000001/b.jpg": b"same",
        "n00000002/c.jpg": b"same",
        "n00000001/empty.jpg": b"",
        "n00000001/large.jpg": b"x" * 100,
        "n99999999/unknown.jpg": b"u",
        "holiday/d.jpg": b"d",
        "n00000001/notes.txt": b"not an image by its name",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    os.symlink(folder / "gone", folder / "n00000001" / "link.jpg")
    outcome = ingest(selected, folder, max_bytes=99)
    assert outcome.rejected == {
        "too_many_bytes": 1,
        "synset_not_selected": 1,
        "no_synset": 1,
        "unreadable": 1,
    }
    assert (outcome.rows_in, outcome.rows_kept) == (8, 4)
    assert tables.read(selected, "image_bytes").count() == 2, "three files with the same bytes, one empty one"
    again = ingest(selected, folder, max_bytes=99)
    assert {c.metric: c.value for c in again.controls}["n_new"] == 0
    (folder / "n00000002" / "new.jpg").write_bytes(b"new")
    third = ingest(selected, folder, max_bytes=99)
    assert {c.metric: c.value for c in third.controls}["n_new"] == 1
    fingerprint_images.main(selected, fingerprint_images.Config())
    deduplicate_images.main(selected, deduplicate_images.Config())
    pool = tables.read(selected, "pool")
    assert flagged_outcome(pool).rejected == {
        "too_many_bytes": 1,
        "synset_not_selected": 1,
        "no_synset": 1,
        "unreadable": 1,
        "empty_file": 1,
        "not_an_image": 3,
    }


def test_unknown_wnids_are_listed(warehouse, tmp_path):
    with pytest.raises(InputError, match="n99999998, n99999999"):
        select_synsets.main(warehouse, select_synsets.Config(wnids=("n01440764", "n99999999", "n99999998")))
    listed = tmp_path / "ids.txt"
    listed.write_text("n01440764\ntench\n")
    with pytest.raises(InputError, match=f"--wnids-file {listed}: not noun synsets of the taxonomy: tench"):
        select_synsets.main(warehouse, select_synsets.Config(wnids_file=str(listed)))
    listed.write_text("# none yet\n")
    with pytest.raises(InputError, match=f"--wnids-file {listed}: names no synset"):
        select_synsets.main(warehouse, select_synsets.Config(wnids_file=str(listed)))
    counts = tmp_path / "counts.csv"
    counts.write_text("synset_id,n_images\nn01440764,many\n")
    with pytest.raises(InputError, match="line 2: n_images: wanted a whole number, got 'many'"):
        select_synsets.main(warehouse, select_synsets.Config(counts_file=str(counts)))


def votes_of(warehouse, path, **columns):
    outcome = import_votes.main(warehouse, import_votes.Config(input=str(path), **columns))
    return outcome, {
        (row["item_id"], row["worker_id"], row["answer"], row["reject_reason"])
        for row in as_dicts(tables.read(warehouse, "votes"), "vote_id")
    }


def test_every_line_of_a_dirty_votes_file_is_accounted_for(spark, warehouse, tmp_path):
    tables.overwrite(warehouse, "tasks", rows(spark, "tasks", {"task_id": "t1"}, {"task_id": "t2"}))
    path = tmp_path / "votes.csv"
    path.write_text(
        "item_id,worker_id,answer,when\n"
        "t1,ann,yes,2026-01-02T03:04:05Z\n"
        "t1,ann,yes,2026-01-02T03:04:06Z\n"  # again
        "t1,bob,yes,\n"
        "t1,bob,no,\n"  # changed his mind
        "t2,ann,,\n"  # nothing said
        "t9,ann,yes,\n"  # never asked
        ",ann,yes,\n"  # about what?
        "t2\n"  # cut in the middle
        't2,"c,y",no,never\n'
    )
    outcome, found = votes_of(warehouse, path, time_column="when")
    assert found == {
        ("t1", "ann", "yes", None),
        ("t1", "ann", "yes", "duplicate_vote"),
        ("t1", "bob", "yes", None),
        ("t1", "bob", "no", "conflicting_vote"),
        ("t2", "ann", None, "empty_answer"),
        ("t9", "ann", "yes", "unknown_item"),
        (None, "ann", "yes", "malformed"),
        ("t2", None, None, "malformed"),
        ("t2", "c,y", "no", None),
    }
    assert (outcome.rows_in, outcome.rows_kept) == (9, 3)
    version = tables.version(warehouse, "votes")
    assert votes_of(warehouse, path, time_column="when")[1] == found
    assert tables.version(warehouse, "votes") == version, "the same file again adds nothing"


def test_a_later_file_does_not_overrule_an_answer(warehouse, tmp_path):
    first, second = tmp_path / "1.csv", tmp_path / "2.csv"
    first.write_text("item_id,worker_id,answer\nt1,ann,yes\n")
    second.write_text("item_id,worker_id,answer\nt1,ann,no\nt2,ann,no\n")
    votes_of(warehouse, first)
    _, found = votes_of(warehouse, second)
    assert found == {
        ("t1", "ann", "yes", None),
        ("t1", "ann", "no", "conflicting_vote"),
        ("t2", "ann", "no", None),
    }


def test_json_lines_with_a_broken_one(warehouse, tmp_path):
    path = tmp_path / "votes.jsonl"
    good = [{"q": 1, "w": "ann", "a": "yes", "more": [1]}, {"q": "2", "w": "bob", "a": "no"}]
    path.write_text(f"{json.dumps(good[0])}\n{{broken\n{json.dumps(good[1])}\n")
    outcome, found = votes_of(warehouse, path, item_column="q", worker_column="w", answer_column="a")
    assert found == {("1", "ann", "yes", None), ("2", "bob", "no", None), (None, None, None, "malformed")}
    assert outcome.rejected == {"malformed": 1}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("question,worker,answer\n1,2,3\n", "no column 'item_id' for item_id"),
        ("item_id,worker,answer\n1,2,3\n", "did you mean 'worker'"),
        ("item_id,item_id,answer\n", "column 'item_id' is there twice"),
        ("", "is empty"),
    ],
)
def test_a_votes_file_without_the_columns_is_refused(warehouse, tmp_path, content, words):
    path = tmp_path / "votes.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=words):
        votes_of(warehouse, path)


def test_a_stage_before_its_time_names_the_one_to_run(warehouse):
    for job in (deduplicate_images, plan_annotation, aggregate_votes, review_labels, fingerprint_images):
        with pytest.raises(SynlakeError, match=r"next: ./submit.sh [a-z-]+ --warehouse"):
            job.main(warehouse, job.Config())


def test_decisions_on_unknown_items_are_rows(spark, warehouse, tmp_path):
    label = {"label": "yes", "confidence": 0.5, "n_votes": 2}
    tie = {"is_escalated": True, "escalation_reason": "tie"}
    tables.overwrite(warehouse, "labels", rows(spark, "labels", {"item_id": "t1", **label, **tie}))
    path = tmp_path / "decisions.csv"
    path.write_text("item_id,reviewer_id,label\nt1,eve,no\nt1,eve,yes\nt9,eve,no\nt1,,no\n,eve,no\n")
    settings = config.build(review_labels.Config, "review-labels", {}, {"decisions_file": str(path)})
    outcome = review_labels.main(warehouse, settings)
    assert outcome.rejected == {
        "unknown_item": 1,
        "duplicate_review": 1,
        "not_decided": 1,
        "malformed": 1,
    }
    assert outcome.rows_kept == 1
    assert (tmp_path / "warehouse" / "exports" / "review.csv").read_text().splitlines()[1:] == []
