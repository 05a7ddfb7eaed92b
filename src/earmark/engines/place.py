"""A place for a worker process: it starts one there, speaks with it through a pipe, and buries it when it is dead.

Knows one place. Which shard goes where, and what a death means for a shard, is the pool's. Processes are spawned, not
forked: a fork would copy locks that decoding threads hold, and no GPU survives one. A worker whose driver died ends
itself.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import cast

from earmark.engines.endings import ending, num_memory_kills
from earmark.engines.environment import having
from earmark.engines.jobs import Job
from earmark.engines.pickled import pickled
from earmark.errors import EarmarkError
from earmark.records import Shard, Work

READY = "ready"
"""A worker's first word: what it died of before is not its shard's fault."""
TAKEN = "taken"
"""Its first word of each shard: until then it was idle, and died of something else."""
_FAREWELL_S = 10.0
_CONTEXT = multiprocessing.get_context("spawn")


@dataclass(slots=True)
class Place:
    """One place for a worker: its rank and its device stay when the process in it is replaced.

    ``environment`` are the variables that a worker here has beside the driver's, from its very beginning.
    """

    rank: int
    environment: Mapping[str, str] = field(default_factory=dict)
    process: SpawnProcess | None = None
    connection: Connection | None = None
    job: Job | None = None
    is_ready: bool = False
    has_taken: bool = False
    num_failed_starts: int = 0
    _began: float = 0.0  # when the worker was ready and had its shard, monotonic
    _is_late: bool = False
    _memory_kills: int | None = None

    @property
    def is_alive(self) -> bool:
        """Whether there is a worker that nobody has found dead."""
        return self.process is not None

    def start(self, work: Work) -> None:
        """Start a worker. Raises EngineError for work that does not pickle."""
        data = pickled(work)
        ours, theirs = _CONTEXT.Pipe()
        process = _CONTEXT.Process(
            target=_worker, args=(data, self.rank, theirs), name=f"earmark-{self.rank}", daemon=True
        )
        self._memory_kills = num_memory_kills()
        # Both are inherited. A Ctrl-C while it loads is the driver's to answer; and what a worker imports first may
        # look for its device at once.
        with _deaf_to_signals(), having(self.environment):
            process.start()
        theirs.close()
        self.process, self.connection, self.is_ready, self._is_late = process, ours, False, False

    def send(self, job: Job) -> None:
        """Give the worker a shard."""
        self.job, self.has_taken = job, False
        self._began = time.monotonic()
        self._say(job.shard)

    def greeted(self) -> None:
        """Take note that the worker has loaded its work; the time of its first shard counts from now."""
        self.is_ready, self.num_failed_starts, self._began = True, 0, time.monotonic()

    def stop(self) -> None:
        """Ask the worker to come back after its batch; one that still loads has nothing to commit, and is ended."""
        has_spoken = self.connection is not None and self.connection.poll()  # its first word may lie there unread
        if self.is_ready or has_spoken:
            self._say(None)
        elif self.process is not None:
            self.process.kill()
            self.job = None

    def end_if_late(self, limit_s: float) -> None:
        """Kill a worker that has had its shard for longer; what it said before is still to be heard.

        One that has taken it and said something since has answered: whoever is to hear that was busy.
        """
        has_answered = self.has_taken and self.connection is not None and self.connection.poll()
        is_over = self.process is not None and time.monotonic() - self._began > limit_s
        if is_over and self.process and self.is_ready and not self._is_late and not has_answered:
            self._is_late = True
            self.process.kill()
            self.process.join()

    def done(self) -> None:
        """Take note that the shard is done, even by one that was killed a moment too early."""
        self.job = None
        if self._is_late:
            self.bury(0.0)

    def bury(self, limit_s: float | None) -> str:
        """Clear the place of a dead worker, and say how it ended; ``limit_s`` is what a shard may take."""
        assert self.process is not None, "only a worker that was started can die"  # noqa: S101  # a programmer's error
        self.process.join()
        code = self.process.exitcode or 0
        if self.connection is not None:
            self.connection.close()
        self.process = self.connection = None
        return f"timed out after {limit_s:g} s" if self._is_late else ending(code, self._memory_kills)

    def part(self) -> None:
        """Close the pipe of an idle worker, which then goes by itself."""
        if self.job is None and self.connection is not None:
            self.connection.close()

    def end(self) -> None:
        """See that no worker is left: an idle one has some seconds to go by itself, one that works is killed."""
        if self.process is None:
            return
        if self.job is None:
            self.process.join(_FAREWELL_S)
        self.process.kill()
        self.process.join()

    def _say(self, message: Shard | None) -> None:
        if self.connection is not None:
            # One that died just now says so by the end of its pipe, in the next round.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.connection.send(message)


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


def _worker(data: bytes, rank: int, connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to everybody; the driver decides
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # likewise what ends a job's whole group
    threading.Thread(target=_end_with_driver, daemon=True).start()
    work: Work = pickle.loads(data)  # noqa: S301  # from our own driver
    try:
        with work:
            connection.send(READY)
            while (shard := _next_shard(connection)) is not None:
                connection.send(TAKEN)
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
