#!/usr/bin/env bash
# Style and types: ruff, its format, and mypy strict. Called by `make check` and .ci/run, after the set-up of tests.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

# mypy knows packages by their folders, and ours get their names only when installed. So it looks at the
# package as it is shipped, and its messages are put back into the names of this tree.
types() {
  .venv/bin/python tools/pack.py code &&
    rm -rf build/package &&
    .venv/bin/python -m zipfile -e build/synlake.zip build/package &&
    (cd build/package && ../../.venv/bin/mypy --config-file ../../pyproject.toml -p synlake) |
    sed -E 's#^synlake/(jobs|methods|udfs|schemas|conf|queries|demo|report)/#\1/#; s#^synlake/#core/#'
}

failed=0 # all are run, so that one report shows all that is wrong
.venv/bin/ruff check . || failed=1
.venv/bin/ruff format --check . || failed=1
types || failed=1
exit "$failed"
