"""Tables with named columns, and JSON Lines: which column is the id, the reference, and each system's hypothesis.

Covers NeMo's manifests (``text``, ``pred_text`` or several ``pred_text_*``), the Open ASR leaderboard's result files
(the same, with the pieces of long recordings on lines of their own), an object ``hypotheses`` of texts by system, and
any CSV, TSV or Parquet table whose columns are named here or by the user.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, repeat
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from earmark.errors import ManifestError, UsageError
from earmark.formats.chunks import CHUNK, PARENT, joined
from earmark.formats.delimited import delimited_rows
from earmark.formats.ids import ids_of_all
from earmark.formats.jsonl import jsonl_rows
from earmark.formats.late_columns import LateColumnError, checked, row_of_all
from earmark.formats.parquet import parquet_rows
from earmark.formats.plain_jsonl import is_plain_number, plain_columns
from earmark.formats.table_columns import NONE, SEVERAL, Columns, hypothesis_names
from earmark.formats.table_rows import RowReader
from earmark.formats.transcript import ROWS, Transcript, Wanted, gather

_STATUS, _NOT_SCORED = "status", ("failed", "skipped")  # as in the CSV of an exported run

NumberedRows = Iterator[tuple[int, dict[str, Any]]]


def read_jsonl(path: str, wanted: Wanted, system: str) -> Transcript:
    """Read JSON Lines, an utterance each. Raises ManifestError, or UsageError for a column that is not there.

    A column may be in some rows only: where it is not, it is null.
    """
    first = _first(path, jsonl_rows(path))
    row = first[1] if _has_all(path, first[1], wanted) else row_of_all(jsonl_rows(path))
    try:
        return _read_jsonl(path, _Table.of(path, (first[0], row), wanted, system))
    except LateColumnError:
        row = row_of_all(jsonl_rows(path))
        return _read_jsonl(path, _Table.of(path, (first[0], row), wanted, system))


def read_csv(path: str, wanted: Wanted, system: str, *, has_tabs: bool = False) -> Transcript:
    """Read a table with a header; an empty cell is an empty text. Raises ManifestError, or UsageError.

    In a row whose ``status`` says that it failed or was skipped, as in an exported run, it is no text.
    """
    rows = delimited_rows(path, has_tabs=has_tabs, has_blank_rows=True)
    first = _first(path, rows)
    table = _Table.of(path, first, wanted, system)
    return _read(path, _with_empty_texts(chain([first], rows), table.columns), table)


read_tsv: Callable[[str, Wanted, str], Transcript] = partial(read_csv, has_tabs=True)


def read_parquet(path: str, wanted: Wanted, system: str) -> Transcript:
    """Read a Parquet table. Raises ManifestError, or UsageError for a column that is not there."""
    rows = parquet_rows(path)
    first = _first(path, rows)
    return _read(path, chain([first], rows), _Table.of(path, first, wanted, system))


def _first(path: str, rows: NumberedRows) -> tuple[int, dict[str, Any]]:
    first = next(rows, None)
    if first is None:
        raise ManifestError(path, "holds no utterance")
    return first


def _has_all(path: str, row: Mapping[str, Any], wanted: Wanted) -> bool:
    """Whether a first row has what is needed, and says whether its hypotheses are an object."""
    try:
        columns = Columns.find(path, row, wanted)
    except UsageError:
        return False
    return not any(row[column] is None for column in columns.hypotheses if column.lower() == SEVERAL)


@dataclass(frozen=True, slots=True)
class _Table:
    """What is known of a table before its rows are read: ``names`` are those of all columns that were looked at."""

    names: tuple[str, ...]
    columns: Columns
    wanted: Wanted
    systems: tuple[str, ...]
    has_object: bool
    has_pieces: bool

    @classmethod
    def of(cls, path: str, first: tuple[int, Mapping[str, Any]], wanted: Wanted, system: str) -> _Table:
        """Find the columns in a row that has all. Raises UsageError, ManifestError for an object without systems."""
        row = first[1]
        columns = Columns.find(path, row, wanted)
        systems, has_object = _systems(path, first, columns, wanted, system)
        return cls(tuple(row), columns, wanted, systems, has_object, PARENT in row and CHUNK in row)

    @property
    def by_number(self) -> bool:
        """Whether rows have no ids but their numbers."""
        has_ids = self.columns.id is not None or self.columns.audio is not None or self.has_pieces
        return self.wanted.id_column == NONE or not has_ids

    def named(self, transcript: Transcript, notes: Iterable[str] = ()) -> Transcript:
        """Say of what was read where its hypotheses are from, and what else could be."""
        column = self.columns.stand_in
        from_there = f"note: hypotheses of {transcript.path} are its column {column!r}"
        notes = [*notes, *([] if column is None else [from_there])]
        predicted = hypothesis_names(self.names) if self.wanted.role == "reference" else ()
        return replace(transcript, notes=tuple(notes), stand_in=column, predicted=predicted)


def _read_jsonl(path: str, table: _Table) -> Transcript:
    if not table.has_object and set(table.names) <= table.columns.used - {table.columns.channel, CHUNK}:
        quick = _quickly(path, table.columns, table.systems, by_number=table.by_number)
        if quick is not None:
            return table.named(quick)
    return _read(path, checked(path, jsonl_rows(path), table.columns, table.names, table.wanted), table)


def _with_empty_texts(rows: Iterable[tuple[int, dict[str, Any]]], columns: Columns) -> NumberedRows:
    """Fill the empty cells of texts, but those of utterances that were not scored: nobody knows what these say."""
    texts = [name for name in (columns.text, *columns.hypotheses) if name is not None]
    for line, row in rows:
        if row.get(_STATUS) not in _NOT_SCORED:
            row.update((name, "") for name in texts if row[name] is None)
        yield line, row


def _read(path: str, rows: Iterable[tuple[int, dict[str, Any]]], table: _Table) -> Transcript:
    columns, systems, by_number = table.columns, table.systems, table.by_number
    if table.has_pieces:
        rows = joined(path, rows, columns)
    keys = systems if table.has_object else None
    reader = RowReader(path, columns, keys, by_number=by_number, has_pieces=table.has_pieces)
    transcript = gather(path, map(reader.row, rows), systems, is_keyed=not by_number)
    if not by_number and columns.id is None:
        transcript = replace(transcript, rows=_with_derived_ids(transcript.rows))
    return table.named(transcript, reader.notes())


def _with_derived_ids(rows: pa.Table) -> pa.Table:
    """Fill the ids that are empty: those of the rows that have none of their own."""
    columns = (rows[name].to_pylist() for name in ("audio", "start_s", "duration_s", "channel"))
    has_none = pc.equal(rows["id"], "")
    derived = pa.array(ids_of_all(zip(*columns, strict=True)), pa.string())
    return rows.set_column(rows.schema.get_field_index("id"), "id", pc.if_else(has_none, derived, rows["id"]))


def _systems(
    path: str, first: tuple[int, Mapping[str, Any]], columns: Columns, wanted: Wanted, system: str
) -> tuple[tuple[str, ...], bool]:
    """Name the systems, and say whether they are the keys of an object. A single column is named after the file."""
    line, row = first
    if len(columns.hypotheses) != 1 or columns.systems:
        return columns.systems or columns.hypotheses, bool(columns.systems)
    value = row[columns.hypotheses[0]]
    if not isinstance(value, dict):
        return wanted.hyp_columns or (system,), False
    if not value:
        raise ManifestError(path, f"{columns.hypotheses[0]!r} names no system", line=line)
    return tuple(str(key) for key in value), True


def _quickly(path: str, columns: Columns, systems: tuple[str, ...], *, by_number: bool) -> Transcript | None:
    """The same without an object for each row; None where the file is not as plain as that takes."""
    table = _plain_table(path, columns)
    ids = None if table is None else _plain_ids(table, columns, by_number=by_number)
    if table is None or ids is None or ids.null_count or pc.any(pc.equal(ids, "")).as_py():
        return None
    facts = {
        "line": _numbers(table),
        "id": ids,
        "reference": _column(table, columns.text, pa.string()),
        "audio": pc.fill_null(_column(table, columns.audio, pa.string()), ""),
        "start_s": _column(table, columns.start, pa.float64()),
        "duration_s": _column(table, columns.duration, pa.float64()),
        "language": _column(table, columns.language, pa.string()),
        "speaker": _column(table, columns.speaker, pa.string()),
    }
    arrays = [facts.get(field.name, pa.nulls(len(table), field.type)) for field in ROWS]
    hypotheses = dict(zip(systems, (table[name] for name in columns.hypotheses), strict=True))
    return Transcript(path, pa.Table.from_arrays(arrays, schema=ROWS), hypotheses, is_keyed=not by_number)


def _plain_table(path: str, columns: Columns) -> pa.Table | None:
    """The columns that are known, as texts and seconds; None where they are not that in every row."""
    texts = (columns.id, columns.audio, columns.text, *columns.hypotheses, columns.language, columns.speaker)
    kinds = {name: pa.string() for name in texts if name is not None}
    seconds = {name: pa.float64() for name in (columns.start, columns.duration) if name is not None}
    if kinds.keys() & seconds.keys():
        return None
    table = plain_columns(path, kinds | seconds)
    is_plain = table is not None and all(is_plain_number(table[name]) for name in seconds)
    return table if is_plain else None


def _plain_ids(table: pa.Table, columns: Columns, *, by_number: bool) -> pa.Array | pa.ChunkedArray | None:
    """Each row's id: its number, its own, or the one made of its audio; None where a row has no audio to make it of."""
    if by_number:
        return pc.cast(_numbers(table), pa.string())
    if columns.id is not None:
        return table[columns.id]
    if columns.audio is None:
        return None
    uris = table[columns.audio].to_pylist()
    start_s, duration_s = (_column(table, name, pa.float64()) for name in (columns.start, columns.duration))
    pieces = zip(uris, start_s.to_pylist(), duration_s.to_pylist(), repeat(None))
    return pa.array(ids_of_all(pieces), pa.string()) if all(uris) else None


def _column(table: pa.Table, name: str | None, kind: pa.DataType) -> pa.ChunkedArray | pa.Array:
    return pa.nulls(len(table), kind) if name is None else table[name]


def _numbers(table: pa.Table) -> pa.Array:
    return pa.array(range(1, len(table) + 1), pa.int64())
