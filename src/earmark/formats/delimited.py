"""Rows of CSV and TSV tables with a header.

CSV has quotes, and spaces after a comma do not count (SpeechBrain writes such). TSV has no quotes: Common Voice writes
sentences with single quotation marks in them as they are.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from earmark.errors import ManifestError
from earmark.formats.lines import excerpt, text_lines


def delimited_rows(path: str, *, has_tabs: bool, has_blank_rows: bool = False) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each row with the line that it ends on, from 1; an empty cell is None. Blank lines are skipped.

    With ``has_blank_rows`` a blank line below a header of one column is a row: its cell is empty. Raises ManifestError
    for a row with more or fewer cells than the header, with the place, and for two columns of one name.
    """
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
                header = _header(path, cells)
                continue
            if len(cells) != len(header):
                raise _wrong_number(path, reader.line_num, len(cells), len(header), lines.text, has_tabs=has_tabs)
            yield reader.line_num, {name: cell or None for name, cell in zip(header, cells, strict=True)}
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


def _header(path: str, names: list[str]) -> list[str]:
    if len(names) == 1 and ";" in names[0]:
        hint = "write it with commas, or with tabs as .tsv"
        raise ManifestError(path, "its cells are separated by semicolons, and commas are expected", line=1, hint=hint)
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise ManifestError(path, f"two columns are called {doubled!r}", line=1)
    return names
