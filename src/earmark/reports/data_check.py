"""What looking at data comes to: a value, for people and as JSON. It is made by ``data_fold``; nothing is read here."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from earmark.errors import EXIT_TOO_MANY_FAILURES, EXIT_USAGE
from earmark.reports.data_problems import Problem

SCHEMA_VERSION = 1
MOST_LISTED = 100
"""Bad rows, characters and the like beyond these are counted, and not listed."""

Verdict = Literal["usable", "fails", "refused"]
"""Whether an evaluation of these data would run, would run with failed utterances, or would not begin."""

Rule = Literal["all", "sample", "none"]
"""Of which utterances the audio was decoded."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The least, the middle and the largest of some numbers."""

    min: float
    median: float
    max: float


@dataclass(frozen=True, slots=True)
class Bin:
    """How many utterances last at least ``from_s`` and less than ``to_s`` (None: any longer)."""

    from_s: float
    to_s: float | None
    num_utterances: int


@dataclass(frozen=True, slots=True)
class Share:
    """How many utterances have this value; None is for those that do not say."""

    value: str | int | None
    num_utterances: int


@dataclass(frozen=True, slots=True)
class Unexpected:
    """A character that was not expected: how often it occurs, and the utterance that has it first."""

    character: str
    name: str
    number: int
    first_id: str
    is_control: bool


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read. ``line`` and ``column`` count from 1; None where there is none."""

    path: str
    line: int | None
    column: int | None
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """The references. Characters are counted without spaces; rates are over utterances with text and a duration."""

    num_references: int
    num_words: int
    num_characters: int
    words_per_s: float | None
    characters_per_s: Spread | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Characters:
    """What the references are written in. ``unexpected`` are the most frequent ones of ``num_unexpected_kinds``."""

    script: str | None
    expected: str
    num_unexpected_kinds: int
    unexpected: tuple[Unexpected, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What was decoded: ``all``, a ``sample`` or ``none``. ``num_asked`` were to be, ``num_utterances`` could be."""

    rule: Rule
    num_asked: int
    num_utterances: int
    audio_s: float
    level_dbfs: Spread | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCheck:
    """Some data, looked at. ``audio_s`` is the sum of durations by the headers, or as stated where those do not say.

    ``speakers``, ``languages`` and the like are sorted by frequency. Where the source could not be read to its end,
    ``is_complete`` is False, and everything is about the utterances before.
    """

    data: str
    num_utterances: int
    is_complete: bool
    audio_s: float
    duration_s: Spread | None
    num_unknown_durations: int
    durations: tuple[Bin, ...]
    sample_rates_hz: tuple[Share, ...]
    num_channels: tuple[Share, ...]
    formats: tuple[Share, ...]
    languages: tuple[Share, ...]
    num_speakers: int
    speakers: tuple[Share, ...]
    references: References
    characters: Characters
    decoded: Decoded
    problems: tuple[Problem, ...]
    num_bad_rows: int
    bad_rows: tuple[BadRow, ...]

    @property
    def verdict(self) -> Verdict:
        """The gravest of what the problems do to an evaluation."""
        weights = {problem.weight for problem in self.problems}
        return "refused" if "refuses" in weights else "fails" if "fails" in weights else "usable"

    @property
    def exit_code(self) -> int:
        """That of an evaluation of the same data: 0, 2 where it would not begin, 3 where utterances would fail."""
        return {"usable": 0, "fails": EXIT_TOO_MANY_FAILURES, "refused": EXIT_USAGE}[self.verdict]

    def as_json(self) -> dict[str, Any]:
        """Everything, as JSON can hold it, in the order of the fields."""
        head = {"schema_version": SCHEMA_VERSION, "verdict": self.verdict}
        return {**head, **dataclasses.asdict(self)}
