"""The bytes behind a column of texts."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.text_bytes import text_bytes, text_offsets

COLUMNS = st.lists(st.text(max_size=5) | st.none(), max_size=8)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@given(COLUMNS, st.integers(0, 8), st.integers(0, 8))
def test_the_bytes_are_those_of_the_texts_of_any_slice(kind, texts, start, length):
    """A slice shares the memory of the whole, and a null is an empty text."""
    column = pa.array(texts, kind).slice(min(start, len(texts)), length)
    expected = [(text or "").encode() for text in column.to_pylist()]
    assert text_bytes(column).tobytes() == b"".join(expected)
    offsets = text_offsets(column)
    assert (offsets[1:] - offsets[:-1]).tolist() == list(map(len, expected))
