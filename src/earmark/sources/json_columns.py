"""Columns that mean nothing to us, as one column of JSON objects, in the very characters that ``json.dumps`` writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from earmark.formats.cells import as_extra

URL_MARK = "://"
"""Where a text may hold a URL, and with it a secret."""
_SPECIAL = rf'[\x00-\x1f"\\]|{URL_MARK}'
_encode = json.JSONEncoder(ensure_ascii=False).encode


def json_objects(columns: Mapping[str, pa.Array | Sequence[Any]], num_rows: int) -> pa.Array:
    """Each row's object, the names in the order of ``columns``; nulls where there is no column. Shape (num_rows,).

    Raises ValueError for a value that is no JSON.
    """
    if not columns:
        return pa.nulls(num_rows)
    pieces: list[Any] = []
    for name, column in columns.items():
        pieces += [f"{', ' if pieces else '{'}{_encode(name)}: ", _values(column)]
    return pc.binary_join_element_wise(*pieces, "}", "")


def _values(column: pa.Array | Sequence[Any]) -> pa.Array:
    """Each value as JSON."""
    if not isinstance(column, pa.Array):
        kinds = set(map(type, column))
        column = pa.array(column, pa.string()) if kinds <= {str, type(None)} else column
    if not isinstance(column, pa.Array):
        return pa.array([_encode(as_extra(value)) for value in column], pa.string())
    if pa.types.is_dictionary(column.type) and len(column.dictionary) < len(column):
        return _values(column.dictionary).take(column.indices).fill_null("null")
    if pa.types.is_string(column.type) and not pc.any(pc.match_substring_regex(column, _SPECIAL)).as_py():
        return pc.binary_join_element_wise('"', column, '"', "").fill_null("null")
    if pa.types.is_integer(column.type):
        return column.cast(pa.string()).fill_null("null")
    if pa.types.is_float64(column.type) and pc.all(pc.is_finite(column), skip_nulls=False, min_count=0).as_py():
        return pa.array(map(float.__repr__, column.to_pylist()), pa.string())
    return pa.array([_encode(as_extra(value)) for value in column.to_pylist()], pa.string())
