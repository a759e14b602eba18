from __future__ import annotations

import pytest
from rows import rows

from synlake import suiting, tables
from synlake.jobs import STAGES, ingest_images, plan_queries
from synlake.stage import Outcome, run_stage

PARTITIONS = "spark.sql.shuffle.partitions"


@pytest.fixture
def seen(spark, warehouse, monkeypatch):
    """The partitions of a shuffle that stages see, which do nothing here; there is a table for them to read."""
    found = []

    def look(_warehouse, _settings):
        found.append(spark.conf.get(PARTITIONS))
        return Outcome(0, 0)

    for job in (plan_queries, ingest_images):
        monkeypatch.setattr(job, "main", look)
    tables.overwrite(warehouse, "synsets", rows(spark, "synsets", {"synset_id": "n1", "is_selected": True}))
    return found


def test_a_stage_that_reads_little_shuffles_into_one_partition(spark, warehouse, seen):
    usual = spark.conf.get(PARTITIONS)
    run_stage(warehouse, STAGES["plan-queries"], plan_queries.Config())
    assert seen == ["1"] != [usual]
    assert spark.conf.get(PARTITIONS) == usual


def test_a_stage_that_reads_much_or_reads_files_is_spread(spark, warehouse, seen, monkeypatch):
    run_stage(warehouse, STAGES["ingest-images"], ingest_images.Config())
    monkeypatch.setattr(suiting, "FEW_BYTES", 100)
    run_stage(warehouse, STAGES["plan-queries"], plan_queries.Config())
    assert seen == [spark.conf.get(PARTITIONS)] * 2


def test_settings_that_changed_since_the_last_run_are_told(warehouse, seen, capsys):
    run_stage(warehouse, STAGES["plan-queries"], plan_queries.Config())
    assert "other settings" not in capsys.readouterr().err
    run_stage(warehouse, STAGES["plan-queries"], plan_queries.Config(languages=("en", "es")))
    assert "with other settings than last time: --languages en,es (was )" in capsys.readouterr().err
