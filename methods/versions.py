"""Semantic versions of datasets: what kind of change needs which number to grow.

=====  ====================================================================================
patch  images withdrawn, or nothing: a score on what is left still means the same
minor  images or classes added; every image that stays has its label and its split
major  an image relabelled or moved to another split, or a class gone: scores do not compare
=====  ====================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping

LEVELS = ("patch", "minor", "major")


def parse(release: str) -> tuple[int, int, int] | None:
    """(major, minor, patch) of a name such as v1.2.3; None where it is no semantic version.

    >>> parse("v1.2.3"), parse("demo")
    ((1, 2, 3), None)
    """
    found = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)", release)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def needed(changes: Mapping[str, int], *, n_classes_gone: int) -> str:
    """The least level that allows ``changes`` (images by kind, see :mod:`synlake.methods.release_diff`).

    >>> needed({"added": 3}, n_classes_gone=0), needed({"removed": 1}, n_classes_gone=0)
    ('minor', 'patch')
    """
    if changes.get("relabelled") or changes.get("moved") or n_classes_gone:
        return "major"
    return "minor" if changes.get("added") else "patch"


def allows(given: str, wanted: str) -> bool:
    """Whether a release whose ``given`` number grew may have changed as much as ``wanted`` needs.

    >>> allows("major", "minor"), allows("patch", "minor")
    (True, False)
    """
    return LEVELS.index(given) >= LEVELS.index(wanted)


def level(old: str, new: str) -> str | None:
    """Which number grew from one version to the next; None where they do not follow each other.

    >>> level("v1.2.3", "v2.0.0"), level("v1.2.3", "v1.3.0"), level("v1.2.3", "v1.2.4"), level("v1.2.3", "v1.2.2")
    ('major', 'minor', 'patch', None)
    """
    before, after = parse(old), parse(new)
    if before is None or after is None or after <= before:
        return None
    grown = next(i for i in range(3) if after[i] != before[i])
    return ("major", "minor", "patch")[grown]
