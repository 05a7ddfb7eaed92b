"""Which column of a manifest says what, and how its values become an utterance. It reads no file."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Self

from earmark.errors import ManifestError, MissingColumnError, UsageError, without_secret
from earmark.formats.cells import (
    AUDIO,
    CHANNEL,
    DURATION,
    END,
    ID,
    LANGUAGE,
    SPEAKER,
    START,
    TEXT,
    as_channel,
    as_extra,
    as_seconds,
    as_text,
    by_lower_case,
)
from earmark.formats.ids import DerivedIds
from earmark.records import AudioRef, Utterance
from earmark.sources.naming import AUDIO_SUFFIXES
from earmark.sources.urls import recorded_id

if TYPE_CHECKING:
    from earmark.sources.options import SourceOptions


_COMMON = frozenset((*AUDIO, *ID, *TEXT))
_IDS = "the ids"
_NO_TEXTS = {"the paths of the audio": AUDIO, _IDS: ID, "the starts": START, "the durations": DURATION}
_OF_A_TEXT = ("text", "sent", "trans")


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
        known = by_lower_case(names)

        def first(candidates: Iterable[str]) -> str | None:
            return next((known[name] for name in candidates if name in known), None)

        audio, start, end = first(AUDIO), first(START), first(END)
        if audio is None:
            raise ValueError(f"no audio path in any of {', '.join(AUDIO)}; the columns are {', '.join(names)}")
        if start and end and (end.lower() == "stop" or not first(DURATION)):
            raise ValueError(
                f"cannot tell the unit of {start!r} and {end!r}: give start and duration, in seconds, "
                "or say speechbrain:FILE, which counts samples"
            )
        return cls(audio, first(ID), text, start, first(DURATION), first(CHANNEL), first(LANGUAGE), first(SPEAKER))


def text_column(path: str, names: Iterable[str], options: SourceOptions) -> str | None:
    """Find the column of the references. Raises MissingColumnError where there is none and the user did not say so."""
    if not options.has_text:
        return None
    names = list(names)
    known = by_lower_case(names)
    column = options.text_column or next((known[name] for name in TEXT if name in known), None)
    if column is None or column not in names:
        raise no_text_column(path, names, options.text_column)
    refuse_no_text(path, column, names)
    return column


def no_text_column(path: str, names: Iterable[str], wanted: str | None) -> MissingColumnError:
    """That the references are in none of the columns ``names``, or that there is no column ``wanted``."""
    names = list(names)
    return MissingColumnError(
        path, "reference text", names, flag="--text-column", wanted=wanted, near=_likely_text(by_lower_case(names))
    )


def refuse_no_text(path: str, column: str, names: Iterable[str]) -> None:
    """Raise UsageError where a column that is named for the references is the one that holds something else."""
    known = by_lower_case(names)
    if role := _other_role(column, known):
        raise UsageError(
            f"--text-column {column} does not hold the references of {path}",
            cause=f"it holds {role}; the columns are {', '.join(known.values())}",
            hint=f"--text-column {shlex.quote(_likely_text(known) or 'NAME')}; none if there is no such text",
        )


def _other_role(column: str, known: Mapping[str, str]) -> str | None:
    """What the column holds where that is no text of what is said; None where it may be."""
    if column.lower().endswith("_id"):  # client_id and sentence_id of Common Voice are texts, too
        return _IDS
    for role, candidates in _NO_TEXTS.items():
        if column == next((known[name] for name in candidates if name in known), None):
            return role
    return None


def _likely_text(known: Mapping[str, str]) -> str | None:
    """The column that a hint proposes: the first of the leaderboard's order, or one that is called nearly so."""
    likely = (known[name] for name in TEXT if name in known)
    similar = (own for name, own in known.items() if any(part in name for part in _OF_A_TEXT))
    return next((name for name in (*likely, *similar) if _other_role(name, known) is None), None)


