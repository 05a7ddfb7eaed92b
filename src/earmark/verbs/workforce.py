"""The engine that somebody asks for, with its workers: the same in every verb that has work to do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Literal

from earmark.engines import ENGINES
from earmark.engines.options import EngineOptions
from earmark.engines.ranked import RankedEngine
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
        """The engine called ``name``; ``auto`` works in this process where one worker is all that is asked for.

        Raises UsageError.
        """
        is_plain = options == EngineOptions(num_workers=1)
        chosen = ("inline" if is_plain else "processes") if name == "auto" else name
        return cls(ENGINES.load(chosen)(options), chosen, options)

    @property
    def num_workers(self) -> int:
        """How many work at once."""
        return self.engine.num_workers

    @property
    def is_follower(self) -> bool:
        """Whether another process of the same command leads, and this one only works."""
        return isinstance(self.engine, RankedEngine) and self.engine.rank > 0

    def leading(self) -> AbstractContextManager[Callable[[object], None]]:
        """Within the block those that follow do so. Call what it gives with what they shall return."""
        return self.engine.lead() if isinstance(self.engine, RankedEngine) else nullcontext(_nobody_follows)

    @classmethod
    def one(cls, name: EngineName) -> Workforce:
        """One worker of the engine called ``name``."""
        return cls.of(name, EngineOptions(num_workers=1))

    def alone(self) -> Workforce:
        """One worker on this machine, to measure or to try something: of the same kind, where that kind is here."""
        if self.name == "processes":
            return self.of("processes", replace(self.options, num_workers=1))  # on a GPU that was asked for
        return self.one("inline" if self.name == "inline" else "processes")


def _nobody_follows(outcome: object) -> None:
    del outcome
