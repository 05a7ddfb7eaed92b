"""Long recordings that the Open ASR leaderboard transcribes in pieces, a line each: ``parent_id`` and ``chunk_index``.

As its scorer does, the texts of a recording's pieces are joined in order and scored against the recording's reference,
which every piece carries. A piece that is missing is refused, where the leaderboard only warns; one without a
hypothesis leaves the recording without. Knows rows and which columns hold what, and reads no file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from earmark.errors import ManifestError
from earmark.formats.cells import as_channel, as_seconds, as_text

PARENT, CHUNK = "parent_id", "chunk_index"

Numbered = tuple[int, dict[str, Any]]


class ColumnsOfPieces(Protocol):
    """The names of the columns that pieces do not simply agree in; None where there is none."""

    @property
    def id(self) -> str | None: ...
    @property
    def audio(self) -> str | None: ...
    @property
    def text(self) -> str | None: ...
    @property
    def hypotheses(self) -> tuple[str, ...]: ...
    @property
    def start(self) -> str | None: ...
    @property
    def duration(self) -> str | None: ...


def joined(path: str, rows: Iterable[Numbered], columns: ColumnsOfPieces) -> Iterator[Numbered]:
    """Yield a row for each recording in the place of its first piece, and rows of no recording as they are.

    A recording's row has ``parent_id``, which is its id, and the columns in which all its pieces agree. ``empty`` is
    what a cell without a text stands for. Raises ManifestError, with the line, for a missing piece and for a value that
    cannot be what it should.
    """
    recordings: dict[str | int, list[Numbered]] = {}
    for number, (line, row) in enumerate(rows):
        parent = _parent(path, line, row)
        recordings.setdefault(number if parent is None else parent, []).append((line, row))
    for key, pieces in recordings.items():
        if isinstance(key, int):
            yield from pieces
            continue
        _sort(path, key, pieces)
        if columns.text is not None:
            _check_references(path, key, pieces, columns.text)
        yield pieces[0][0], _recording(path, key, pieces, columns)


def _sort(path: str, parent: str, pieces: list[Numbered]) -> None:
    """Put the pieces into their order. Raises ManifestError unless all are there."""
    pieces.sort(key=lambda piece: _index(path, *piece))
    found = [_index(path, *piece) for piece in pieces]
    if found != list(range(len(pieces))):
        problem = f"the pieces of {parent!r} are {', '.join(map(str, found))}, and not 0 to {len(pieces) - 1}"
        raise ManifestError(path, problem, line=pieces[0][0])


def _check_references(path: str, parent: str, pieces: Sequence[Numbered], text: str) -> None:
    """Raise ManifestError where the pieces do not all carry one reference."""
    first_line, first = pieces[0]
    for line, row in pieces:
        if not _is_same(row.get(text), first.get(text)):
            problem = f"the reference of a piece of {parent!r} is not that of its first piece, on line {first_line}"
            raise ManifestError(path, problem, line=line, hint="each piece has the whole recording's reference")


def _recording(path: str, parent: str, pieces: Sequence[Numbered], columns: ColumnsOfPieces) -> dict[str, Any]:
    rows = [row for _, row in pieces]
    own = {CHUNK, columns.id, columns.audio, columns.start, columns.duration, *columns.hypotheses}
    recording = {
        name: value
        for name, value in rows[0].items()
        if name not in own and all(name in row and _is_same(row[name], value) for row in rows)
    }
    recording[PARENT] = parent
    if columns.audio is not None:
        recording[columns.audio] = parent
    for column in columns.hypotheses:
        recording[column] = _hypothesis(path, pieces, column)
    if columns.duration is not None:
        recording[columns.duration] = _duration_s(rows, columns.duration)
    return recording


def _hypothesis(path: str, pieces: Sequence[Numbered], column: str) -> object:
    """What was heard in the recording: a text, or an object of texts by system."""
    values = [row.get(column) for _, row in pieces]
    if not any(isinstance(value, dict) for value in values):
        return _text(path, pieces, column)
    systems = dict.fromkeys(key for value in values if isinstance(value, dict) for key in value)
    inside = [(line, _inside(path, line, row, column)) for line, row in pieces]
    return {system: _text(path, inside, system) for system in systems}


def _inside(path: str, line: int, row: Mapping[str, Any], column: str) -> dict[str, Any]:
    value = row.get(column)
    if value is not None and not isinstance(value, dict):
        raise ManifestError(path, f"{column!r} is no object of texts by system", line=line)
    return value or {}


def _text(path: str, pieces: Sequence[Numbered], column: str) -> str | None:
    """The texts of all pieces; None where one has none, as what was heard there is not known."""
    texts: list[str] = []
    for line, row in pieces:
        try:
            text = as_text(row, column)
        except ValueError as error:
            raise ManifestError(path, str(error), line=line) from error
        if text is None:
            return None
        texts.append(text.strip())
    return " ".join(filter(None, texts))


def _duration_s(rows: Sequence[Mapping[str, Any]], column: str) -> object:
    """The sum; None where one is not known, and what is no duration as it is, so that the reader says so."""
    lengths = []
    for row in rows:
        try:
            lengths.append(as_seconds(row, column))
        except ValueError:
            return row[column]
    known = [length for length in lengths if length is not None]
    return sum(known) if len(known) == len(lengths) else None


def _is_same(one: object, other: object) -> bool:
    """Also of NaN and NaN, and not of 1 and True."""
    return repr(one) == repr(other)


def _parent(path: str, line: int, row: Mapping[str, Any]) -> str | None:
    try:
        return as_text(row, PARENT) or None
    except ValueError as error:
        raise ManifestError(path, str(error), line=line) from error


def _index(path: str, line: int, row: Mapping[str, Any]) -> int:
    try:
        index = as_channel(row, CHUNK)
    except ValueError:
        index = None
    if index is None:
        raise ManifestError(path, f"{CHUNK!r} is no number", line=line)
    return index
