"""Keep what synlake needs of what Spark's resolver fetched: ``fetch.py RESOLVED SPARK_JARS SHARE``.

``submit.sh`` runs this with ``spark-submit --packages``, which downloads everything the coordinates depend
on into RESOLVED. Kept are the JARs that Spark does not bring itself, as ``SHARE/jars``, and WordNet's
``dict`` files, which come packed in a JAR, as ``SHARE/wordnet``.
"""

from __future__ import annotations

import re
import shutil
import sys
import zipfile
from pathlib import Path

WORDNET_JAR = "extjwnl-data-wn30"
WORDNET_FOLDER = "net/sf/extjwnl/data/wordnet/wn30/"
#: Files of the resolver are named ``group_artifact-version.jar``.
RESOLVED_NAME = re.compile(r"^(?P<group>[^_]+)_(?P<artifact>.+?)-(?P<version>\d[^/]*)\.jar$")


def main(resolved: Path, spark_jars: Path, share: Path) -> None:
    """Fill ``share`` from what the resolver left in ``resolved``."""
    brought = {artifact_of(jar.name) for jar in spark_jars.glob("*.jar")}
    (share / "jars").mkdir(parents=True, exist_ok=True)
    for jar in sorted(resolved.glob("*.jar")):
        match = RESOLVED_NAME.match(jar.name)
        if match is None:
            raise SystemExit(f"not a name the resolver gives: {jar.name}")
        if match["artifact"] == WORDNET_JAR:
            unpack_wordnet(jar, share / "wordnet")
        elif match["group"].startswith("net.sf.extjwnl") or match["artifact"] in brought:
            continue
        else:
            shutil.copyfile(jar, share / "jars" / jar.name.removeprefix(f"{match['group']}_"))
            print(f"kept {jar.name}")
    if not any((share / "jars").glob("delta-spark*.jar")):
        raise SystemExit("the resolver brought no delta-spark")


def artifact_of(name: str) -> str:
    """Give the artifact in the name of a JAR.

    >>> artifact_of("jackson-core-2.21.2.jar")
    'jackson-core'
    """
    return re.sub(r"-\d[^/]*\.jar$", "", name)


def unpack_wordnet(jar: Path, folder: Path) -> None:
    """Copy the ``dict`` files out of the JAR, flat; its Java classes and settings stay behind."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(jar) as archive:
        for name in archive.namelist():
            folder_name, _, base = name.rpartition("/")
            if f"{folder_name}/" == WORDNET_FOLDER and base and not base.endswith((".xml", ".class")):
                (folder / base).write_bytes(archive.read(name))
    print(f"WordNet: {len(list(folder.iterdir()))} files")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
