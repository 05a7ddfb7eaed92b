"""A run's utterances as CSV, for a spreadsheet: texts, counts and confidences, without words and n best.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-``, ``@`` or a tab for a formula, and would run it
(CWE-1236, https://owasp.org/www-community/attacks/CSV_Injection). An apostrophe before it makes it a text; reading
takes it off.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

from earmark.errors import ManifestError
from earmark.formats.delimited import delimited_rows
from earmark.records import ScoredUtterance

_TEXTS = ("id", "status", "reason", "reference", "hypothesis", "reference_normalized", "hypothesis_normalized")
_COUNTS = ("hits", "substitutions", "deletions", "insertions")
_NUMBERS = ("confidence", "duration_s")
COLUMNS = (*_TEXTS, *_COUNTS, *_NUMBERS)

_FORMULA = re.compile(r"'*[=+\-@\t\r]")  # with the apostrophes that such a text may have of its own
_SCORED = "scored"


def write_scored_csv(utterances: Iterable[ScoredUtterance]) -> Iterator[bytes]:
    """Yield the header and a row an utterance, in UTF-8; what there is not is an empty cell."""
    yield _line(COLUMNS)
    for one in utterances:
        texts = [safe_cell(getattr(one, name) or "") for name in _TEXTS]
        yield _line([*texts, *(getattr(one, name) for name in (*_COUNTS, *_NUMBERS))])


def read_scored_csv(path: str) -> Iterator[ScoredUtterance]:
    """Read what ``write_scored_csv`` wrote. Raises ManifestError with the line.

    An empty cell with a text of a scored utterance is an empty text; every other one is nothing.
    """
    for number, row in delimited_rows(path, has_tabs=False):
        try:
            yield _utterance(row)
        except (KeyError, TypeError, ValueError) as error:
            raise ManifestError(path, "not an utterance of an exported run", line=number) from error


def _utterance(row: dict[str, str | None]) -> ScoredUtterance:
    empty = "" if row["status"] == _SCORED else None
    fields: dict[str, Any] = {name: empty if row[name] is None else _plain(row[name]) for name in _TEXTS}
    fields |= {name: None if (cell := row[name]) is None else int(cell) for name in _COUNTS}
    fields |= {name: None if (cell := row[name]) is None else float(cell) for name in _NUMBERS}
    return ScoredUtterance(**{**fields, "reason": fields["reason"] or None})


def safe_cell(text: str) -> str:
    """The text as a cell that no spreadsheet runs."""
    return f"'{text}" if _FORMULA.match(text) else text


def _plain(cell: str | None) -> str | None:
    return cell[1:] if cell and cell[0] == "'" and _FORMULA.match(cell) else cell


def _line(cells: Iterable[object]) -> bytes:
    row = io.StringIO()
    csv.writer(row, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC).writerow(cells)
    return row.getvalue().encode()
