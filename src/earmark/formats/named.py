"""Tables with named columns, and JSON Lines: which column is the id, the reference, and each system's hypothesis.

Covers NeMo's manifests (``text``, ``pred_text`` or several ``pred_text_*``), the Open ASR leaderboard's result files
(the same, with the pieces of long recordings on lines of their own), an object ``hypotheses`` of texts by system, and
any CSV, TSV or Parquet table whose columns are named here or by the user.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from earmark.errors import ManifestError
from earmark.formats.cells import (
    as_channel,
    as_extra,
    as_seconds,
    as_text,
)
from earmark.formats.chunks import CHUNK, PARENT, joined
from earmark.formats.delimited import delimited_rows
from earmark.formats.ids import DerivedIds
from earmark.formats.jsonl import jsonl_rows
from earmark.formats.parquet import parquet_rows
from earmark.formats.plain_jsonl import is_plain_number, plain_columns
from earmark.formats.table_columns import NONE, Columns
from earmark.formats.transcript import ROWS, Row, Transcript, Wanted, gather
from earmark.records import AudioRef

NumberedRows = Iterator[tuple[int, dict[str, Any]]]


def read_jsonl(path: str, wanted: Wanted, system: str) -> Transcript:
    """Read JSON Lines, an utterance each. Raises ManifestError, or UsageError for a column that is not there."""
    return _read(path, jsonl_rows(path), wanted, system, is_jsonl=True)


def read_csv(path: str, wanted: Wanted, system: str, *, has_tabs: bool = False) -> Transcript:
    """Read a table with a header; an empty cell is an empty text. Raises ManifestError, or UsageError."""
    return _read(path, delimited_rows(path, has_tabs=has_tabs), wanted, system, empty="")


read_tsv: Callable[[str, Wanted, str], Transcript] = partial(read_csv, has_tabs=True)


def read_parquet(path: str, wanted: Wanted, system: str) -> Transcript:
    """Read a Parquet table. Raises ManifestError, or UsageError for a column that is not there."""
    return _read(path, parquet_rows(path), wanted, system)


def _read(
    path: str, numbered: NumberedRows, wanted: Wanted, system: str, *, empty: str | None = None, is_jsonl: bool = False
) -> Transcript:
    first = next(numbered, None)
    if first is None:
        raise ManifestError(path, "holds no utterance")
    columns = Columns.find(path, first[1], wanted)
    by_number = wanted.id_column == NONE or (columns.id is None and columns.audio is None)
    systems, is_object = _systems(path, first, columns, wanted, system)
    if is_jsonl and not is_object and first[1].keys() <= columns.used - {columns.channel, CHUNK}:
        quick = _quickly(path, columns, systems, by_number=by_number)
        if quick is not None:
            return quick
    rows: Iterable[tuple[int, dict[str, Any]]] = chain([first], numbered)
    if PARENT in first[1] and CHUNK in first[1] and columns.audio is not None:
        rows = joined(path, rows, columns.audio, columns.duration, columns.text, columns.hypotheses)
    reader = _RowReader(path, columns, systems if is_object else None, empty, by_number=by_number)
    transcript = gather(path, map(reader.row, rows), systems, is_keyed=not by_number)
    return replace(transcript, notes=tuple(reader.notes()))


def _systems(
    path: str, first: tuple[int, Mapping[str, Any]], columns: Columns, wanted: Wanted, system: str
) -> tuple[tuple[str, ...], bool]:
    """Name the systems, and say whether they are the keys of an object. A single column is named after the file."""
    line, row = first
    if len(columns.hypotheses) != 1:
        return columns.hypotheses, False
    value = row[columns.hypotheses[0]]
    if not isinstance(value, dict):
        return wanted.hyp_columns or (system,), False
    if not value:
        raise ManifestError(path, f"{columns.hypotheses[0]!r} names no system", line=line)
    return tuple(str(key) for key in value), True


def _quickly(path: str, columns: Columns, systems: tuple[str, ...], *, by_number: bool) -> Transcript | None:
    """The same without an object for each row; None where the file is not as plain as that takes."""
    texts = (columns.id, columns.audio, columns.text, *columns.hypotheses, columns.language, columns.speaker)
    kinds = {name: pa.string() for name in texts if name is not None}
    seconds = {name: pa.float64() for name in (columns.start, columns.duration) if name is not None}
    if kinds.keys() & seconds.keys():
        return None
    table = plain_columns(path, kinds | seconds)
    if table is None or not all(is_plain_number(table[name]) for name in seconds):
        return None

    def of(name: str | None, kind: pa.DataType) -> pa.ChunkedArray | pa.Array:
        return pa.nulls(len(table), kind) if name is None else table[name]

    text, number = pa.string(), pa.float64()
    audio = pc.fill_null(of(columns.audio, text), "")
    start_s, duration_s = of(columns.start, number), of(columns.duration, number)
    if by_number:
        ids = pc.cast(pa.array(range(1, len(table) + 1), pa.int64()), text)
    elif columns.id is not None:
        ids = table[columns.id]
    else:
        derived = DerivedIds()
        refs = map(AudioRef, audio.to_pylist(), start_s.to_pylist(), duration_s.to_pylist())
        ids = pa.array([derived.next(ref, None) if ref.uri else None for ref in refs], text)
    if ids.null_count or pc.any(pc.equal(ids, "")).as_py():
        return None
    facts = {
        "line": pa.array(range(1, len(table) + 1), pa.int64()),
        "id": ids,
        "reference": of(columns.text, text),
        "audio": audio,
        "start_s": start_s,
        "duration_s": duration_s,
        "language": of(columns.language, text),
        "speaker": of(columns.speaker, text),
    }
    arrays = [facts.get(field.name, pa.nulls(len(table), field.type)) for field in ROWS]
    hypotheses = dict(zip(systems, (table[name] for name in columns.hypotheses), strict=True))
    return Transcript(path, pa.Table.from_arrays(arrays, schema=ROWS), hypotheses, is_keyed=not by_number)


class _RowReader:
    """Makes a ``Row`` of each row of a table."""

    def __init__(
        self, path: str, columns: Columns, keys: tuple[str, ...] | None, empty: str | None, *, by_number: bool
    ) -> None:
        self._path = path
        self._columns = columns
        self._used = columns.used
        self._texts = {name for name in (columns.id, columns.text, *columns.hypotheses) if name is not None}
        self._num_texts = len(self._texts)
        self._keys = keys
        self._known = frozenset(keys or ())
        self._empty = empty
        self._by_number = by_number
        self._ids = DerivedIds()
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
            return Row(line, self._id(row, None, None), self._reference(row), hypotheses=self._hypotheses(row))
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
            self._id(row, audio, channel),
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

    def _id(self, row: Mapping[str, Any], audio: AudioRef | None, channel: int | None) -> str:
        if self._by_number:
            return str(self._number)
        if self._columns.id is not None:
            found = as_text(row, self._columns.id)
            if not found:
                raise ValueError(f"no id in {self._columns.id!r}")
            return found
        if audio is None or not audio.uri:
            raise ValueError(f"no audio path in {self._columns.audio!r}, and no id")
        return self._ids.next(audio, channel)

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
            text = as_text(row, column)
        except ValueError:
            return None  # a list, say: the row has no reference, which is said with its number
        return self._empty if text is None else text

    def _hypotheses(self, row: Mapping[str, Any]) -> tuple[str | None, ...]:
        columns = self._columns.hypotheses
        if self._keys is not None:
            return self._by_system(row, columns[0])
        if len(columns) == 1 and type(text := row.get(columns[0])) is str:
            return (text,)
        texts = (as_text(row, column) for column in columns)
        return tuple(self._empty if text is None else text for text in texts)

    def _by_system(self, row: Mapping[str, Any], column: str) -> tuple[str | None, ...]:
        value = row.get(column)
        if not isinstance(value, dict):
            raise ValueError(f"{column!r} is no object of texts by system")  # noqa: TRY004  # a row that says nothing
        if not self._known >= value.keys():
            raise ValueError(f"the first row has no system {next(key for key in value if key not in self._known)!r}")
        return tuple(as_text(value, key) for key in self._keys or ())
