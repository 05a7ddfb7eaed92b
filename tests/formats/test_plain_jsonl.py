"""The fast path of JSON Lines gives the same answers as reading row by row, or gives up."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.errors import EarmarkError
from earmark.formats import named, read_transcript
from earmark.formats.plain_jsonl import plain_columns
from earmark.formats.transcript import Wanted

TEXTS = st.one_of(
    st.text(max_size=6), st.sampled_from(["", "2020-01-01", "a\tb", "\u2028", "\\", '"', "é", "NaN", "1"])
)
ODD = st.one_of(st.none(), st.integers(), st.floats(), st.booleans(), st.just(["a"]), st.just({}))
ROWS = st.lists(
    st.fixed_dictionaries(
        {"text": st.one_of(TEXTS, TEXTS, TEXTS, ODD), "pred_text": st.one_of(TEXTS, TEXTS, TEXTS, ODD)},
        optional={
            "audio_filepath": TEXTS,
            "duration": st.one_of(st.floats(0, 9), st.integers(-1, 3), st.none()),
            "speaker": st.one_of(TEXTS, st.integers()),
            "other": TEXTS,
        },
    ),
    min_size=1,
    max_size=4,
)


def read(path, *, is_quick: bool, monkeypatch: pytest.MonkeyPatch):
    """All that is read, or the message of what was wrong."""
    with monkeypatch.context() as patch:
        if not is_quick:
            patch.setattr(named, "plain_columns", lambda *_: None)
        try:
            found = read_transcript(str(path), Wanted("both"))
        except EarmarkError as error:
            return str(error)
    columns = {name: column.to_pylist() for name, column in found.hypotheses.items()}
    return found.rows.to_pydict(), columns, found.is_keyed


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=ROWS, is_ascii=st.booleans(), ending=st.sampled_from(["", "\n", "\n\n"]))
def test_both_ways_agree(rows, is_ascii, ending, tmp_path, monkeypatch):
    """On texts, nulls, odd values, columns that come and go, escapes and blank lines; also on what is refused."""
    path = tmp_path / "m.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=is_ascii) for row in rows) + ending, encoding="utf-8")
    quick, slow = (read(path, is_quick=one, monkeypatch=monkeypatch) for one in (True, False))
    assert quick == slow


KINDS = {"text": pa.string(), "pred_text": pa.string()}


@pytest.mark.parametrize(
    "line",
    [
        b'{"text": "a"} {"text": "b"}',
        b'{"text": "a", "text": "b"}',
        b'{"text": "a", "more": 1}',
        b'{"text": 1}',
        b'{"text": "\xff"}',
        b'{"text": "\\ud800"}',
        b'{"text": NaN}',
        b"[1]",
        b"",
    ],
)
def test_what_is_unusual_is_left_to_the_other(tmp_path, line):
    """It gives up rather than guess."""
    path = tmp_path / "m.jsonl"
    path.write_bytes(b'{"text": "x", "pred_text": "y"}\n' + line + b"\n")
    assert plain_columns(str(path), KINDS) is None


def test_plain_rows_take_the_fast_path(tmp_path):
    """Else the tests above would compare nothing."""
    path = tmp_path / "m.jsonl"
    path.write_text('{"text": "x", "pred_text": "2020-01-01"}\n{"text": null, "pred_text": "y"}')
    table = plain_columns(str(path), KINDS)
    assert table is not None
    assert table.to_pydict() == {"text": ["x", None], "pred_text": ["2020-01-01", "y"]}


@pytest.mark.parametrize(
    "content",
    [
        '{"text": "a"} {"text": "b"}\n\n',
        '\n{"text": "a"} {"text": "b"}\n',
        '{"text": "a"} {"text": "b"}\n{"text":\n"c"}\n',
        '{"text":\n"a"} {"text": "b"}\n',
    ],
)
def test_as_many_lines_as_rows_are_not_enough(tmp_path, content):
    """Each line has to be one row, else the numbers of the rows are not those of the lines."""
    path = tmp_path / "m.jsonl"
    path.write_text(content)
    assert plain_columns(str(path), KINDS) is None
