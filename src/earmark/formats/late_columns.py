"""Columns that not every row has, as in JSON Lines: none that means something is passed over without a word.

Knows rows and the columns that were found, and no file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from earmark.errors import ManifestError
from earmark.formats.cells import AUDIO, CHANNEL, DURATION, LANGUAGE, SPEAKER, START
from earmark.formats.table_columns import HYPOTHESIS, ID, REFERENCE, Columns, is_meant
from earmark.formats.transcript import Wanted

Numbered = tuple[int, dict[str, Any]]


class LateColumnError(Exception):
    """A row has a column that could be one that is used, and the row in which the columns were found lacks it.

    Where hypotheses are taken from a column for want of any other, that is every column.
    """


def row_of_all(rows: Iterable[Numbered]) -> dict[str, Any]:
    """One row with the columns of all, in the order in which they come, each with its first value that is not null."""
    found: dict[str, Any] = {}
    for _, row in rows:
        for name, value in row.items():
            known = found.setdefault(name, value)
            if known is None:
                found[name] = value
            elif isinstance(known, dict) and isinstance(value, dict) and not known.keys() >= value.keys():
                found[name] = value | known
    return found


def checked(
    path: str, rows: Iterable[Numbered], columns: Columns, names: Iterable[str], wanted: Wanted
) -> Iterator[Numbered]:
    """Yield the rows as they are; ``names`` are those of the row in which the columns were found.

    Raises LateColumnError, and ManifestError for a row that calls by another name what the others have.
    """
    known = frozenset(names)
    roles = list(_roles(columns, wanted))
    seen: set[tuple[str, ...]] = set()
    for line, row in rows:
        layout = tuple(row)
        if layout not in seen:
            if any(name not in known and (columns.stand_in is not None or is_meant(name)) for name in layout):
                raise LateColumnError
            _check_names(path, line, row, roles)
            seen.add(layout)
        yield line, row


def _check_names(path: str, line: int, row: Mapping[str, Any], roles: Iterable[tuple[str, tuple[str, ...]]]) -> None:
    for column, names in roles:
        other = None if column in row else next((name for name in row if name.lower() in names), None)
        if other is not None:
            problem = f"it has no {column!r}, and its {other!r} may be the same"
            raise ManifestError(path, problem, line=line, hint=f"call it {column!r} in all rows")


def _roles(columns: Columns, wanted: Wanted) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each column that was found by name, with the names that another row could have for it."""
    by_name = [
        (columns.id if wanted.id_column is None else None, ID),
        (columns.text if wanted.text_column is None else None, REFERENCE),
        (columns.hypotheses[0] if len(columns.hypotheses) == 1 and not wanted.hyp_columns else None, HYPOTHESIS),
        (columns.audio, AUDIO),
        (columns.start, START),
        (columns.duration, DURATION),
        (columns.channel, CHANNEL),
        (columns.language, LANGUAGE),
        (columns.speaker, SPEAKER),
    ]
    for column, names in by_name:
        others = tuple(name for name in names if name not in columns.used)
        if column is not None and others:
            yield column, others
