from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.sources.json_columns import json_objects

KINDS = {pa.float64(): st.floats(), pa.int64(): st.integers(-(2**63), 2**63 - 1), pa.string(): st.text(max_size=4)}


@settings(deadline=None)
@given(st.data())
def test_an_arrow_column_is_the_same_json_as_its_values(data):
    """Numbers to the last digit, what is not finite, texts that need escapes, nulls: as each is written by itself."""
    kind = data.draw(st.sampled_from(list(KINDS)))
    values = data.draw(st.lists(st.one_of(KINDS[kind], st.none()) if data.draw(st.booleans()) else KINDS[kind]))
    by_value = [json_objects({"x": [value]}, 1)[0].as_py() for value in values]
    assert json_objects({"x": pa.array(values, kind)}, len(values)).to_pylist() == by_value
