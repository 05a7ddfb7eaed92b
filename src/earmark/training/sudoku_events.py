"""What a training tells its caller while it goes on. Values alone; knows no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingProgressed:
    """A step was made. ``loss`` is its own; ``work_s`` seconds went into the training so far, in all attempts."""

    step: int
    num_steps: int | None
    loss: float
    work_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotKept:
    """``step_<step>`` is in the folder: ``num_exact`` of ``num_puzzles`` test puzzles were right in every cell."""

    step: int
    num_exact: int
    num_puzzles: int
    work_s: float


TrainingEvent = TrainingProgressed | SnapshotKept
Tell = Callable[[TrainingEvent], None]
