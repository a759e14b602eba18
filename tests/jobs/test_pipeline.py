"""The pipeline from pictures to a frozen release: what it finds, repeats, resumes and refuses."""

from __future__ import annotations

import dataclasses

import imagehash
import pytest
from PIL import Image
from pyspark.sql import functions as F
from rows import as_dicts
from small_pipeline import RELEASE, checksum, contents, right_answers, run_all
from warehouses import copied

from synlake import committing, config, registry, stage, tables, views
from synlake.demo import score
from synlake.demo.pool import write_pool
from synlake.errors import ConflictError, InputError
from synlake.jobs import PIPELINE, STAGES, freeze_release
from synlake.jobs import sql as sql_job
from synlake.warehouse import open_warehouse


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return write_pool(tmp_path_factory.mktemp("pictures") / "pool", n_images=160, seed=11)


@pytest.fixture(scope="module")
def done(spark, planted, tmp_path_factory):
    """A warehouse with everything in it. Tests read it, and add nothing."""
    folder = tmp_path_factory.mktemp("done")
    finished = open_warehouse(spark, str(folder / "ware house"))
    reports = run_all(finished, folder / "people", planted)
    return finished, folder / "people", {report.stage: report.outcome for report in reports}


def test_every_row_is_kept_or_rejected_for_one_reason(done):
    warehouse, _, outcomes = done
    assert set(outcomes) == {one.name for one in PIPELINE}
    for outcome in outcomes.values():
        assert outcome.rows_in == outcome.rows_kept + sum(outcome.rejected.values())
    pool = tables.read(warehouse, "pool")
    candidates = tables.read(warehouse, "candidates")
    assert pool.agg(F.sum("n_sources")).first()[0] == candidates.count()
    assert pool.count() == candidates.select("image_id", "synset_id").distinct().count()
    assert pool.where("is_kept = (reject_reason IS NULL)").count() == pool.count()


def test_every_file_is_a_candidate(done, planted):
    refs = {row["source_ref"] for row in tables.read(done[0], "candidates").collect()}
    assert refs == {f"pool/{file.path}" for file in planted.files}


def test_fingerprints_are_imagehash_s_own(done, planted):
    found = {row["image_id"]: row["phash"] for row in tables.read(done[0], "fingerprints").collect()}
    for file in planted.images[::7]:
        bits = imagehash.phash(Image.open(planted.folder / file.path)).hash.flatten()
        value = int("".join("1" if bit else "0" for bit in bits), 2)
        assert found[file.image_id] == (value - 2**64 if value >= 2**63 else value)


def test_planted_copies_and_broken_files_are_found(done, planted):
    pool = as_dicts(tables.read(done[0], "pool"))
    recall = {row["kind"]: row["recall"] for row in score.duplicate_recall(pool, planted)}
    assert recall["exact"] == recall["re-encoded"] == recall["resized"] == 1
    assert score.duplicate_precision(pool, planted)["precision"] >= 0.97
    assert all(row["given"] == row["expected"] for row in score.broken_files(pool, planted))


def test_gold_is_known_only_to_us_and_right(done, planted):
    warehouse, folder, _ = done
    tasks = as_dicts(tables.read(warehouse, "tasks"))
    gold = [task for task in tasks if task["is_gold"]]
    assert gold
    truth = right_answers(warehouse, planted)
    wrong = [task for task in gold if truth[task["task_id"]] != task["expected_answer"]]
    # A negative is wrong only where a picture shows what its folder does not say: the planted 8 % of errors.
    assert len(wrong) <= 0.1 * len(gold)
    header = (folder / "tasks.csv").read_text().splitlines()[0]
    assert "gold" not in header
    assert "expected" not in header


def test_a_release_is_what_was_confirmed(done):
    warehouse, _, outcomes = done
    images = tables.read(warehouse, "release_images").where(F.col("release") == RELEASE)
    assert images.count() == outcomes["freeze-release"].rows_kept > 50
    kept = tables.read(warehouse, "pool").where("is_kept").select("image_id", "synset_id")
    assert images.join(kept, on=["image_id", "synset_id"], how="left_anti").isEmpty()
    row = as_dicts(tables.read(warehouse, "releases"), "release")[0]
    assert (
        row["n_images"]
        == images.count()
        == sum(n for k, n in row["counts"].items() if k.startswith("split:"))
    )
    assert row["input_versions"]["pool"] >= 1


