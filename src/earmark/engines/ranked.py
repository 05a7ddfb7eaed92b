"""Engines whose workers somebody else starts, all with one command: rank 0 leads, and the others follow it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from earmark.records import Engine, StopCheck


@runtime_checkable
class RankedEngine(Engine, Protocol):
    """One of the processes of such a group. ``run`` is for rank 0 alone, within ``lead``."""

    @property
    def rank(self) -> int:
        """Which process this is, from 0."""
        ...

    def lead(self) -> AbstractContextManager[Callable[[object], None]]:
        """Be followed for the length of the block. What it is called with in the end is what all followers return.

        An EarmarkError that leaves the block is raised in each of them.
        """
        ...

    def follow(self, *, stop: StopCheck) -> object:
        """Do what rank 0 gives out, and return what it came to, or raise what it raised.

        Raises EngineError where rank 0 is lost, and InterruptedRunError where it said nothing before a stop.
        """
        ...
