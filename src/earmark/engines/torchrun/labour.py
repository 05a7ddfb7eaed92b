"""What every rank does, and rank 0 too: take the next shard from the board, have it done, and tell rank 0.

The work is done by a process that the rank starts beside itself, as the engine ``processes`` would: some recognizers
let no other thread of their process run while they work, and a rank must be heard all the time. So a worker that dies
or hangs is replaced, too, and costs the other ranks nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from earmark.engines.jobs import JobQueue
from earmark.engines.place import Place
from earmark.engines.processes import Pool
from earmark.engines.torchrun.board import Board
from earmark.errors import EarmarkError
from earmark.records import Receipt, Shard, StopCheck, Work

POLL_S = 0.01
DONE = "done"
"""A rank's word for a shard that it took: all receipts of it are told."""
RESTS = "rests"
"""The last word of a rank: it takes no shard any more."""
Message = Receipt | EarmarkError | str


class OneWorker:
    """The worker process of one rank: started for the first shard, replaced where it dies."""

    def __init__(self, rank: int, environment: Mapping[str, str], shard_timeout_s: float | None) -> None:
        self._rank = rank
        self._environment = environment
        self._shard_timeout_s = shard_timeout_s

    def run(self, work: Work, shards: Iterator[Shard], *, stop: StopCheck) -> Iterator[Receipt]:
        """As an engine does. The next shard is asked for when all of the one before is done."""
        place = Place(self._rank, self._environment)
        pool = Pool(work, JobQueue(work, shards), [place], self._shard_timeout_s)
        try:
            yield from pool.receipts(stop)
        finally:
            pool.close()


class Labour:
    """One rank's part of the work that ``board`` is about."""

    def __init__(self, board: Board, rank: int, worker: OneWorker, stop: StopCheck) -> None:
        self._board = board
        self._rank = rank
        self._worker = worker
        self._stop = stop
        self._num_told = 0

    def do(self, find: Callable[[], Work]) -> None:
        """Do shards of the work that ``find`` gives until there are no more; whatever it or the work raises is told.

        Raises EngineError where there is nobody to tell.
        """
        try:
            for receipt in self._worker.run(find(), self._shards(), stop=self._stop):
                self._tell(receipt)
        except EarmarkError as error:
            self._tell(error)
        self._tell(RESTS)

    def _shards(self) -> Iterator[Shard]:
        while (shard := self._next_shard()) is not None:
            yield shard
            self._tell(DONE)  # or nobody would ask for the next one

    def _next_shard(self) -> Shard | None:
        """The shard of the next number that nobody took, as soon as it is there; None when none will be."""
        if self._stop():
            return None
        key = f"shard/{self._board.count('taken', 1)}"
        while not self._board.has(key):
            if self._stop() or self._board.has("end"):
                return None
            time.sleep(POLL_S)
        shard: Shard = self._board.take(key)
        return shard

    def _tell(self, message: Message) -> None:
        self._board.post(f"from/{self._rank}/{self._num_told}", message)
        self._num_told += 1
        self._board.count("told", 1)  # last: then the message is there


class Hearing:
    """Rank 0's side of it: what the ranks told, each message once."""

    def __init__(self, board: Board, num_ranks: int) -> None:
        self._board = board
        self._num_heard = [0] * num_ranks
        self._num_told = 0

    def messages(self) -> list[tuple[int, Message]]:
        """Rank and message of all that is new, in the order in which each rank told it."""
        num_told = self._board.count("told")
        if num_told == self._num_told:
            return []
        self._num_told = num_told
        found = []
        for rank in range(len(self._num_heard)):
            while self._board.has(key := f"from/{rank}/{self._num_heard[rank]}"):
                self._num_heard[rank] += 1
                found.append((rank, self._board.take(key)))
        return found
