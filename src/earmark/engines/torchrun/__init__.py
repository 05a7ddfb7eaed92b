"""The engine of torchrun: its processes, which all run the same command, divide the shards of the one that is rank 0.

Of torch nothing is used but the store through which its launcher's processes find each other. No process group is
made and no collective operation is called, so no rank ever waits for all others. What a rank commits lies in the run's
folder at once; where torchrun's agent ends the group, the same line goes on.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from earmark.engines.devices import visible_devices
from earmark.engines.options import EngineOptions
from earmark.engines.torchrun.board import Board, KeyValues
from earmark.engines.torchrun.labour import POLL_S, Labour, OneWorker
from earmark.engines.torchrun.leading import Leader, lobby
from earmark.engines.torchrun.vigil import Ears, Vigil
from earmark.errors import EarmarkError, EngineError, InterruptedRunError, MissingExtraError, UsageError, first_line
from earmark.records import Receipt, Shard, StopCheck, Work

_LINE = "torchrun --nproc-per-node=2 -m earmark, and the same words behind it"
_CONNECT_S = 60.0
_PATIENCE_S = 600.0
_FAREWELL_S = 10.0
_NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_CALLS = itertools.count()
"""Runs that this process took part in. Each rank has the same number, so that no rank mistakes one run for another."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Which of torchrun's processes this one is, and of how many; ``local_rank`` counts those of its machine."""

    rank: int
    num_ranks: int
    local_rank: int | None

    @classmethod
    def here(cls) -> Self:
        """As torchrun says it in the environment. Raises UsageError where it did not start this process."""
        missing = [name for name in _NEEDED if not os.environ.get(name)]
        if missing:
            cause = f"{', '.join(missing)} are not set" if len(missing) > 1 else f"{missing[0]} is not set"
            raise UsageError("torchrun did not start this process", cause=cause, hint=_LINE)
        rank, num_ranks = _number("RANK"), _number("WORLD_SIZE")
        if rank >= num_ranks:
            raise UsageError(f"RANK is {rank}, and WORLD_SIZE {num_ranks}", hint=_LINE)
        return cls(rank, num_ranks, _number("LOCAL_RANK") if "LOCAL_RANK" in os.environ else None)

    def environment(self) -> dict[str, str]:
        """What its worker has in the environment: it sees one GPU of this machine, that of the next rank the next."""
        return visible_devices().environment(self.local_rank) if self.local_rank is not None else {}


class TorchrunEngine:
    """The ranks that torchrun started. Rank 0 leads and works; the others only work."""

    def __init__(self, options: EngineOptions) -> None:
        options.check("torchrun", "shard_timeout_s")
        self._seat = Seat.here()
        if options.num_workers not in (None, self._seat.num_ranks):
            raise UsageError(
                f"torchrun started {self._seat.num_ranks} ranks, so there are not {options.num_workers} workers",
                hint="leave --workers out (in Python workers=None): --nproc-per-node of torchrun says how many",
            )
        self._shard_timeout_s = options.shard_timeout_s
        self._leader: Leader | None = None

    @property
    def rank(self) -> int:
        """Which process this is, from 0."""
        return self._seat.rank

    @property
    def num_workers(self) -> int:
        """One a rank."""
        return self._seat.num_ranks

    @contextlib.contextmanager
    def lead(self) -> Iterator[Callable[[object], None]]:
        """See earmark.engines.ranked. Raises EngineError where the ranks' store cannot be reached."""
        with Leader(_store(), next(_CALLS), self.num_workers, self._worker()) as leader:
            self._leader = leader
            try:
                yield leader.announce
            finally:
                self._leader = None

    def run(self, work: Work, shards: Iterator[Shard], *, stop: StopCheck) -> Iterator[Receipt]:
        """See earmark.records.Engine. On rank 0 alone, within ``lead``.

        Each rank has one worker process, which is replaced as those of the engine ``processes`` are. A rank that dies
        is not replaced here: torchrun's agent ends the group, or starts it again. Raises EngineError where a rank is
        lost or sees another folder, and what a rank's work raised.
        """
        assert self._leader is not None, "lead first"  # noqa: S101  # a programmer's error
        first = next(shards, None)
        if first is not None and not stop():
            yield from self._leader.receipts(work, _Shards(first, shards), stop)

    def follow(self, *, stop: StopCheck) -> object:
        """See earmark.engines.ranked."""
        store = _store()
        board = _welcomed(lobby(store, next(_CALLS)), store, self.rank, stop)
        return _Follower(board, self.rank, self._worker(), stop).follow()

    def _worker(self) -> OneWorker:
        return OneWorker(self.rank, self._seat.environment(), self._shard_timeout_s)


