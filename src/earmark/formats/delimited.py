"""Rows of CSV and TSV tables with a header.

CSV has quotes, and spaces after a comma do not count (SpeechBrain writes such). TSV has no quotes: Common Voice writes
sentences with single quotation marks in them as they are.
"""

from __future__ import annotations

import csv
import shlex
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.errors import ManifestError
from earmark.formats.lines import excerpt, text_lines
from earmark.formats.row_chunks import NumberedRow, RowChunk

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_AT_ONCE = 16_384

_Cells = tuple[int, list[str]]


def delimited_rows(path: str, *, has_tabs: bool, has_blank_rows: bool = False) -> Iterator[NumberedRow]:
    """Each row with the line that it ends on, from 1; an empty cell is None. Blank lines are skipped.

    With ``has_blank_rows`` a blank line below a header of one column is a row: its cell is empty. Raises ManifestError
    for a row with more or fewer cells than the header, with the place, and for two columns of one name.
    """
    cells = _cells(path, has_tabs=has_tabs, has_blank_rows=has_blank_rows)
    for _, header in cells:
        yield from _rows(header, cells)


def delimited_chunks(path: str, *, has_tabs: bool) -> Iterator[RowChunk]:
    """The same rows, thousands at a time. A broken row is told when those before it have been given."""
    cells = _cells(path, has_tabs=has_tabs)
    for _, header in cells:
        for chunk in _gathered(cells):
            columns = zip(*(row for _, row in chunk), strict=True)
            yield RowChunk(
                {name: _texts(column) for name, column in zip(header, columns, strict=True)},
                partial(_rows, header, chunk),
            )


def _texts(cells: Sequence[str]) -> pa.Array:
    """A column's texts; an empty cell is null."""
    import pyarrow as pa  # what is opened to be looked at needs no Arrow
    import pyarrow.compute as pc

    texts = pa.array(cells, pa.string())
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)


def _rows(header: Sequence[str], cells: Iterator[_Cells] | Sequence[_Cells]) -> Iterator[NumberedRow]:
    for line, row in cells:
        yield line, {name: cell or None for name, cell in zip(header, row, strict=True)}


def _gathered(cells: Iterator[_Cells]) -> Iterator[list[_Cells]]:
    chunk: list[_Cells] = []
    try:
        for row in cells:
            chunk.append(row)
            if len(chunk) == _ROWS_AT_ONCE:
                yield chunk
                chunk = []
    except ManifestError:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk


def _cells(path: str, *, has_tabs: bool, has_blank_rows: bool = False) -> Iterator[_Cells]:
    """The header, then each row, with the line that it ends on."""
    lines = _LastLine(text_lines(path))
    if has_tabs:
        reader = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(lines, skipinitialspace=True, strict=True)
    header: list[str] = []
    try:
        for found in reader:
            cells = found or ([""] if has_blank_rows and len(header) == 1 else [])
            if not cells:
                continue
            if not header:
                header = table_header(path, cells)
            elif len(cells) != len(header):
                raise _wrong_number(path, reader.line_num, len(cells), len(header), lines.text, has_tabs=has_tabs)
            yield reader.line_num, cells
    except csv.Error as error:
        raise ManifestError(path, f"not a table: {error}", line=reader.line_num) from error


class _LastLine:
    """The lines of a file, of which the last one that was read can be looked at."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.text = ""

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.text = line
            yield line


def _wrong_number(path: str, line: int, num_cells: int, wanted: int, text: str, *, has_tabs: bool) -> ManifestError:
    """Point to the first cell that is too many, or to the end of the line where cells are missing."""
    problem = f"{num_cells} cells, where the header has {wanted}"
    text = text.rstrip("\r\n")
    starts = [0, *(one + 1 for one in _marks(text, has_tabs=has_tabs))]
    if len(starts) != num_cells:  # the row began on an earlier line, inside of quotes
        return ManifestError(path, problem, line=line)
    column = starts[wanted] + 1 if num_cells > wanted else len(text) + 1
    return ManifestError(path, problem, line=line, column=column, excerpt=excerpt(text, column))


def _marks(text: str, *, has_tabs: bool) -> Iterator[int]:
    """Where a line's cells are parted."""
    is_quoted = False
    for place, character in enumerate(text):
        is_quoted ^= character == '"' and not has_tabs
        if character == ("\t" if has_tabs else ",") and not is_quoted:
            yield place


def table_header(path: str, names: list[str]) -> list[str]:
    """The names of a table's columns, as they are. Raises ManifestError where they cannot be such names."""
    if len(names) == 1 and "\t" in names[0]:
        hint = f"its name ends in .tsv: mv {shlex.quote(path)} {shlex.quote(str(Path(path).with_suffix('.tsv')))}"
        raise ManifestError(path, "its cells are separated by tabs, and commas are expected", line=1, hint=hint)
    if len(names) == 1 and ";" in names[0]:
        hint = "write it with commas, or with tabs as .tsv"
        raise ManifestError(path, "its cells are separated by semicolons, and commas are expected", line=1, hint=hint)
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise ManifestError(path, f"two columns are called {doubled!r}", line=1)
    return names
