"""One worker process a core or a device, pulling shards from one queue, replaced when it dies.

Processes are spawned, not forked: a fork would copy locks that decoding threads hold, and no GPU survives one. The
driver is a single thread that waits for messages and deaths at once; a worker whose driver died ends itself.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, cast

from earmark.errors import EarmarkError, EngineError, UsageError
from earmark.records import Receipt, Shard, StopCheck, Work

_DEATHS_PER_SHARD = 3
_GIVEN_UP_IN_A_ROW = 12
_FAILED_STARTS = 3
_POLL_S = 0.2
_FAREWELL_S = 10.0
_CONTEXT = multiprocessing.get_context("spawn")
_READY = "ready"
"""A worker's first word: what it died of before is not its shard's fault."""


@dataclass(slots=True)
class _Job:
    shard: Shard
    num_deaths: int = 0


@dataclass(slots=True)
class _Slot:
    """One place for a worker: its rank stays when the process in it is replaced."""

    rank: int
    process: SpawnProcess | None = None
    connection: Connection | None = None
    job: _Job | None = None
    is_ready: bool = False
    num_failed_starts: int = 0

    @property
    def is_alive(self) -> bool:
        return self.process is not None

    def send(self, job: _Job) -> None:
        self.job = job
        self._say(job.shard)

    def tell_stop(self) -> None:
        self._say(None)

    def _say(self, message: Shard | None) -> None:
        if self.connection is not None:
            # One that died just now says so by the end of its pipe, in the next round.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.connection.send(message)


class ProcessEngine:
    """``num_workers`` spawned processes on this machine."""

    def __init__(self, num_workers: int) -> None:
        if num_workers < 1:
            raise UsageError(f"the engine of processes needs a worker, not {num_workers}", hint="--workers 1")
        self.num_workers = num_workers

    def run(self, work: Work, shards: Iterator[Shard], *, stop: StopCheck) -> Iterator[Receipt]:
        """See earmark.records.Engine.

        A shard that kills three workers in a row is cut into smaller ones, down to the one segment that is given up as
        failed. Raises EngineError when workers die again and again without any result, and what a worker raised.
        """
        pool = _Pool(work, shards, self.num_workers)
        try:
            yield from pool.receipts(stop)
        finally:
            pool.close()


@dataclass
class _Pool:
    work: Work
    shards: Iterator[Shard]
    num_workers: int
    again: deque[_Job] = field(default_factory=deque)
    slots: list[_Slot] = field(default_factory=list)
    num_given_up: int = 0  # in a row
    is_stopping: bool = False

    def receipts(self, stop: StopCheck) -> Iterator[Receipt]:
        self.slots = [_Slot(rank) for rank in range(self.num_workers)]
        while True:
            if stop() and not self.is_stopping:
                self.is_stopping = True
                for slot in self.slots:
                    self._stop(slot)
            self._feed()
            busy = [slot for slot in self.slots if slot.job is not None]
            if not busy:
                return
            yield from self._events(busy)

    def _stop(self, slot: _Slot) -> None:
        """A worker ends after its batch; one that still loads has nothing to commit, and is not waited for."""
        has_spoken = slot.connection is not None and slot.connection.poll()  # its first word may lie there unread
        if slot.is_ready or has_spoken:
            slot.tell_stop()
        elif slot.process is not None:
            slot.process.kill()
            slot.job = None

    def _feed(self) -> None:
        for slot in self.slots:
            if slot.job is None and slot.num_failed_starts < _FAILED_STARTS and not self.is_stopping:
                job = self._next_job()
                if job is None:
                    return
                if not slot.is_alive:
                    self._start(slot)
                slot.send(job)

    def _next_job(self) -> _Job | None:
        if self.again:
            return self.again.popleft()
        shard = next(self.shards, None)
        return _Job(shard) if shard is not None else None

    def _start(self, slot: _Slot) -> None:
        ours, theirs = _CONTEXT.Pipe()
        process = _CONTEXT.Process(
            target=_worker, args=(self.work, slot.rank, theirs), name=f"earmark-{slot.rank}", daemon=True
        )
        try:
            with _deaf_to_signals():  # which a process inherits: a Ctrl-C while it loads is the driver's to answer
                process.start()
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            hint = "define its class at the top of a module, or --engine inline"
            raise EngineError(
                "the recognizer does not pickle, so no worker can have it", cause=str(error), hint=hint
            ) from error
        theirs.close()
        slot.process, slot.connection, slot.is_ready = process, ours, False

    def _events(self, busy: list[_Slot]) -> Iterator[Receipt]:
        """Receipts of the workers that spoke or died within a moment."""
        # What a worker said before it died is read first: its pipe may still hold a receipt.
        watched = [
            each
            for slot in busy
            if slot.connection and slot.process
            for each in (slot.connection, slot.process.sentinel)
        ]
        ready = wait(watched, timeout=_POLL_S)
        for slot in busy:
            if slot.connection in ready:
                yield from self._heard(slot)
            elif slot.process is not None and slot.process.sentinel in ready:
                yield from self._died(slot)

    def _heard(self, slot: _Slot) -> Iterator[Receipt]:
        try:
            message = cast("Connection", slot.connection).recv()
        except (EOFError, ConnectionResetError):
            yield from self._died(slot)
        else:
            yield from self._said(slot, message)

    def _said(self, slot: _Slot, message: Any) -> Iterator[Receipt]:  # noqa: ANN401  # from the pipe
        if isinstance(message, EarmarkError):
            raise message
        if message == _READY:
            slot.is_ready, slot.num_failed_starts = True, 0
            return
        slot.job = None
        if message is not None:
            self.num_given_up = 0
            yield message

    def _died(self, slot: _Slot) -> Iterator[Receipt]:
        reason = self._bury(slot)
        job, slot.job = slot.job, None
        if not slot.is_ready:
            self._failed_to_start(slot, job, reason)
            return
        if job is None or self.is_stopping:
            return
        job.num_deaths += 1
        if job.num_deaths < _DEATHS_PER_SHARD:
            self.again.append(job)
        elif pieces := job.shard.pieces():
            self.again.extend(_Job(piece) for piece in pieces)
        else:
            yield self._give_up(job.shard, slot.rank, reason)

    def _give_up(self, shard: Shard, rank: int, reason: str) -> Receipt:
        self.num_given_up += 1
        if self.num_given_up > _GIVEN_UP_IN_A_ROW:
            raise EngineError(
                f"{_GIVEN_UP_IN_A_ROW} utterances in a row killed every worker that tried them",
                cause=f"the last one {reason}",
                hint="--engine inline works in one process, where the reason shows",
            )
        return self.work.give_up(shard, rank=rank, reason=f"{_DEATHS_PER_SHARD} workers died of it: {reason}")

    def _failed_to_start(self, slot: _Slot, job: _Job | None, reason: str) -> None:
        """Nobody tried the job: it waits for another worker. A place where none can load is left empty."""
        if job is not None:
            self.again.appendleft(job)
        slot.num_failed_starts += 1
        if all(each.num_failed_starts >= _FAILED_STARTS for each in self.slots):
            raise EngineError(
                "no worker can load the recognizer",
                cause=f"the last one {reason}",
                hint="a script calls earmark under if __name__ == '__main__':; --engine inline shows the reason",
            )

    def _bury(self, slot: _Slot) -> str:
        assert slot.process is not None, "only a worker that was started can die"  # noqa: S101  # a programmer's error
        slot.process.join()
        code = slot.process.exitcode or 0
        self._forget(slot)
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def _forget(self, slot: _Slot) -> None:
        if slot.connection is not None:
            slot.connection.close()
        slot.process = slot.connection = None

    def close(self) -> None:
        """End every worker: an idle one goes by itself, one that works or does not go is killed."""
        for slot in self.slots:
            if slot.job is None and slot.connection is not None:
                slot.connection.close()  # each one's before any is waited for, so that they go at the same time
        for slot in self.slots:
            if slot.process is None:
                continue
            if slot.job is None:
                slot.process.join(_FAREWELL_S)
            slot.process.kill()
            slot.process.join()


@contextlib.contextmanager
def _deaf_to_signals() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _worker(work: Work, rank: int, connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to everybody; the driver decides
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # likewise what ends a job's whole group
    threading.Thread(target=_end_with_driver, daemon=True).start()
    try:
        with work:
            connection.send(_READY)
            while (shard := _next_shard(connection)) is not None:
                # While a worker works, the driver says nothing to it but to stop.
                connection.send(work(shard, rank=rank, stop=connection.poll))
    except EarmarkError as error:
        connection.send(error)
    gc.freeze()  # else the interpreter searches all that is left for cycles: a second after Transformers was loaded


def _next_shard(connection: Connection) -> Shard | None:
    """None when the driver says to stop, or has no more work and closes its end."""
    try:
        return cast("Shard | None", connection.recv())
    except EOFError:
        return None


def _end_with_driver() -> None:
    driver = multiprocessing.parent_process()
    if driver is not None:
        driver.join()
        os._exit(1)
