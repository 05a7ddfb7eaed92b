from __future__ import annotations

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import ManifestError
from earmark.formats.delimited import delimited_rows
from earmark.formats.surviving import surviving_rows


def read(kind, path):
    bad: list[tuple[int | None, str]] = []
    rows = list(surviving_rows(kind, str(path), lambda error: bad.append((error.line, error.what))))
    return rows, [line for line, _ in bad]


def test_broken_json_lines_are_handed_over_and_the_others_read(tmp_path):
    """No JSON, an array, half a surrogate pair, no UTF-8; blank lines are no rows."""
    path = tmp_path / "m.jsonl"
    lines = [b'{"a": 1', b'{"a": 2}', b"", b"[1]", b'{"a": "\\ud800"}', b'{"a": "\xff"}', b'{"a": 3}']
    path.write_bytes(b"\n".join(lines))
    rows, bad = read("jsonl", path)
    assert rows == [(2, {"a": 2}), (7, {"a": 3})]
    assert bad == [1, 4, 5, 6]


@pytest.mark.parametrize(("kind", "comma"), [("csv", ","), ("tsv", "\t")])
def test_rows_with_other_cells_are_handed_over(tmp_path, kind, comma):
    """Too few, too many, and bytes that are no UTF-8."""
    path = tmp_path / "m.table"
    lines = ["a,b", "1,2", "3", "4,5,6", "", "\xff,7", "8,"]
    path.write_bytes("\n".join(lines).replace(",", comma).encode("latin-1"))
    rows, bad = read(kind, path)
    assert rows == [(2, {"a": "1", "b": "2"}), (7, {"a": "8", "b": None})]
    assert bad == [3, 4, 6]


def test_a_quote_in_the_wrong_place_costs_one_row(tmp_path):
    """And a quoted cell may hold a newline: the row's line is where it ends."""
    path = tmp_path / "m.csv"
    path.write_text('a,b\n"x"y,1\n"two\nlines",2\nz,3\n')
    rows, bad = read("csv", path)
    assert rows == [(4, {"a": "two\nlines", "b": "2"}), (5, {"a": "z", "b": "3"})]
    assert bad == [2]


def test_what_is_wrong_with_the_whole_is_raised(tmp_path):
    """A file that is not there, and a header that is none."""
    (tmp_path / "m.csv").write_text("a;b\n1;2\n")
    for kind, name in (("csv", "m.csv"), ("jsonl", "gone.jsonl")):
        with pytest.raises(ManifestError):
            read(kind, tmp_path / name)


@given(st.lists(st.sampled_from(['{"a": 1}', '{"a"', "[]", " ", "7"])))
def test_every_line_is_a_row_or_bad_or_blank(tmp_path_factory, lines):
    """Nothing is lost, and nothing comes twice; a file that begins with an array would be one."""
    lines = ["7", *lines]
    path = tmp_path_factory.mktemp("surviving") / "m.jsonl"
    path.write_text("".join(f" {line}\n" for line in lines))
    rows, bad = read("jsonl", path)
    good = [number for number, line in enumerate(lines, start=1) if line == '{"a": 1}']
    assert [number for number, _ in rows] == good
    assert bad == [number for number, line in enumerate(lines, start=1) if number not in good and line.strip()]
    assert all(row == json.loads('{"a": 1}') for _, row in rows)


CELL = st.text("ab ,\"'\t\n é", max_size=4)


@given(st.lists(st.tuples(CELL, CELL), max_size=6))
def test_tables_without_broken_rows_are_read_as_the_strict_reader_does(tmp_path_factory, cells):
    """The same rows with the same lines, whatever is quoted; so the two cannot come to disagree."""
    path = tmp_path_factory.mktemp("surviving") / "m.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("a", "b"), *cells])
    assert read("csv", path) == (list(delimited_rows(str(path), has_tabs=False)), [])


def test_parquet_is_read_as_it_is(tmp_path):
    """It has no broken lines."""
    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "m.parquet")
    assert read("parquet", tmp_path / "m.parquet") == ([(1, {"a": 1}), (2, {"a": 2})], [])
