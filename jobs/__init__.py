"""The pipeline: one file a job. Order, command line, README table and the ``run`` job derive from PIPELINE."""

from __future__ import annotations

from synlake.stage import Stage

PIPELINE = (
    Stage("select-synsets", reads=(), writes=("synsets",)),
    Stage("plan-queries", reads=("synsets",), writes=("queries",), tables_only=True),
    Stage(
        "ingest-images",
        reads=("synsets",),
        optional_reads=("queries",),
        writes=("image_bytes", "candidates"),
        looks_outside=True,
    ),
    Stage("fingerprint-images", reads=("image_bytes",), writes=("fingerprints",)),
    Stage("deduplicate-images", reads=("candidates", "fingerprints"), writes=("duplicate_pairs", "pool")),
    Stage("plan-annotation", reads=("pool", "synsets"), writes=("tasks",), tables_only=True),
    Stage("import-votes", reads=(), optional_reads=("tasks",), writes=("votes",)),
    Stage(
        "aggregate-votes",
        reads=("votes",),
        optional_reads=("tasks",),
        writes=("workers", "labels"),
        tables_only=True,
    ),
    Stage(
        "review-labels", reads=("labels",), optional_reads=("tasks",), writes=("reviews",), tables_only=True
    ),
    Stage(
        "freeze-release",
        reads=("synsets", "candidates", "fingerprints", "pool", "labels"),
        optional_reads=("reviews",),
        writes=("release_images", "release_synsets", "release_hierarchy", "release_withheld", "releases"),
        refuses_repeat=True,
        tables_only=True,
    ),
)
STAGES = {stage.name: stage for stage in PIPELINE}
#: Commands beside the stages, in the order of help.
OTHER_COMMANDS = (
    "run",
    "demo",
    "sql",
    "thrift",
    "compare-strategies",
    "compare-deduplication",
    "class-sizes",
    "taxonomy-diff",
    "plan-cost",
    "compare-vote-plans",
    "export-tasks",
    "agreement-report",
    "score-labels",
    "audit-report",
    "quality-report",
    "verify-release",
    "diff-releases",
    "report-release",
    "deprecate-release",
    "export-release",
    "import-release",
    "import-predictions",
    "evaluate-predictions",
    "compare-models",
)
