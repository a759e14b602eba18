from __future__ import annotations

import os

import pytest

from synlake.remembered import remembered


class Source:
    """Rows to read, and how often they were."""

    def __init__(self, *rows):
        self.rows, self.n_reads = rows, 0

    def __call__(self):
        self.n_reads += 1
        return iter(self.rows)


def test_rows_are_read_once_and_again_under_another_key(tmp_path):
    first, second = Source(["dog", ["a", "b"], None, 1]), Source(["cat"])
    path = tmp_path / "rows.json"
    assert remembered(path, "1", first) == [["dog", ["a", "b"], None, 1]]
    assert remembered(path, "1", second) == [["dog", ["a", "b"], None, 1]]
    assert (first.n_reads, second.n_reads) == (1, 0)
    assert remembered(path, "2", second) == [["cat"]]
    assert [entry.name for entry in tmp_path.iterdir()] == ["rows.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"key": "1"}', b"\xff\xfe"])
def test_a_file_that_is_not_whole_is_read_anew(tmp_path, content):
    path, source = tmp_path / "rows.json", Source(["dog"])
    path.write_bytes(content)
    assert remembered(path, "1", source) == [["dog"]]
    assert remembered(path, "1", source) == [["dog"]]
    assert source.n_reads == 1


def test_where_nothing_can_be_kept_rows_are_read_each_time(tmp_path):
    source, path = Source(["dog"]), tmp_path / "missing" / "rows.json"
    assert [remembered(path, "1", source) for _ in range(2)] == [[["dog"]]] * 2
    assert source.n_reads == 2
    assert not os.path.exists(path)
