"""Columns that grow, against Arrow's own joining of chunks."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.planning import gathering
from earmark.planning.gathering import Column

VALUES = {
    pa.string(): st.one_of(st.none(), st.text("aé\u20ac", max_size=4)),
    pa.float64(): st.one_of(st.none(), st.floats(allow_nan=False)),
    pa.int32(): st.one_of(st.none(), st.integers(-5, 5)),
}


@st.composite
def chunks(draw: st.DrawFn) -> tuple[pa.DataType, list[pa.Array]]:
    kind = draw(st.sampled_from(list(VALUES)))
    found = []
    for values in draw(st.lists(st.lists(VALUES[kind], max_size=12), max_size=5)):
        array = pa.array(values, kind)
        if draw(st.booleans()):
            array = array.dictionary_encode()
        if draw(st.booleans()):
            array = pa.concat_arrays([array, array]).slice(draw(st.integers(0, len(array))))
        found.append(pa.nulls(len(array)) if draw(st.integers(0, 4)) == 0 else array)
    return kind, found


@settings(max_examples=200, deadline=None)
@given(made=chunks())
def test_what_was_added_comes_out_in_one_piece(made):
    """Nulls first and last, slices, dictionaries and empty arrays: valid, equal, and with the same nulls."""
    kind, arrays = made
    column = Column(kind)
    for array in arrays:
        column.add(array)
    whole = column.whole()
    whole.validate(full=True)
    assert whole.type == kind
    assert whole.to_pylist() == [value for array in arrays for value in array.to_pylist()]
    assert whole.num_chunks <= 1
    assert whole.null_count == sum(value is None for value in whole.to_pylist())


def test_texts_that_no_array_holds_come_in_few(monkeypatch):
    """Arrow counts characters in 32 bits: then the column has several pieces, each valid."""
    monkeypatch.setattr(gathering, "MOST_BYTES", 10)
    column = Column(pa.string())
    for text in ("aaaa", None, "bbbb", "cccc", None, "dddddddd", "e"):
        column.add(pa.array([text], pa.string()))
    whole = column.whole()
    whole.validate(full=True)
    assert [chunk.to_pylist() for chunk in whole.chunks] == [["aaaa", None, "bbbb"], ["cccc", None], ["dddddddd", "e"]]


@pytest.mark.parametrize("kind", [pa.string(), pa.float64(), pa.int32()])
def test_nothing_but_nulls_takes_no_memory(kind):
    """Ten million of them: the zeros behind them are never written, and cast, compared and copied as any others."""
    before = pa.total_allocated_bytes()
    column = Column(kind)
    column.add(pa.nulls(10_000_000))
    whole = column.whole()
    assert whole.null_count == len(whole) == 10_000_000
    assert pa.total_allocated_bytes() == before
    assert whole.slice(5, 2).equals(pa.chunked_array([pa.nulls(2, kind)]))