def test_running_again_changes_nothing(done, planted):
    warehouse, folder, _ = done
    before = {name: tables.version(warehouse, name) for name in tables.TABLES}
    reports = run_all(warehouse, folder, planted)
    assert {report.status for report in reports} == {"up to date"}
    assert {name: tables.version(warehouse, name) for name in tables.TABLES} == before


def test_a_frozen_name_is_refused(done):
    with pytest.raises(ConflictError, match="frozen already"):
        freeze_release.main(done[0], freeze_release.Config(release=RELEASE))
    with pytest.raises(ConflictError, match="small is frozen already"):
        freeze_release.main(done[0], freeze_release.Config(release=RELEASE.upper()))


@pytest.mark.parametrize(
    "name", ["class_counts", "duplicates_by_class", "rejections", "worker_agreement", "release_changes"]
)
def test_every_ready_made_query_answers(done, name):
    warehouse = done[0]
    views.register(warehouse)
    variables = {"release": RELEASE, "from": RELEASE, "to": "no_such_release"}
    (statement,) = sql_job.split_statements(sql_job._read(name))
    found = as_dicts(sql_job.execute(warehouse, statement, variables))
    n_images = as_dicts(tables.read(warehouse, "releases"), "release")[0]["n_images"]
    n_kept = tables.read(warehouse, "pool").where("is_kept").count()
    total = {
        "class_counts": lambda: sum(r["n_images"] for r in found) == n_images,
        "duplicates_by_class": lambda: sum(r["n_kept"] for r in found) == n_kept,
        "rejections": lambda: next(r["n_images"] for r in found if r["outcome"] == "kept") == n_kept,
        "worker_agreement": lambda: (
            sum(r["n_votes"] for r in found) == tables.read(warehouse, "votes").count()
        ),
        "release_changes": lambda: sum(r["n_removed"] for r in found) == n_images,
    }
    assert total[name]()


def test_a_release_has_views_of_its_own_and_sql_only_reads(done):
    warehouse = done[0]
    assert f"{RELEASE}.images" in views.register(warehouse)
    found = as_dicts(sql_job.execute(warehouse, f"SELECT count(*) AS n FROM {RELEASE}.images", {}))
    assert found[0]["n"] == tables.read(warehouse, "release_images").count()
    for statement in (
        "DELETE FROM pool",
        "DROP VIEW small.images",
        "INSERT INTO pool SELECT * FROM pool",
        "WITH x AS (SELECT * FROM pool) INSERT INTO pool SELECT * FROM x",
        "FROM pool insert /* quietly */ overwrite pool SELECT *",
        "",
    ):
        with pytest.raises(Exception, match="only reads"):
            sql_job.execute(warehouse, statement, {})
    with pytest.raises(InputError, match="TABLE_OR_VIEW_NOT_FOUND"):
        sql_job.execute(warehouse, "SELECT * FROM nowhere", {})


class Killed(BaseException):
    """Stands for a process that ends in the middle: nothing catches it."""


@pytest.fixture
def dying(monkeypatch):
    """Call ``run`` until it ends by itself; each attempt dies before its 2nd, 7th, 4th … commit, wherever that is."""
    commit, left = committing.save, [0]

    def save(*args, **kwargs):
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return commit(*args, **kwargs)

    def repeat(run, before=(1, 6, 3, 9, 12)):
        monkeypatch.setattr(committing, "save", save)
        for n_deaths in range(20):
            left[0] = before[n_deaths % len(before)]
            try:
                run()
                return n_deaths
            except Killed:
                continue
        raise AssertionError("it never came to its end")

    return repeat


def test_killed_again_and_again_the_first_stages_leave_the_same_rows(done, planted, tmp_path, dying):
    finished, folder, _ = done
    written = [table for one in PIPELINE[2:5] for table in one.writes]
    warehouse = copied(finished, tmp_path / "warehouse", without=written)
    n_deaths = dying(lambda: run_all(warehouse, folder, planted, first=2, last=4), before=(0, 2, 1, 4))
    assert n_deaths >= 3
    times = {"candidates": ("retrieved_at",)}
    assert contents(warehouse, written, without=times) == contents(finished, written, without=times)


