"""What an engine and its work agree on where workers have no folder in common with the driver. Knows no such place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, Self, runtime_checkable

from earmark.records import Engine, Receipt, Work


@runtime_checkable
class MovableWork(Work, Protocol):
    """Work that can be done where its folder is not: in another folder there, each part carried back as bytes."""

    @property
    def key(self) -> str:
        """What its folder is called elsewhere: no other run's is called so."""

    @property
    def extra(self) -> str | None:
        """The extra of earmark that it needs beside the base."""

    def at(self, folder: str) -> Self:
        """The same work, not entered, into the local folder ``folder``."""

    def part(self, receipt: Receipt) -> bytes:
        """The part that was committed with ``receipt``."""

    def keep(self, receipt: Receipt, part: bytes) -> None:
        """Commit a part that the same work committed elsewhere. Raises StoreError."""


@runtime_checkable
class DistantEngine(Engine, Protocol):
    """An engine whose workers commit where the driver's folder is not, so that a driver that died left parts there."""

    def left_behind(self, key: str, have: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The parts of the work with that ``key``, by name, which are not among those that somebody has."""
