"""How a row of a table becomes an utterance, once its columns are known. It reads no file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from earmark.errors import ManifestError
from earmark.formats.cells import as_channel, as_extra, as_seconds, as_text
from earmark.formats.chunks import CHUNK, PARENT
from earmark.formats.table_columns import Columns
from earmark.formats.transcript import Row
from earmark.records import AudioRef


class RowReader:
    """Makes a ``Row`` of each row of a table.

    ``keys`` are the systems of an object of texts, None where hypotheses are columns. Rows are numbered, or have ids,
    or the id "" where it is to be made of audio and times when all rows are read. With ``has_pieces`` a recording's
    parent is its id.
    """

    def __init__(
        self,
        path: str,
        columns: Columns,
        keys: tuple[str, ...] | None,
        *,
        by_number: bool,
        has_pieces: bool,
    ) -> None:
        self._path = path
        self._columns = columns
        self._used = columns.used | ({PARENT, CHUNK} if has_pieces else frozenset())
        self._texts = {name for name in (columns.id, columns.text, *columns.hypotheses) if name is not None}
        self._num_texts = len(self._texts)
        self._keys = keys
        self._known = frozenset(keys or ())
        self._by_number = by_number
        self._has_pieces = has_pieces
        self._number = 0
        self._bad_durations: list[int] = []

    def notes(self) -> Iterator[str]:
        """What was wrong with rows that were read all the same."""
        if self._bad_durations:
            yield (
                f"note: {self._path}: the durations of {len(self._bad_durations):,} rows are no seconds, and count as "
                f"unknown (first: line {self._bad_durations[0]:,})"
            )

    def row(self, numbered: tuple[int, Mapping[str, Any]]) -> Row:
        """Raises ManifestError, with the line, for a value that cannot be what it should."""
        line, row = numbered
        self._number += 1
        try:
            return self._row(line, row)
        except ValueError as error:
            raise ManifestError(self._path, str(error), line=line) from error

    def _row(self, line: int, row: Mapping[str, Any]) -> Row:
        if len(row) == self._num_texts and row.keys() == self._texts:  # the commonest table is only texts
            return Row(line, self._id(row, None), self._reference(row), hypotheses=self._hypotheses(row))
        columns = self._columns
        audio = AudioRef(
            (as_text(row, columns.audio) or "") if columns.audio is not None else "",
            as_seconds(row, columns.start),
            self._duration_s(line, row),
        )
        channel = as_channel(row, columns.channel)
        extra = {name: as_extra(value) for name, value in row.items() if name not in self._used}
        return Row(
            line,
            self._id(row, audio),
            self._reference(row),
            audio.uri,
            audio.start_s,
            audio.duration_s,
            channel,
            as_text(row, columns.language),
            as_text(row, columns.speaker),
            json.dumps(extra, ensure_ascii=False) if extra else None,
            hypotheses=self._hypotheses(row),
        )

    def _id(self, row: Mapping[str, Any], audio: AudioRef | None) -> str:
        if self._by_number:
            return str(self._number)
        parent = row.get(PARENT) if self._has_pieces else None
        if parent is not None:
            return str(parent)
        if self._columns.id is not None:
            utterance_id = as_text(row, self._columns.id)
            if not utterance_id:
                raise ValueError(f"no id in {self._columns.id!r}")
            return utterance_id
        if audio is None or not audio.uri:
            column = self._columns.audio
            raise ValueError(
                "no id, no audio path and no 'parent_id'"
                if column is None
                else f"no audio path in {column!r}, and no id"
            )
        return ""

    def _duration_s(self, line: int, row: Mapping[str, Any]) -> float | None:
        """None for what cannot be one: a score of texts does without."""
        try:
            return as_seconds(row, self._columns.duration)
        except ValueError:
            self._bad_durations.append(line)
            return None

    def _reference(self, row: Mapping[str, Any]) -> str | None:
        column = self._columns.text
        if column is None:
            return None
        text = row.get(column)
        if type(text) is str:
            return text
        try:
            return as_text(row, column)
        except ValueError:
            return None  # a list, say: the row has no reference, which is said with its number

    def _hypotheses(self, row: Mapping[str, Any]) -> tuple[str | None, ...]:
        columns = self._columns.hypotheses
        if self._keys is not None:
            return self._by_system(row, columns[0])
        if len(columns) == 1 and type(text := row.get(columns[0])) is str:
            return (text,)
        return tuple(as_text(row, column) for column in columns)

    def _by_system(self, row: Mapping[str, Any], column: str) -> tuple[str | None, ...]:
        value = row.get(column)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise ValueError(f"{column!r} is no object of texts by system")  # noqa: TRY004  # a row that says nothing
        if not self._columns.systems and not self._known >= value.keys():
            raise ValueError(f"the first row has no system {next(key for key in value if key not in self._known)!r}")
        return tuple(as_text(value, key) for key in self._keys or ())
