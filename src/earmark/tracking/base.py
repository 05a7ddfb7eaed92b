"""What a tracker must do, and the values that it is given. Knows no tracker by name, and no thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Value = str | int | float | bool | None
Outcome = Literal["finished", "interrupted", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCard:
    """What a tracker is told first.

    ``name`` is what people call the run. ``identity`` can never change of a run's folder: the fields of its spec.
    ``kept_id`` is what ``Tracker.begin`` gave when it was told of this run before, None where it never was.
    """

    name: str
    identity: Mapping[str, Value]
    kept_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Numbers at one moment of a run. ``step`` is the number of utterances done, ``unix_ms`` the time since 1970."""

    step: int
    unix_ms: int
    numbers: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of cells, each row as long as ``columns``."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run came to: empty but for the outcome where there is no summary. ``facts`` are what it was made with."""

    outcome: Outcome
    numbers: Mapping[str, float]
    facts: Mapping[str, str]
    tables: tuple[Table, ...]


class Tracker(Protocol):
    """One run in one tracker, from one thread, in this order: load, begin, log any number of times, finish.

    Each may raise anything, and may never return. A point, and a result, that is given twice must count once.
    """

    def load(self) -> None:
        """Import the package, and make ready what is on this machine. Speaks to no network."""
        ...

    def begin(self, card: RunCard) -> str:
        """Open the run, or go on with the one that ``card.kept_id`` names, and give its id."""
        ...

    @property
    def place(self) -> str | None:
        """Where a person finds the run, once it has begun, without a secret; None where there is nothing to open."""
        ...

    def log(self, points: Sequence[Point]) -> None:
        """Add points, in the order of their steps."""
        ...

    def finish(self, result: Result) -> None:
        """Put in what the run came to, over what was there before, and close it."""
        ...
