"""The engine that somebody asks for, with its workers: the same in every verb that has work to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from earmark.engines import ENGINES
from earmark.records import Engine

EngineName = Literal["auto", "inline", "processes"]


@dataclass(frozen=True, slots=True)
class Workforce:
    """An engine, what it is called, and its number of workers."""

    engine: Engine
    name: str
    num_workers: int

    @classmethod
    def of(cls, name: EngineName, num_workers: int) -> Workforce:
        """The engine called ``name``; ``auto`` works in this process where there is one worker. Raises UsageError."""
        chosen = ("inline" if num_workers == 1 else "processes") if name == "auto" else name
        return cls(ENGINES.load(chosen)(num_workers), chosen, num_workers)
