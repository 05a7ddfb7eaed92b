"""JSON lines that are all alike, as columns, by Arrow's parser; and the proof of it, without which that would lie.

Arrow takes a missing key for a null, reads ``1`` as ``1.0`` where others are fractions, and dates out of texts. Nothing
of that can happen where each line has the keys of the first, in its order and with its spaces, and values of its kinds:
a text, a whole number of up to 18 digits, a number with a fraction or an exponent; or null. One regular expression says
so of all lines at once.
"""

from __future__ import annotations

import re

import pyarrow as pa

from earmark.formats.plain_jsonl import parsed

_TEXT = r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u(?![dD][89a-fA-F])[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"'
_WHOLE = r"-?(?:0|[1-9][0-9]{0,17})"
_FRACTION = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++(?:[eE][-+]?[0-9]++)?|[eE][-+]?[0-9]++)"
_MOST_FIELDS = 64  # a regular expression for ten thousand takes many seconds to make
_KINDS = {"text": (_TEXT, pa.string()), "fraction": (_FRACTION, pa.float64()), "whole": (_WHOLE, pa.int64())}
_VALUE = "|".join(f"(?P<{kind}>{value})" for kind, (value, _) in _KINDS.items())
_FIELD = re.compile(rf'(?P<key>"(?P<name>[^"\\\x00-\x1f]*+)" *: *)(?:{_VALUE})(?P<after> *, *| *\}}(?=\n|\Z))')


def alike_columns(raw: bytes) -> dict[str, pa.Array] | None:
    """Map each name to the values of all lines in ``raw``; None where the lines are not surely alike."""
    try:
        text = raw.decode("utf-8")
        layout = _layout(text)
        if layout is None or re.fullmatch(rf"(?:{layout[0]}(?:\n|\Z))++", text) is None:
            return None
        table = parsed(pa.BufferReader(raw), layout[1], len(raw) + 1)
    except (UnicodeDecodeError, pa.ArrowException):
        return None
    return {name: table[name].combine_chunks() for name in layout[1]}


def _layout(text: str) -> tuple[str, dict[str, pa.DataType]] | None:
    """The regular expression of a line that is like the first, and its names with their types; None for an odd one."""
    pattern, position = r"\{", 1
    fields: dict[str, pa.DataType] = {}
    while (
        text[:1] == "{"
        and len(fields) < _MOST_FIELDS
        and (field := _FIELD.match(text, position))
        and field["name"] not in fields
    ):
        value, fields[field["name"]] = next(_KINDS[kind] for kind in _KINDS if field[kind] is not None)
        pattern += f"{re.escape(field['key'])}(?:{value}|null){re.escape(field['after'])}"
        position = field.end()
        if field["after"].endswith("}"):
            return pattern, fields
    return None
