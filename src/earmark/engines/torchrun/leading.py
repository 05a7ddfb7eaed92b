"""Rank 0's side of a run: who follows, which shards are out, which receipts came, and what all of it came to.

Ranks meet on a board and nowhere else: no step waits for all of them, so one that is slow or late holds up no
other. Rank 0 works like the rest, from a thread of its own; the thread that asks for receipts gives out the shards.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from earmark.engines.torchrun.board import Board, KeyValues
from earmark.engines.torchrun.labour import DONE, POLL_S, RESTS, Hearing, Labour, Message, OneWorker
from earmark.engines.torchrun.vigil import Ears, Vigil
from earmark.errors import EarmarkError, EngineError
from earmark.records import Receipt, Shard, StopCheck, Work

_AHEAD = 2
"""Shards that are out for each rank: one in work, and one that the next rank to be ready finds at once."""
_FAREWELL_S = 5.0
_LATEST_S = 60.0
"""What a rank may be late: it must hear that the run is over, or it would look for a run that is gone."""


class Leader:
    """Rank 0 of one run. Enter it to be followed."""

    def __init__(self, store: KeyValues, call: int, num_ranks: int, worker: OneWorker) -> None:
        self._num_ranks = num_ranks
        self._lobby = lobby(store, call)
        self.board = Board(store, f"{self._lobby.name}/{secrets.token_hex(8)}")
        self._worker = worker
        self.vigil = Vigil(self.board, 0, self._look)
        self._ears = Ears(self.board)
        self._guests: dict[int, str] = {}
        self._num_hellos = 0

    def __enter__(self) -> Self:
        self.vigil.__enter__()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, EarmarkError):
            with contextlib.suppress(EngineError):  # the first error matters more
                self._tell(error, len(self._arrived()), _FAREWELL_S)
        self.vigil.__exit__(None, None, None)

    def announce(self, outcome: object) -> None:
        """Tell every rank what the run came to, those too that come late."""
        self._tell(outcome, self._num_ranks - 1, _LATEST_S)

    def receipts(self, work: Work, shards: Iterator[Shard], stop: StopCheck) -> Iterator[Receipt]:
        """See earmark.records.Engine.run."""
        is_closing = False
        labour = Labour(self.board, 0, self._worker, lambda: is_closing or stop())
        with work.probing() as probe, ThreadPoolExecutor(1, thread_name_prefix="rank-0") as here:
            self.board.post("work", (work, probe))
            working = here.submit(labour.do, lambda: work)
            try:
                yield from _Round(self.board, self.vigil, shards, self._num_ranks).receipts(stop, working)
            finally:
                is_closing = True
                with contextlib.suppress(EngineError):  # those who cannot hear it know that something is wrong
                    self.board.post("stop", None)  # for the shards that are out where this ends with an error
                    self.board.post("end", None)

    def _tell(self, outcome: object, num_ranks: int, latest_s: float) -> None:
        """Post it, and wait until so many ranks have read it."""
        self.board.post("outcome", outcome)
        end = time.monotonic() + latest_s
        while self.board.count("byes") < num_ranks and time.monotonic() < end and not self.vigil.is_lost:
            time.sleep(POLL_S)

    def _arrived(self) -> list[int]:
        return [rank for rank in self._guests if self._ears.has_heard(rank)]

    def _look(self) -> None:
        """Let in who has come, and listen to those who are in."""
        num_hellos = self._lobby.count("hellos")
        if num_hellos != self._num_hellos:
            self._num_hellos = num_hellos
            for rank in range(1, self._num_ranks):
                if self._lobby.has(f"hello/{rank}"):
                    self._welcome(rank, self._lobby.read(f"hello/{rank}"))
        self._ears.listen(self._guests)

    def _welcome(self, rank: int, name: str) -> None:
        if self._guests.get(rank) == name:
            return
        # A hello that an earlier attempt left behind is answered too, and nobody comes of it.
        if self._ears.has_heard(rank):
            hint = "what was committed is safe: the same line goes on"
            raise EngineError(f"rank {rank} was started anew in the middle of the run", hint=hint)
        self._guests[rank] = name
        self._lobby.post(f"welcome/{name}", self.board.name)


def lobby(store: KeyValues, call: int) -> Board:
    """Where the ranks meet for the ``call``-th run of their processes, which is the same on all of them."""
    return Board(store, f"earmark/{call}")


class _Round:
    """The shards that are given out, and what comes back."""

    def __init__(self, board: Board, vigil: Vigil, shards: Iterator[Shard], num_ranks: int) -> None:
        self._board = board
        self._vigil = vigil
        self._shards = shards
        self._num_ranks = num_ranks
        self._hearing = Hearing(board, num_ranks)
        self._resting: set[int] = set()
        self._num_out = 0
        self._num_published = 0
        self._is_exhausted = False
        self._stopped: float | None = None

    def receipts(self, stop: StopCheck, working: Future[None]) -> Iterator[Receipt]:
        """Receipts as they come, until all shards are done or, after a stop, until the ranks rest."""
        while True:
            if self._stopped is None and stop():
                self._stopped = time.monotonic()
                self._board.post("stop", None)
            self._give_out()
            if self._is_over():
                return
            messages = self._hearing.messages()
            for rank, message in messages:
                yield from self._heard(rank, message)
            self._vigil.check()
            if working.done():
                working.result()  # which raises what our own rank died of
            if not messages:
                time.sleep(POLL_S)

    def _is_over(self) -> bool:
        if self._is_exhausted and not self._num_out:
            return True
        if self._stopped is None:
            return False
        # Who has not come by now, or died, never rests. Our own rank is waited for in any case.
        is_late = time.monotonic() - self._stopped > _FAREWELL_S
        return 0 in self._resting and (is_late or len(self._resting) == self._num_ranks)

    def _give_out(self) -> None:
        """Ask for more whenever there is room: where a receipt decides what comes next, there may be some again."""
        while self._stopped is None and self._num_out < _AHEAD * self._num_ranks:
            shard = next(self._shards, None)
            self._is_exhausted = shard is None
            if shard is None:
                return
            self._num_published += 1
            self._num_out += 1
            self._board.post(f"shard/{self._num_published}", shard)

    def _heard(self, rank: int, message: Message) -> Iterator[Receipt]:
        if isinstance(message, EarmarkError):
            raise message
        if message == RESTS:
            self._resting.add(rank)
            return
        if message == DONE:
            self._num_out -= 1
        elif isinstance(message, Receipt):
            yield message
