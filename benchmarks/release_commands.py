"""Freezing a release of ILSVRC's size from the shell, against a plain spark-submit job that copies the same rows.

    python benchmarks/release_commands.py --n 1280000

The rows are those of release.py: synthetic, no bytes. There everything runs in one warm JVM; here each is a command
with a Java virtual machine of its own, as both are used. The copy is submitted twice: with Spark's own settings, and
with those of conf/spark-defaults.conf and the archive of classes that submit.sh starts Java from. They take turns; the
last lines compare medians.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from common import Measured, machine, measured, middle, ratios, scratch, session
from release import add_images, add_synsets

from synlake.session import SHARE
from synlake.warehouse import open_warehouse

_ROOT = Path(__file__).resolve().parent.parent
_COPY = Path(__file__).with_name("peer_copy.py")
_RELEASE = "v1.0.0"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=1_280_000, help="images of the release")
    parser.add_argument("--turns", type=int, default=3, help="runs of each; the median counts")
    given = parser.parse_args(arguments)
    print(machine())
    found: dict[str, list[Measured]] = {"freeze": [], "copy": [], "copy, our settings": []}
    with scratch() as folder:
        pool, frozen, copied = folder / "pool", folder / "frozen", folder / "copy"
        with session(threads=2, memory="4g") as spark:
            warehouse = open_warehouse(spark, str(pool))
            add_images(warehouse, add_synsets(warehouse), 0, given.n)
        synlake("sql", "SELECT 1", "--warehouse", str(pool))  # the first use of a Java archives its classes
        for turn in range(given.turns):
            shutil.rmtree(frozen, ignore_errors=True)
            shutil.copytree(pool, frozen)
            with measured() as taken:
                synlake("freeze-release", "--release", _RELEASE, "--warehouse", str(frozen))
            found["freeze"].append(taken)
            for name, prepare in (("copy", with_plain_settings), ("copy, our settings", with_our_settings)):
                environment, options = prepare()
                with measured() as taken:
                    submitted(
                        environment,
                        *options,
                        str(_COPY),
                        str(frozen / "release_images"),
                        _RELEASE,
                        str(copied),
                    )
                found[name].append(taken)
                shutil.rmtree(copied)
            print(
                f"turn {turn}: {'; '.join(f'{name}: {runs[-1]}' for name, runs in found.items())}", flush=True
            )
    one = middle(found.pop("freeze"))
    for name, runs in found.items():
        print(f"ratio freeze / {name}: {ratios(one, middle(runs))}")
    return 0


def synlake(*words: str) -> None:
    run([str(_ROOT / "submit.sh"), "--master", "local[2]", *words], os.environ)


def with_plain_settings() -> tuple[dict[str, str], list[str]]:
    """Environment and options of spark-submit that Delta Lake cannot do without; as much memory as a freeze has."""
    jars = ",".join(sorted(str(jar) for jar in (SHARE / "jars").glob("*.jar")))
    return {}, ["--jars", jars, "--driver-memory", "4g"]


def with_our_settings() -> tuple[dict[str, str], list[str]]:
    """The same, and what submit.sh adds."""
    archive = next(path for path in SHARE.glob("classes-*.jsa") if path.stat().st_size)
    log = _ROOT / "conf" / "log4j2.properties"
    environment = {
        "SPARK_CONF_DIR": str(SHARE / "no-conf"),
        "SPARK_SUBMIT_OPTS": f"-Dlog4j2.configurationFile={log} -XX:SharedArchiveFile={archive}",
    }
    # Spelt as submit.sh spells it: Java compares its class path with the archive's.
    options = ["--name", "synlake", "--jars", str(SHARE / "jars" / "*.jar")]
    return environment, [*options, "--properties-file", str(_ROOT / "conf" / "spark-defaults.conf")]


def submitted(environment: Mapping[str, str], *words: str) -> None:
    spark = SHARE / "spark"
    python = {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    local = {"SPARK_HOME": str(spark), "SPARK_LOCAL_IP": "127.0.0.1", **python}
    run(
        [str(spark / "bin" / "spark-submit"), "--master", "local[2]", *words],
        {**os.environ, **local, **environment},
    )


def run(words: Sequence[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stderr}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
