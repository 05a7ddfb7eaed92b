"""One worker process a core or a GPU, pulling shards from one queue, replaced when it dies or hangs.

The driver is a single thread that waits for messages and deaths at once. How a process is started and ended is known to
``place``, what a death means for a shard to ``jobs``, and which GPUs there are to ``devices``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, cast

from earmark.engines.devices import Devices, chosen_devices
from earmark.engines.jobs import JobQueue
from earmark.engines.options import EngineOptions
from earmark.engines.place import READY, TAKEN, Place
from earmark.errors import EarmarkError, EngineError
from earmark.records import Receipt, Shard, StopCheck, Work

_FAILED_STARTS = 3
_POLL_S = 0.2


class ProcessEngine:
    """Spawned processes on this machine: one a GPU where GPUs are asked for, else one unless more are asked for.

    More workers than GPUs share them, round robin. Raises UsageError where no GPU that is asked for is here.
    """

    def __init__(self, options: EngineOptions) -> None:
        options.check("processes", "gpus", "shard_timeout_s")
        self._devices = chosen_devices(options.gpus) if options.gpus is not None else Devices()
        self._shard_timeout_s = options.shard_timeout_s
        self.num_workers = options.num_workers or len(self._devices.ids) or 1

    def run(self, work: Work, shards: Iterator[Shard], *, stop: StopCheck) -> Iterator[Receipt]:
        """See earmark.records.Engine.

        A shard that kills three workers in a row, or takes each longer than the time for a shard, is cut into smaller
        ones, down to the one segment that is given up as failed. Raises EngineError when workers die again and again
        without any result, and what a worker raised: the others then finish and commit their batch first.
        """
        places = [Place(rank, self._devices.environment(rank)) for rank in range(self.num_workers)]
        pool = Pool(work, JobQueue(work, shards), places, self._shard_timeout_s)
        try:
            yield from pool.receipts(stop)
        finally:
            pool.close()


@dataclass
class Pool:
    """The workers of one run of the engine. ``shard_timeout_s`` is the time for a shard; None is any."""

    work: Work
    jobs: JobQueue
    places: list[Place]
    shard_timeout_s: float | None = None
    is_stopping: bool = False
    error: EarmarkError | None = field(default=None, init=False)  # the first that a worker raised while it worked

    def receipts(self, stop: StopCheck) -> Iterator[Receipt]:
        """Do all jobs, and yield the receipts as they come. Raises what a worker raised."""
        while True:
            if stop():
                self._stop()
            self.feed()
            if not any(place.job for place in self.places):
                break
            yield from self.events()
        if self.error is not None:
            raise self.error

    def feed(self) -> None:
        """Give a shard to each idle worker. A worker is started only where there is a shard for it."""
        for place in self.places:
            if place.job is None and place.num_failed_starts < _FAILED_STARTS and not self.is_stopping:
                job = self.jobs.next()
                if job is None:
                    return
                if not place.is_alive:
                    place.start(self.work)
                place.send(job)

    def events(self) -> Iterator[Receipt]:
        """Receipts of the workers that spoke, died or were too late within a moment."""
        busy = [place for place in self.places if place.job is not None]
        if self.shard_timeout_s is not None:
            for place in busy:
                place.end_if_late(self.shard_timeout_s)
        # What a worker said before it died is read first: its pipe may still hold a receipt.
        watched = [
            each
            for place in busy
            if place.connection and place.process
            for each in (place.connection, place.process.sentinel)
        ]
        ready = wait(watched, timeout=_POLL_S)
        for place in busy:
            if place.connection in ready:
                yield from self._heard(place)
            elif place.process is not None and place.process.sentinel in ready:
                yield from self._died(place)

    def close(self) -> None:
        """End every worker: an idle one goes by itself, one that works or does not go is killed."""
        for place in self.places:
            place.part()  # each one's pipe before any is waited for, so that they go at the same time
        for place in self.places:
            place.end()

    def _stop(self) -> None:
        if not self.is_stopping:
            self.is_stopping = True
            for place in self.places:
                place.stop()

    def _heard(self, place: Place) -> Iterator[Receipt]:
        try:
            message = cast("Connection", place.connection).recv()
        except (EOFError, OSError):  # the latter where it died in the middle of a message
            yield from self._died(place)
        else:
            yield from self._said(place, message)

    def _said(self, place: Place, message: Any) -> Iterator[Receipt]:  # noqa: ANN401  # from the pipe
        if message == READY:
            place.greeted()
            return
        if message == TAKEN:
            place.has_taken = True
            return
        if isinstance(message, EarmarkError) and not place.is_ready:
            raise message  # what one cannot load, none can
        place.done()
        if isinstance(message, EarmarkError):
            self.error = self.error or message
            self._stop()
        elif message is not None:
            self.jobs.succeeded()
            yield message

    def _died(self, place: Place) -> Iterator[Receipt]:
        reason = place.bury(self.shard_timeout_s)
        job, place.job = place.job, None
        if not place.is_ready:
            if job is not None:
                self.jobs.put_back(job)  # nobody tried it
            self._failed_to_start(place, reason)
        elif job is not None and not place.has_taken:
            self.jobs.put_back(job)  # it died while it was idle: of no shard
        elif job is not None and not self.is_stopping:
            receipt = self.jobs.died(job, rank=place.rank, reason=reason)
            if receipt is not None:
                yield receipt

    def _failed_to_start(self, place: Place, reason: str) -> None:
        """A place where no worker can load is left empty; its job waits for another worker."""
        place.num_failed_starts += 1
        if all(each.num_failed_starts >= _FAILED_STARTS for each in self.places):
            raise EngineError(
                "no worker can load the recognizer",
                cause=f"the last one {reason}",
                hint="a script calls earmark under if __name__ == '__main__':; --engine inline shows the reason",
            )
