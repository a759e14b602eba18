"""The objective of selection, U(D), measured on a release: from counted images and votes instead of estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from synlake.methods.objective import ReleaseFacts, Weights, score_release
from synlake.methods.selection import Synset
from synlake.stage import Control, Outcome

#: Reasons of a synset that no picture can show, and which coverage therefore leaves out.
_INVISIBLE = ("not_under_root", "instance", "excluded_branch")


def utility_controls(
    nouns: Sequence[Mapping[str, Any]],
    counted: Mapping[str, tuple[int, float]],
    outcome: Outcome,
    config: Mapping[str, Any],
) -> tuple[Control, ...]:
    """C_cov, C_hier, Q_label, C_cost and U of the images of a release, for ``stage_metrics``.

    ``nouns`` has ``synset_id, parent_ids, depth, reject_reason`` of every synset that was to choose from, ``counted``
    the images of each class and the sum of their confidence. ``config`` is that of select-synsets: its depths and
    n_min are what C_hier holds classes against.
    """
    n_images = sum(n for n, _ in counted.values())
    facts = ReleaseFacts(
        classes=[
            Synset(
                synset_id=row["synset_id"],
                lemmas=(),
                parent_ids=tuple(row["parent_ids"]),
                depth=row["depth"],
                is_leaf=True,
                n_expected=counted[row["synset_id"]][0],
            )
            for row in nouns
            if row["synset_id"] in counted
        ],
        visible={
            row["synset_id"]: tuple(row["parent_ids"])
            for row in nouns
            if row["reject_reason"] not in _INVISIBLE
        },
        mean_confidence=sum(sure for _, sure in counted.values()) / n_images if n_images else 0.0,
        share_left_out=1 - outcome.rows_kept / outcome.rows_in if outcome.rows_in else 0.0,
    )
    scores = score_release(
        facts,
        n_min=config.get("n_min", 0),
        min_depth=config.get("min_depth", 0),
        max_depth=config.get("max_depth", 99),
        weights=Weights(),
    )
    return tuple(Control(name, value) for name, value in scores.items())
