"""Which column of a manifest says what, and how its values become an utterance. It reads no file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Self

from earmark.errors import ManifestError, MissingColumnError
from earmark.records import AudioRef, ExtraValue, Utterance
from earmark.sources.ids import DerivedIds

if TYPE_CHECKING:
    from earmark.sources.options import SourceOptions

# The names that manifests of the field use, the likeliest first: ours, NeMo's, SpeechBrain's, Common Voice's. Upper
# and lower case are one.
AUDIO = ("audio", "audio_filepath", "wav", "path")
ID = ("id",)
TEXT = ("text", "reference", "sentence", "normalized_text", "transcript", "transcription", "wrd")
START = ("start", "offset")
END = ("stop", "end")
DURATION = ("duration",)
CHANNEL = ("channel",)
LANGUAGE = ("language", "lang", "locale")
SPEAKER = ("speaker", "spk_id", "speaker_id", "client_id")


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of a manifest's columns by what they hold; None where there is no such column."""

    audio: str
    id: str | None
    text: str | None
    start: str | None
    duration: str | None
    channel: str | None
    language: str | None
    speaker: str | None

    @classmethod
    def find(cls, names: Iterable[str], text: str | None) -> Self:
        """Find the columns among ``names``; ``text`` is known already.

        Raises ValueError without audio, and for a start with a stop: SpeechBrain counts both in samples, others in
        seconds.
        """
        known = _by_lower_case(names)

        def first(candidates: Iterable[str]) -> str | None:
            return next((known[name] for name in candidates if name in known), None)

        audio, start, end = first(AUDIO), first(START), first(END)
        if audio is None:
            raise ValueError(f"no audio path in any of {', '.join(AUDIO)}; the columns are {', '.join(names)}")
        if start and end and (end.lower() == "stop" or not first(DURATION)):
            raise ValueError(f"cannot tell the unit of {start!r} and {end!r}: give start and duration, in seconds")
        return cls(audio, first(ID), text, start, first(DURATION), first(CHANNEL), first(LANGUAGE), first(SPEAKER))


def _by_lower_case(names: Iterable[str]) -> dict[str, str]:
    known: dict[str, str] = {}
    for name in names:
        known.setdefault(name.lower(), name)
    return known


def text_column(path: str, names: Iterable[str], options: SourceOptions) -> str | None:
    """Find the column of the references. Raises MissingColumnError where there is none and the user did not say so."""
    if not options.has_text:
        return None
    names = list(names)
    known = _by_lower_case(names)
    column = options.text_column or next((known[name] for name in TEXT if name in known), None)
    if column is None or column not in names:
        raise MissingColumnError(path, "reference text", names, flag="--text-column")
    return column


class RowReader:
    """Makes utterances of a manifest's rows, in their order.

    The first row tells the column of the references. The others may differ from row to row, as in JSON Lines they do.
    """

    def __init__(self, path: str, options: SourceOptions) -> None:
        self._path = path
        self._options = options
        self._ids = DerivedIds()
        self._text: str | None = None
        self._layouts: dict[tuple[str, ...], tuple[Columns, frozenset[str | None]]] = {}

    def utterance(self, line: int, row: Mapping[str, Any]) -> Utterance:
        """Make the utterance of one row. Raises MissingColumnError, or ManifestError with the line for a bad value."""
        if not self._layouts:
            self._text = text_column(self._path, row, self._options)
        try:
            return self._utterance(row, *self._layout(tuple(row)))
        except ValueError as error:
            raise ManifestError(self._path, str(error), line=line) from error

    def _layout(self, names: tuple[str, ...]) -> tuple[Columns, frozenset[str | None]]:
        if names not in self._layouts:
            columns = Columns.find(names, self._text)
            self._layouts[names] = columns, frozenset(astuple(columns))
        return self._layouts[names]

    def _utterance(self, row: Mapping[str, Any], columns: Columns, used: frozenset[str | None]) -> Utterance:
        uri = as_text(row, columns.audio)
        if not uri:
            raise ValueError(f"no audio path in {columns.audio!r}")
        channel = as_channel(row, columns.channel)
        audio = AudioRef(
            uri,
            as_seconds(row, columns.start),
            as_seconds(row, columns.duration),
            self._options.channel if channel is None else channel,
        )
        return Utterance(
            self._ids.next(audio, channel) if columns.id is None else _own_id(row, columns.id),
            audio,
            as_text(row, columns.text),
            as_text(row, columns.language) or self._options.language,
            as_text(row, columns.speaker),
            {name: as_extra(value) for name, value in row.items() if name not in used},
        )


def _own_id(row: Mapping[str, Any], column: str) -> str:
    utterance_id = as_text(row, column)
    if not utterance_id:
        raise ValueError(f"no id in {column!r}")
    return utterance_id


def as_text(row: Mapping[str, Any], column: str | None) -> str | None:
    """Read the text in a column; a number becomes the text that Python prints, and NaN (pandas' null) is none.

    Raises ValueError for anything else.
    """
    value = row.get(column) if column is not None else None
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"{column!r} holds {_kind(value)}, where text is expected")


def as_seconds(row: Mapping[str, Any], column: str | None) -> float | None:
    """Read the seconds in a column, a number or its text. Raises ValueError for less than 0, NaN and anything else."""
    value = row.get(column) if column is not None else None
    if value is None or value == "":
        return None
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        seconds = _number(value)
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    raise ValueError(f"{column!r} holds {_shown(value)}, where seconds are expected")


def as_channel(row: Mapping[str, Any], column: str | None) -> int | None:
    """Read the number of a channel, from 0. Raises ValueError for anything else."""
    seconds = as_seconds(row, column)
    if seconds is not None and not seconds.is_integer():
        raise ValueError(f"{column!r} holds {seconds:g}, where a channel (0, 1, ...) is expected")
    return None if seconds is None else int(seconds)


def as_extra(value: Any) -> ExtraValue:  # noqa: ANN401  # another tool's column may hold anything
    """Keep a column that means nothing to us: scalars as they are, nested values as JSON text, others as text."""
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)


def _number(value: str | float) -> float:
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


def _shown(value: object) -> str:
    return repr(value)[:50] if isinstance(value, str | int | float) else _kind(value)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", bool: "true or false", bytes: "bytes"}
    return names.get(type(value), f"a {type(value).__name__}")