def _refuse_headless(path: str, names: tuple[str, ...]) -> None:
    """Raise UsageError for a table whose first line is a row: an audio file, and no name of a column that we know."""
    first = next((name for name in names if PurePath(name).suffix.lower() in AUDIO_SUFFIXES), None)
    suffix = PurePath(path).suffix.lower()
    if first is None or suffix not in (".csv", ".tsv") or _COMMON.intersection(map(str.lower, names)):
        return
    comma = " TAB " if suffix == ".tsv" else ","
    header = comma.join("audio" if name == first else "..." for name in names)
    raise UsageError(
        f"{path} has no header line",
        cause=f"its first line is a row ({first[:60]!r} is a file); the names of the columns go before it",
        hint=f"put this line first, with the other names for the dots (text, id, ...): {header}",
    )


def _refuse_silent(path: str, names: tuple[str, ...], options: SourceOptions) -> None:
    """Raise UsageError for a table without a column of audio: once, with all that its header lacks."""
    known = by_lower_case(names)
    if PurePath(path).suffix.lower() not in (".csv", ".tsv") or any(name in known for name in AUDIO):
        return
    has_text = not options.has_text or options.text_column in names or any(name in known for name in TEXT)
    lacks, hint = f"one of {', '.join(AUDIO)} must name the audio", "call the column of the paths 'audio'"
    if not has_text:
        lacks += f", and one of {', '.join(TEXT)} the reference text"
        hint += " and that of the texts 'text', or --text-column NAME"
    raise UsageError(
        f"no audio path{'' if has_text else ' and no reference text'} in {path}",
        cause=f"its columns are {', '.join(names)}; {lacks}",
        hint=hint,
    )


class RowReader:
    """Makes utterances of a manifest's rows, in their order.

    The first row tells the column of the references. The others may differ from row to row, as in JSON Lines they do.
    ``ids`` makes the ids of rows without one: rows that are read by column ask it in their turn.
    """

    def __init__(self, path: str, options: SourceOptions) -> None:
        self._path = path
        self._options = options
        self.ids = DerivedIds()
        self._text: str | None = None
        self._layouts: dict[tuple[str, ...], tuple[Columns, frozenset[str | None]]] = {}

    def utterance(self, line: int | None, row: Mapping[str, Any]) -> Utterance:
        """Make the utterance of one row. Raises MissingColumnError, or ManifestError with the line for a bad value."""
        try:
            return self._utterance(row, *self.layout(tuple(row)))
        except ValueError as error:
            raise ManifestError(self._path, str(error), line=line) from error

    def layout(self, names: tuple[str, ...]) -> tuple[Columns, frozenset[str | None]]:
        """Say what the columns of the next row or rows hold, and which of them hold something that we know.

        Raises MissingColumnError where the first row has no reference, and ValueError where a row has no audio.
        """
        if not self._layouts:
            _refuse_headless(self._path, names)
            _refuse_silent(self._path, names, self._options)
            self._text = text_column(self._path, names, self._options)
        if names not in self._layouts:
            columns = Columns.find(names, self._text)
            self._layouts[names] = columns, frozenset(astuple(columns))
        return self._layouts[names]

    def recorded(self, text: str, without: Callable[[str], str] = without_secret) -> str:
        """A path or an id as it may be recorded: a URL in it loses its secrets, unless somebody is to fetch it."""
        return text if self._options.keeps_urls else without(text)

    def _utterance(self, row: Mapping[str, Any], columns: Columns, used: frozenset[str | None]) -> Utterance:
        uri = as_text(row, columns.audio)
        if not uri:
            raise ValueError(f"no audio path in {columns.audio!r}")
        channel = as_channel(row, columns.channel)
        recorded = self.recorded(uri)
        audio = AudioRef(
            recorded,
            as_seconds(row, columns.start),
            as_seconds(row, columns.duration),
            self._options.channel if channel is None else channel,
        )
        if columns.id is not None:
            utterance_id = self.recorded(_own_id(row, columns.id), recorded_id)
        else:  # of two URLs that differ by what is not shown, too
            utterance_id = self.ids.next(replace(audio, uri=uri), channel)
            utterance_id = utterance_id if recorded == uri else recorded_id(utterance_id)
        return Utterance(
            utterance_id,
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
