"""JSON Lines in which every row has the same few columns of plain texts and numbers, parsed by Arrow: the fast path.

It knows nothing of what is wrong with a file: where anything is unusual it gives up, and ``named`` reads row by row,
with the same answers and with the place of each mistake.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

_BLOCK_BYTES = 2**22


def plain_columns(path: str, kinds: Mapping[str, pa.DataType]) -> pa.Table | None:
    """Read the columns ``kinds`` (strings and doubles); a column that a row lacks is null there.

    None where a row has another column or another type, where a line is blank or holds more or less than one row, and
    where anything is no JSON or no UTF-8.
    """
    try:
        table = parsed(path, kinds, _BLOCK_BYTES)
        table.validate(full=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return None
    return table if _has_a_row_a_line(path, len(table)) else None


def parsed(file: str | pa.BufferReader, kinds: Mapping[str, pa.DataType], block_bytes: int) -> pa.Table:
    """What Arrow makes of JSON Lines with columns of these kinds. Raises pa.ArrowException, OSError."""
    return pj.read_json(
        file,
        read_options=pj.ReadOptions(use_threads=False, block_size=block_bytes),
        parse_options=pj.ParseOptions(
            explicit_schema=pa.schema(kinds.items()), newlines_in_values=False, unexpected_field_behavior="error"
        ),
    )


def is_plain_number(column: pa.ChunkedArray) -> bool:
    """Whether all seconds in a column are from 0 and finite, where there are any."""
    return bool(pc.all(pc.and_(pc.greater_equal(column, 0), pc.is_finite(column))).as_py() in (True, None))


def _has_a_row_a_line(path: str, num_rows: int) -> bool:
    """Whether each line is one of the rows: as many lines as rows, and none that begins or ends inside an object."""
    num_lines = 0
    with Path(path).open("rb") as file:
        while block := file.read(_BLOCK_BYTES) + file.readline():
            num_found = _num_objects(block)
            if num_found is None:
                return False
            num_lines += num_found
    return num_lines == num_rows


def _num_objects(block: bytes) -> int | None:
    """How many lines there are; None where one of them is no object from brace to brace."""
    lines = block.removesuffix(b"\n")
    num_lines = lines.count(b"\n") + 1
    # Every line break lies between two braces: seen at once, without making a line of each.
    if lines.startswith(b"{") and lines.endswith(b"}") and lines.count(b"}\n{") == num_lines - 1:
        return num_lines
    texts = map(bytes.strip, lines.split(b"\n"))
    return num_lines if all(text.startswith(b"{") and text.endswith(b"}") for text in texts) else None
