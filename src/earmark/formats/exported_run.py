"""What a writer is given: the utterances of a run in the order of the data, and what is known of the run as a whole.

It reads nothing and counts nothing: who makes it, fills it in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from earmark.records import ScoredUtterance

Operation = tuple[str, str, str]
"""A letter, what was said and what was heard: ``=`` hit, ``S``, ``D``, ``I``; ``J`` or ``P`` for a forgiven merge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one worker did. ``wer`` is in per cent, None without references; the times are in seconds."""

    num_samples: int
    wer: float | None
    rtfx: float | None
    total_time: float
    total_audio_length: float


@dataclass(frozen=True, slots=True)
class ExportedRun:
    """Iterating gives the utterances, once.

    ``summary`` has the facts of summary.json, and ``num_not_done``: how many utterances are not transcribed yet.
    ``operations`` gives those of a scored utterance's alignment, and ``diff`` the same as a line. ``requests`` makes
    what each worker did, by its rank, and ``speechbrain`` the counts under SpeechBrain's names.
    """

    utterances: Iterable[ScoredUtterance]
    summary: Mapping[str, Any] = field(default_factory=dict)
    operations: Callable[[ScoredUtterance], Iterable[Operation]] = lambda _: ()
    diff: Callable[[ScoredUtterance], str] = lambda _: ""
    requests: Callable[[], Mapping[int, Request]] = dict
    speechbrain: Callable[[], Mapping[str, float | int | None]] = dict
    left_out: Counter[str] = field(default_factory=Counter)
    """How many utterances of each status a writer had no use for, as far as it has come."""

    def __iter__(self) -> Iterator[ScoredUtterance]:
        return iter(self.utterances)

    @property
    def model(self) -> str:
        """Where the model came from, or the recognizer's name."""
        return str(self.summary.get("model_place") or self.summary.get("model") or "model")

    @property
    def data(self) -> str:
        """What the user calls the data."""
        return str(self.summary.get("data") or "data")

    def heard(self) -> Iterator[ScoredUtterance]:
        """The utterances that have a hypothesis, with a reference or without."""
        return self._with(lambda one: one.hypothesis is not None)

    def scored(self) -> Iterator[ScoredUtterance]:
        """The utterances that count."""
        return self._with(lambda one: one.status == "scored")

    def _with(self, is_wanted: Callable[[ScoredUtterance], bool]) -> Iterator[ScoredUtterance]:
        for one in self:
            if is_wanted(one):
                yield one
            else:
                self.left_out[one.status] += 1
