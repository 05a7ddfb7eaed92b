"""Long recordings that the Open ASR leaderboard transcribes in pieces, a line each: ``parent_id`` and ``chunk_index``.

As its scorer does, the texts of a recording's pieces are joined in order and scored against the recording's reference,
which every piece carries. A piece that is missing is refused, where the leaderboard only warns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from earmark.errors import ManifestError
from earmark.formats.cells import as_text

PARENT, CHUNK = "parent_id", "chunk_index"

Numbered = tuple[int, dict[str, Any]]


def joined(
    path: str,
    rows: Iterable[Numbered],
    audio: str,
    duration: str | None,
    text: str | None,
    hypotheses: Sequence[str],
) -> Iterator[Numbered]:
    """Yield a row for each recording, in the order of their first pieces. Raises ManifestError for a missing piece."""
    recordings: dict[str | None, list[Numbered]] = {}
    for line, row in rows:
        recordings.setdefault(_parent(path, line, row), []).append((line, row))
    for parent, pieces in recordings.items():
        if parent is None:
            yield from pieces
            continue
        pieces.sort(key=lambda piece: _index(path, *piece))
        found = [row[CHUNK] for _, row in pieces]
        line, first = pieces[0]
        if found != list(range(len(pieces))):
            problem = f"the pieces of {parent!r} are {', '.join(map(str, found))}, and not 0 to {len(pieces) - 1}"
            raise ManifestError(path, problem, line=line)
        if text is not None and (other := next((one for one in pieces if one[1].get(text) != first.get(text)), None)):
            problem = f"the reference of a piece of {parent!r} is not that of its first piece, on line {line}"
            raise ManifestError(path, problem, line=other[0], hint="each piece has the whole recording's reference")
        yield line, _recording(parent, [row for _, row in pieces], first, audio, duration, text, hypotheses)


def _recording(
    parent: object,
    pieces: Sequence[dict[str, Any]],
    first: dict[str, Any],
    audio: str,
    duration: str | None,
    text: str | None,
    hypotheses: Sequence[str],
) -> dict[str, Any]:
    row: dict[str, Any] = {audio: parent}
    if text is not None:
        row[text] = first.get(text)
    for column in hypotheses:
        texts = [piece.get(column) for piece in pieces]
        row[column] = " ".join(one.strip() for one in texts if isinstance(one, str) and one.strip())
    lengths = [piece.get(duration) for piece in pieces] if duration is not None else []
    if duration is not None and all(isinstance(one, int | float) for one in lengths):
        row[duration] = sum(lengths)
    return row


def _parent(path: str, line: int, row: dict[str, Any]) -> str | None:
    try:
        return as_text(row, PARENT)
    except ValueError as error:
        raise ManifestError(path, str(error), line=line) from error


def _index(path: str, line: int, row: dict[str, Any]) -> int:
    if not isinstance(row.get(CHUNK), int):
        raise ManifestError(path, f"{CHUNK!r} is no number", line=line)
    return int(row[CHUNK])
