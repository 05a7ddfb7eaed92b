"""The engine that somebody asks for, with its workers: the same in every verb that has work to do."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Literal

from earmark.engines import ENGINES
from earmark.engines.options import EngineOptions
from earmark.engines.ranked import RankedEngine
from earmark.errors import UsageError
from earmark.recognizers.accelerator import DeviceKind
from earmark.records import Engine

EngineName = Literal["auto", "inline", "processes", "torchrun", "ray", "modal"]
_HERE = ("inline", "processes", "torchrun")


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
    def num_places(self) -> int:
        """How many would work now: fewer than ``num_workers`` where a cluster may grow."""
        return int(getattr(self.engine, "num_places", self.num_workers))

    @property
    def gpu_name(self) -> str | None:
        """What a cluster calls its GPUs, or ``cuda`` where it does not say; None where they are not a cluster's."""
        name: str | None = getattr(self.engine, "gpu_name", None)
        return name

    @property
    def is_here(self) -> bool:
        """Whether workers are on this machine. Those of torchrun may be on others too, which are taken to be alike."""
        return self.name in _HERE

    @property
    def device_kind(self) -> DeviceKind | None:
        """What workers on other machines work on, as far as it is known: a cluster's engine may ask it."""
        if self.name == "modal":
            return "cpu" if self.options.gpu is None else "cuda"
        has_gpus: bool | None = getattr(self.engine, "has_gpus", None)
        return None if has_gpus is None else "cuda" if has_gpus else "cpu"

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


def check_launcher(name: EngineName) -> None:
    """Raise UsageError where torchrun started several of this process, and ``name`` is an engine without ranks."""
    num_ranks = os.environ.get("WORLD_SIZE", "1")
    if name != "torchrun" and num_ranks != "1" and "TORCHELASTIC_RUN_ID" in os.environ:
        cause = f"torchrun started {num_ranks} of this command, and each would do the whole run"
        raise UsageError(f"the engine {name!r} knows no ranks", cause=cause, hint="--engine torchrun")
