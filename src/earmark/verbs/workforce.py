"""The engine that somebody asks for, with its workers: the same in every verb that has work to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from earmark.engines import ENGINES
from earmark.engines.options import EngineOptions
from earmark.records import Engine

EngineName = Literal["auto", "inline", "processes", "torchrun", "ray", "modal"]


@dataclass(frozen=True, slots=True)
class Workforce:
    """An engine, what it is called, and what was asked of it."""

    engine: Engine
    name: str
    options: EngineOptions

    @classmethod
    def of(cls, name: EngineName, options: EngineOptions) -> Workforce:
        """The engine called ``name``; ``auto`` works in this process where there is one worker. Raises UsageError."""
        chosen = ("inline" if options.num_workers == 1 else "processes") if name == "auto" else name
        return cls(ENGINES.load(chosen)(options), chosen, options)

    @property
    def num_workers(self) -> int:
        """How many work at once."""
        return self.engine.num_workers

    @classmethod
    def one(cls, name: EngineName) -> Workforce:
        """One worker of the engine called ``name``."""
        return cls.of(name, EngineOptions(num_workers=1))

    def alone(self) -> Workforce:
        """One worker on this machine, to measure or to try something: of the same kind, where that kind is here."""
        return self.one("inline" if self.name == "inline" else "processes")
