from __future__ import annotations

import csv
import io
import json

from hypothesis import given
from hypothesis import strategies as st

from synlake.output import as_text

CELLS = st.one_of(st.none(), st.integers(), st.text(), st.booleans())
ROWS = st.lists(st.tuples(CELLS, CELLS), max_size=5)


@given(ROWS)
def test_json_is_one_array_that_reads_back(rows):
    assert json.loads(as_text(["a", "b"], rows, "json")) == [
        dict(zip("ab", row, strict=True)) for row in rows
    ]


@given(ROWS)
def test_csv_reads_back_as_text(rows):
    found = list(csv.reader(io.StringIO(as_text(["a", "b"], rows, "csv"), newline="")))
    shown = {None: "", True: "true", False: "false"}
    wanted = [[shown[v] if v is None or isinstance(v, bool) else str(v) for v in row] for row in rows]
    assert found == [["a", "b"], *wanted]


@given(st.text())
def test_a_table_never_passes_control_characters_on(text):
    table = as_text(["a"], [[text]], "table")
    assert all(c.isprintable() for line in table.split("\n") for c in line)
    assert table.count("\n") == 3


def test_numbers_stand_to_the_right():
    assert as_text(["n", "s"], [[5, "x"], [50, "yy"]], "table") == " n  s\n--  --\n 5  x\n50  yy\n"
