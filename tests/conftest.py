"""One Spark session for the whole test run, and a warehouse a test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from pyspark.sql import SparkSession

from synlake.session import SHARE, open_session
from synlake.warehouse import Warehouse, open_warehouse

# Examples differ from run to run in CI too; a failing one prints the seed that repeats it.
settings.register_profile(
    "synlake",
    deadline=None,  # the first example pays for Spark's warm-up
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("synlake")


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """The one session; in its own JVM of a bounded size."""
    jars = ",".join(sorted(str(jar) for jar in (SHARE / "jars").glob("*.jar")))
    # The usual code cache of a small JVM is full after some minutes of Spark; code is compiled again and again then.
    java = "-XX:ReservedCodeCacheSize=256m"
    os.environ["PYSPARK_SUBMIT_ARGS"] = (
        f'--master local[2] --driver-memory 2g --driver-java-options "{java}" --jars "{jars}" pyspark-shell'
    )
    session = open_session("synlake tests", profile="test")
    yield session
    session.stop()


@pytest.fixture
def warehouse(spark: SparkSession, tmp_path: Path) -> Warehouse:
    """An empty warehouse."""
    return open_warehouse(spark, str(tmp_path / "warehouse"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The real data; skipped where there is none, unless $SYNLAKE_SHARED says that there should be."""
    given = os.environ.get("SYNLAKE_SHARED")
    place = Path(given) if given else Path(__file__).parents[1] / ".." / "shared" / "data"
    if not place.is_dir():
        if given:
            pytest.fail(f"SYNLAKE_SHARED={given} is not a folder")
        pytest.skip("needs the real images and votes: set SYNLAKE_SHARED to the folder that has them")
    return place.resolve()
