"""Rows of CSV and TSV tables with a header.

CSV has quotes, and spaces after a comma do not count (SpeechBrain writes such). TSV has no quotes: Common Voice writes
sentences with single quotation marks in them as they are.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from earmark.errors import ManifestError
from earmark.formats.lines import text_lines


def delimited_rows(path: str, *, has_tabs: bool) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each row with the line that it ends on, from 1; an empty cell is None. Blank lines are skipped.

    Raises ManifestError for a row with more or fewer cells than the header, and for two columns of one name.
    """
    lines = text_lines(path)
    if has_tabs:
        reader = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(lines, skipinitialspace=True, strict=True)
    header: list[str] = []
    try:
        for cells in reader:
            if not cells:
                continue
            if not header:
                header = _header(path, cells)
                continue
            if len(cells) != len(header):
                problem = f"{len(cells)} cells, where the header has {len(header)}"
                raise ManifestError(path, problem, line=reader.line_num)
            yield reader.line_num, {name: cell or None for name, cell in zip(header, cells, strict=True)}
    except csv.Error as error:
        raise ManifestError(path, f"not a table: {error}", line=reader.line_num) from error


def _header(path: str, names: list[str]) -> list[str]:
    if len(names) == 1 and ";" in names[0]:
        hint = "write it with commas, or with tabs as .tsv"
        raise ManifestError(path, "its cells are separated by semicolons, and commas are expected", line=1, hint=hint)
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise ManifestError(path, f"two columns are called {doubled!r}", line=1)
    return names
