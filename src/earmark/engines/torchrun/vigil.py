"""Two threads of a rank: one tells the others that it lives and listens for them, one ends it where that one hangs.

Knows the board and the clock, and no work. What is measured is this process's own monotonic time, so clocks that differ
between machines do not matter.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from earmark.engines.torchrun.board import Board
from earmark.errors import EngineError

_BEAT_S = 0.5
_WATCH_S = 0.2
_FAREWELL_S = 5.0
SILENCE_S = 60.0
"""A rank that does not beat for so long is lost. Its work is in another process, so long work is no silence."""


class Vigil:
    """Keeps watch within its block. ``look`` is called at each beat, and may raise EngineError: see ``check``."""

    def __init__(self, board: Board, rank: int, look: Callable[[], None]) -> None:
        self._board = board
        self._rank = rank
        self._look = look
        self._is_over = threading.Event()
        self._lost: EngineError | None = None
        self._last_beat = time.monotonic()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._beat, self._watch)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(_FAREWELL_S)

    def check(self) -> None:
        """Raise EngineError where the others are lost, since the latest look."""
        if self._lost is not None:
            raise self._lost

    @property
    def is_lost(self) -> bool:
        """Whether ``check`` would raise."""
        return self._lost is not None

    def _beat(self) -> None:
        while True:
            try:
                self._board.count(f"beat/{self._rank}", 1)
                self._look()
            except EngineError as error:
                self._lost = error
                return
            self._last_beat = time.monotonic()
            if self._is_over.wait(_BEAT_S):
                return

    def _watch(self) -> None:
        while not self._is_over.wait(_WATCH_S):
            if not self.is_lost and time.monotonic() - self._last_beat > SILENCE_S:
                _end(f"rank {self._rank} has waited for an answer of the ranks' store for {SILENCE_S:g} s")


class Ears:
    """Hears whether other ranks beat."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._heard: dict[int, tuple[int, float]] = {}

    def listen(self, ranks: Iterable[int]) -> None:
        """Raise EngineError where one of ``ranks`` that has beaten is silent for too long."""
        for rank in ranks:
            number, now = self._board.count(f"beat/{rank}"), time.monotonic()
            before, since = self._heard.get(rank, (0, now))
            if number != before:
                self._heard[rank] = (number, now)
            elif number and now - since > SILENCE_S:
                raise EngineError(
                    f"rank {rank} is lost: it has said nothing for {SILENCE_S:g} s",
                    hint="what was committed is safe: the same line goes on",
                )

    def has_heard(self, rank: int) -> bool:
        """Whether a rank has beaten."""
        return rank in self._heard


def _end(reason: str) -> None:
    """End this process: whatever hangs would let no exception out, and nothing that is committed is in danger."""
    sys.stderr.write(f"error: {reason}\nhint: what was committed is safe: the same line goes on\n")
    sys.stderr.flush()
    os._exit(1)
