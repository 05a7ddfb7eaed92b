"""The shards that are left to hand out: those that nobody had yet, and those whose worker died.

Every engine that outlives its workers keeps its work here, so that a death means the same wherever work runs. Knows no
process, no device and no host.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from earmark.errors import EngineError
from earmark.records import Receipt, Shard, Work

_DEATHS_PER_SHARD = 3
_GIVEN_UP_IN_A_ROW = 12


@dataclass(slots=True)
class Job:
    """A shard, and how many workers died of it."""

    shard: Shard
    num_deaths: int = 0


class JobQueue:
    """The jobs of one run of an engine. It is asked by one thread."""

    def __init__(self, work: Work, shards: Iterator[Shard]) -> None:
        self._work = work
        self._shards = shards
        self._waiting: deque[Job] = deque()
        self._num_given_up = 0  # in a row

    def has(self, num_jobs: int) -> bool:
        """Whether so many jobs are left. It asks for no more shards than it must to know."""
        while len(self._waiting) < num_jobs:
            shard = next(self._shards, None)
            if shard is None:
                return False
            self._waiting.append(Job(shard))
        return True

    def next(self) -> Job | None:
        """A job for a worker that is free; None where nothing is left."""
        return self._waiting.popleft() if self.has(1) else None

    def put_back(self, job: Job) -> None:
        """Take a job back that nobody tried, or whose worker was lost for another reason."""
        self._waiting.appendleft(job)

    def succeeded(self) -> None:
        """There was a result: work is possible here."""
        self._num_given_up = 0

    def died(self, job: Job, *, rank: int, reason: str) -> Receipt | None:
        """Take back a job whose worker died of it; the third death cuts it, down to the one segment that is given up.

        Returns the receipt of what was given up. Raises EngineError when one segment after the other is, without any
        result between them, and StoreError.
        """
        job.num_deaths += 1
        if job.num_deaths < _DEATHS_PER_SHARD:
            self._waiting.append(job)
            return None
        return self.cut(job, rank=rank, reason=reason)

    def cut(self, job: Job, *, rank: int, reason: str) -> Receipt | None:
        """Take back a job that three workers died of, whoever counted them. Returns and raises what ``died`` does."""
        if pieces := job.shard.pieces():
            self._waiting.extend(Job(piece) for piece in pieces)
            return None
        return self._give_up(job.shard, rank, reason)

    def _give_up(self, shard: Shard, rank: int, reason: str) -> Receipt:
        self._num_given_up += 1
        if self._num_given_up > _GIVEN_UP_IN_A_ROW:
            raise EngineError(
                f"{_GIVEN_UP_IN_A_ROW} utterances in a row killed every worker that tried them",
                cause=f"the last one {reason}",
                hint="--engine inline works in one process, where the reason shows",
            )
        return self._work.give_up(shard, rank=rank, reason=f"{_DEATHS_PER_SHARD} workers died of it: {reason}")