class _Shards:
    """The shards, of which the first was asked for already. Where there is none for now, it may be asked again."""

    def __init__(self, first: Shard, rest: Iterator[Shard]) -> None:
        self._first: Shard | None = first
        self._rest = rest

    def __iter__(self) -> Iterator[Shard]:
        return self

    def __next__(self) -> Shard:
        first, self._first = self._first, None
        return next(self._rest) if first is None else first


class _Follower:
    """A rank that is not 0, within one run."""

    def __init__(self, board: Board, rank: int, worker: OneWorker, stop: StopCheck) -> None:
        self._board = board
        self._rank = rank
        self._stop = stop
        self._ears = Ears(board)
        self._is_told_to_stop = False
        self._worker = worker
        self._vigil = Vigil(board, rank, self._look)

    def follow(self) -> object:
        """Work while there is work, and return what rank 0 announces. Raises what it announces, and EngineError."""
        with self._vigil:
            if self._comes("work", self._has_to_stop):
                Labour(self._board, self._rank, self._worker, self._has_to_stop).do(self._work)
            self._vigil.check()
            # Rank 0 may be at a long batch yet; who is stopped from outside has no time to wait for it.
            if not self._comes("outcome", _after(_FAREWELL_S, self._stop)):
                self._vigil.check()
                raise _stopped()
            outcome = self._board.read("outcome")
            self._board.count("byes", 1)
        if isinstance(outcome, EarmarkError):
            outcome.is_told = True  # by rank 0
            raise outcome
        return outcome

    def _comes(self, key: str, is_enough: StopCheck) -> bool:
        """Wait for ``key``, or for the outcome; whether ``key`` came before it was enough."""
        while not self._board.has(key):
            if is_enough() or self._vigil.is_lost or self._board.has("outcome"):
                return self._board.has(key)
            time.sleep(POLL_S)
        return True

    def _work(self) -> Work:
        """The work, once it is proved that its results go where rank 0 reads them."""
        work: Work
        work, probe = self._board.read("work")
        problem = probe()
        if problem is not None:
            raise EngineError(
                f"rank {self._rank} on {socket.gethostname()} {problem}",
                hint="--out in a folder that all machines share, or s3://bucket/folder",
            )
        return work

    def _look(self) -> None:
        self._is_told_to_stop = self._is_told_to_stop or self._board.has("stop")
        self._ears.listen([0])

    def _has_to_stop(self) -> bool:
        return self._is_told_to_stop or self._vigil.is_lost or self._stop()


def _welcomed(waiting: Board, store: KeyValues, rank: int, stop: StopCheck) -> Board:
    """The board of the run that rank 0 leads now.

    A store outlives a restart of its ranks, so what stands there may be an earlier attempt's: only who greets by a
    name that nobody had before, and is answered by it, has met the rank 0 that is there now.
    """
    name = secrets.token_hex(8)
    waiting.post(f"hello/{rank}", name)
    waiting.count("hellos", 1)
    end = time.monotonic() + _PATIENCE_S
    while not waiting.has(f"welcome/{name}"):
        if stop():
            raise _stopped()
        if time.monotonic() > end:
            raise EngineError(f"rank 0 has not begun within {_PATIENCE_S:g} s", hint="the same line goes on")
        time.sleep(POLL_S)
    return Board(store, waiting.read(f"welcome/{name}"))


def _after(seconds: float, check: StopCheck) -> StopCheck:
    """Whether ``check`` has answered yes for so long."""
    since: float | None = None

    def is_late() -> bool:
        nonlocal since
        if since is None and check():
            since = time.monotonic()
        return since is not None and time.monotonic() - since > seconds

    return is_late


def _stopped() -> InterruptedRunError:
    """What a rank that follows says of a stop: nothing, since rank 0 knows how far the run is."""
    error = InterruptedRunError(0, 0)
    error.is_told = True
    return error


def _number(name: str) -> int:
    text = os.environ[name]
    if not text.isdecimal():
        raise UsageError(f"{name} is {text!r}, which is no number", hint=_LINE)
    return int(text)


def _store() -> KeyValues:
    """The store that the ranks share: the agent's, or of other launchers rank 0's own."""
    try:
        from torch.distributed.rendezvous import rendezvous

        store: KeyValues
        store, _, _ = next(rendezvous("env://", timeout=timedelta(seconds=_CONNECT_S)))
    except ModuleNotFoundError as error:
        raise MissingExtraError("engine", "torchrun", "torchrun", error.name or "torch") from error
    except (RuntimeError, ValueError) as error:
        where = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise EngineError(f"the ranks' store at {where} cannot be reached", cause=first_line(error)) from error
    return store
