"""Lines that Arrow may read give what the standard library reads in each, or are left to it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.formats import alike_lines
from earmark.formats.alike_lines import alike_columns

FIRST = b'{"text": "x", "duration": 1.5, "channel": 1}\n'
TEXTS = st.one_of(st.text(max_size=6), st.sampled_from(["", "2020-01-01", 'q"\\/', "\u2028", "\x00\x7f", "\n", "NaN"]))
KINDS = {
    "text": TEXTS,
    "whole": st.integers(-(10**18) + 1, 10**18 - 1),
    "fraction": st.floats(allow_nan=False, allow_infinity=False),
}
TABLES = st.dictionaries(
    st.text("ab:.,é {}", max_size=3), st.sampled_from(list(KINDS)), min_size=1, max_size=4
).flatmap(
    lambda kinds: st.tuples(
        st.fixed_dictionaries({name: KINDS[kind] for name, kind in kinds.items()}),
        st.lists(
            st.fixed_dictionaries({name: st.one_of(KINDS[kind], st.none()) for name, kind in kinds.items()}), max_size=5
        ),
    )
)


@settings(deadline=None)
@given(table=TABLES, is_ascii=st.booleans(), separators=st.sampled_from([(",", ":"), (", ", ": "), (" , ", " :  ")]))
def test_lines_that_are_alike_are_what_each_says(table, is_ascii, separators):
    """Texts, whole numbers and fractions to the last bit, under any name; nulls after the first line."""
    first, rest = table
    rest = [{name: row[name] for name in first} for row in rest]
    lines = [json.dumps(row, ensure_ascii=is_ascii, separators=separators) for row in [first, *rest]]
    raw = "\n".join(lines).encode("utf-8")
    columns = alike_columns(raw)
    has_pairs = is_ascii and max(json.dumps([first, *rest], ensure_ascii=False)) > "\uffff"
    if has_pairs or (is_ascii and not "".join(first).isascii()):
        assert columns is None  # which half belongs to which is not for a regular expression; escaped names are rare
        return
    assert columns is not None
    rows = [json.loads(line) for line in lines]
    assert {name: [(type(one), one) for one in column.to_pylist()] for name, column in columns.items()} == {
        name: [(type(row[name]), row[name]) for row in rows] for name in first
    }


@pytest.mark.parametrize(
    "line",
    [
        b'{"text": "x", "duration": 1, "channel": 1}',
        b'{"text": "x", "duration": 1.5, "channel": 1.0}',
        b'{"text": "x", "duration": 1.5}',
        b'{"text": "x", "channel": 1, "duration": 1.5}',
        b'{"text": "x", "duration": 1.5, "channel": 1, "more": 1}',
        b'{"text": "x", "duration": 1.5, "duration": 1.5, "channel": 1}',
        b'{"text": "x", "duration": 1.5, "channel": 1000000000000000000}',
        b'{"text": "x", "duration": 01.5, "channel": 1}',
        b'{"text": "x", "duration": NaN, "channel": 1}',
        b'{"text": 1, "duration": 1.5, "channel": 1}',
        b'{"text": "\\ud800", "duration": 1.5, "channel": 1}',
        b'{"text": "\xff", "duration": 1.5, "channel": 1}',
        b'{"text": "\t", "duration": 1.5, "channel": 1}',
        b'{"text": "x",  "duration": 1.5, "channel": 1}',
        b'{"text": "x", "duration": 1.5, "channel": 1} ',
        b'{"text": "x", "duration": 1.5, "channel": 1}\r',
        b'{"text": "x", "duration": 1.5, "channel": 1}{"text": "x", "duration": 1.5, "channel": 1}',
        b'{"text": "x", "duration":\n1.5, "channel": 1}',
        b"",
        b"[1]",
    ],
)
@pytest.mark.parametrize("ending", [b"", b"\n", b"\n" + FIRST])
def test_another_line_leaves_all_to_the_other_reader(line, ending):
    """It gives up rather than guess, wherever that line stands."""
    assert alike_columns(FIRST) is not None
    raw = FIRST + line + ending
    if raw != FIRST:
        assert alike_columns(raw) is None


@pytest.mark.parametrize(("num_fields", "is_read"), [(64, True), (65, False), (100_000, False)])
def test_a_line_of_very_many_names_is_left_to_the_other_reader(num_fields, is_read, monkeypatch):
    """Before there is a regular expression for it, which would take minutes to make."""
    made = []
    real = alike_lines.re.fullmatch
    monkeypatch.setattr(alike_lines.re, "fullmatch", lambda *arguments: made.append(1) or real(*arguments))
    line = json.dumps({f"k{number}": "v" for number in range(num_fields)}).encode()
    assert (alike_columns(line) is not None, bool(made)) == (is_read, is_read)


@pytest.mark.parametrize(
    "first", [b"", b"{}", b'{"a": null}', b'{"a": true}', b'{"a": [1]}', b'{"a": 1, "a": 1}', b" {}"]
)
def test_a_first_line_that_shows_no_kinds_leaves_all_to_the_other_reader(first):
    """Nulls, nested values, names twice, no names."""
    assert alike_columns(first + b"\n" + first) is None