@pytest.mark.slow
def test_killed_again_and_again_it_gives_the_same_release(spark, planted, done, tmp_path, dying):
    warehouse = open_warehouse(spark, str(tmp_path / "warehouse"))
    assert dying(lambda: run_all(warehouse, tmp_path / "people", planted)) >= 5
    assert checksum(warehouse) == checksum(done[0])


@pytest.mark.slow
def test_forced_to_run_again_every_stage_gives_the_same_rows(spark, planted, done, tmp_path):
    warehouse = open_warehouse(spark, str(tmp_path / "warehouse"))
    run_all(warehouse, tmp_path / "people", planted)
    before = contents(warehouse)
    run_all(warehouse, tmp_path / "people", planted, force=True, last=len(PIPELINE) - 2)
    assert contents(warehouse) == before


@pytest.mark.slow
def test_of_two_freezes_at_once_one_wins(done, monkeypatch):
    """The second claims the name while the first has its rows written, and is about to register them."""
    warehouse = done[0]
    settings = freeze_release.Config(release="contested")
    register, nested = registry.register, []

    def late(*args, **kwargs):
        monkeypatch.setattr(registry, "register", register)
        # Its rows are written, and no reader sees them: neither as a release nor among those of others.
        assert not tables.read(warehouse, "release_images").where("release = 'contested'").isEmpty()
        assert "contested" not in views.releases(warehouse)
        assert registry.earlier_images(warehouse).where("release = 'contested'").isEmpty()
        nested.append(freeze_release.main(warehouse, settings))
        register(*args, **kwargs)

    monkeypatch.setattr(registry, "register", late)
    with pytest.raises(ConflictError, match="another freeze"):
        freeze_release.main(warehouse, settings)
    frozen = tables.read(warehouse, "releases").where("release = 'contested'")
    assert frozen.count() == 1
    rows = tables.read(warehouse, "release_images").where("release = 'contested'")
    assert rows.count() == frozen.first()["n_images"] == nested[0].rows_kept
    assert rows.dropDuplicates(["image_id", "synset_id"]).count() == rows.count()


@pytest.mark.slow
def test_killed_between_registering_and_recording_a_freeze_is_not_frozen_twice(
    spark, planted, done, tmp_path, monkeypatch
):
    warehouse = open_warehouse(spark, str(tmp_path / "warehouse"))
    run_all(warehouse, tmp_path / "people", planted, last=len(PIPELINE) - 2)

    def dies(*_):
        raise Killed

    monkeypatch.setattr(stage, "_record", dies)
    with pytest.raises(Killed):
        run_all(warehouse, tmp_path / "people", planted, first=len(PIPELINE) - 1)
    monkeypatch.undo()
    (report,) = run_all(warehouse, tmp_path / "people", planted, first=len(PIPELINE) - 1)
    row = as_dicts(tables.read(warehouse, "releases"), "release")[0]
    assert report.outcome.rows_kept == row["n_images"]
    assert checksum(warehouse) == checksum(done[0])
    with pytest.raises(ConflictError, match="frozen already"):
        freeze_release.main(warehouse, freeze_release.Config(release=RELEASE))


def test_there_may_be_nothing_to_freeze_and_a_changed_setting_runs_its_stage(spark, done, tmp_path):
    warehouse = copied(done[0], tmp_path / "warehouse", without=["labels"])
    tables.append(warehouse, "labels", spark.createDataFrame([], tables.TABLES["labels"].schema))
    with pytest.raises(InputError, match="nothing to freeze"):
        freeze_release.main(warehouse, freeze_release.Config(release="empty"))
    one = STAGES["deduplicate-images"]
    same = config.build(one.module.Config, one.name, {}, {"quota": "12", "floor": "3"})
    assert stage.run_stage(warehouse, one, same).status == "up to date"
    assert stage.run_stage(warehouse, one, dataclasses.replace(same, tau=9)).status == "done"
