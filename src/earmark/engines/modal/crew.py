"""The shards that containers have in hand: what is sent, what came of it, and what is done about what did not come.

Exactly-once is the store's: a part is idempotent by its name, so a shard may be sent again whenever nobody knows
better. It knows tickets and times, and no Modal: what it talks to is a line.
"""

from __future__ import annotations

import pickle
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from earmark.engines.modal.container import Answer, Task
from earmark.errors import EngineError, sentence_of
from earmark.records import MovableWork, Receipt, Shard, StopCheck

_POLL_S = 0.2
_IN_HAND_EACH = 2
"""Of each container: the one that it works on, and the next, so that it waits for no driver."""
_GIVEN_UP_IN_A_ROW = 12
_SENDINGS = 3


class Containers(Protocol):
    """What the crew talks to; see ``line.Line``."""

    def send(self, task: Task) -> None:
        """Have it done."""
        ...

    def hear(self, timeout_s: float) -> Answer | Exception | None:
        """What came, within the time."""
        ...


@dataclass(slots=True)
class _Job:
    shard: Shard
    rank: int = 0
    num_sendings: int = 0


class Crew:
    """``num_workers`` containers at the other end of ``line``, doing ``work`` into ``folder`` on ``volume``.

    Where nothing is heard for ``quiet_s`` seconds, all that is in hand counts as lost on its way, and is sent again.
    """

    def __init__(
        self, line: Containers, work: MovableWork, *, num_workers: int, folder: str, volume: str | None, quiet_s: float
    ) -> None:
        self._line = line
        self._work = work
        self._pickled = _pickled(work, folder)
        self._folder, self._volume, self._quiet_s = folder, volume, quiet_s
        self._num_workers = num_workers
        self._again: deque[_Job] = deque()
        self._in_hand: dict[int, _Job] = {}
        self._num_tickets = 0
        self._num_nameless = 0  # of those in hand, how many have failed; an exception does not say whose it is
        self._num_failed = 0  # in a row
        self._last_failure = "nothing"
        self._heard_at = time.monotonic()

    def receipts(self, shards: Iterator[Shard], stop: StopCheck) -> Iterator[Receipt]:
        """Do all shards. After a stop, what is in hand is waited for. Raises EngineError, and an answer's error."""
        while True:
            self._feed(shards, stop)
            if len(self._in_hand) <= self._num_nameless:
                if stop() or not self._in_hand:
                    return
                yield from self._guilty()
                continue
            heard = self._line.hear(_POLL_S)
            if heard is None:
                self._wait()
            elif isinstance(heard, Answer):
                yield from self._answered(heard)
            else:
                self._failed(heard)

    def _feed(self, shards: Iterator[Shard], stop: StopCheck) -> None:
        most = self._num_workers * _IN_HAND_EACH
        while len(self._in_hand) - self._num_nameless < most and not stop():
            job = self._again.popleft() if self._again else _next_job(shards)
            if job is None:
                return
            self._send(job)

    def _send(self, job: _Job) -> None:
        if not self._in_hand:
            self._heard_at = time.monotonic()
        job.rank = self._idlest()
        job.num_sendings += 1
        ticket = self._num_tickets
        self._num_tickets += 1
        self._in_hand[ticket] = job
        self._line.send(Task(ticket, self._pickled, job.shard, job.rank, self._folder, self._volume))

    def _idlest(self) -> int:
        """The rank that has the least in hand: a place in the queue, since which container works is Modal's choice."""
        load = [0] * self._num_workers
        for job in self._in_hand.values():
            load[job.rank] += 1
        return load.index(min(load))

    def _answered(self, answer: Answer) -> Iterator[Receipt]:
        self._heard_at = time.monotonic()
        if self._in_hand.pop(answer.ticket, None) is None:
            return  # it came twice, or was given up for lost and done again
        if answer.error is not None:
            raise answer.error
        self._num_failed = 0
        if answer.receipt is not None:
            self._work.keep(answer.receipt, answer.part)
            yield answer.receipt

    def _failed(self, error: Exception) -> None:
        self._heard_at = time.monotonic()
        self._num_nameless += 1
        self._num_failed += 1
        self._last_failure = sentence_of(error)
        if self._num_failed > _GIVEN_UP_IN_A_ROW:
            raise EngineError(
                f"{_GIVEN_UP_IN_A_ROW} shards in a row failed in Modal's containers, each several times",
                cause=self._last_failure,
                hint="modal app logs earmark shows what they said; --engine inline works here, where the reason shows",
            )

    def _guilty(self) -> Iterator[Receipt]:
        """All that is in hand has failed, whichever failure was whose: it is cut, and at last given up."""
        jobs, self._in_hand, self._num_nameless = list(self._in_hand.values()), {}, 0
        for job in jobs:
            if pieces := job.shard.pieces():
                self._again.extend(_Job(piece) for piece in pieces)
            else:
                reason = f"every container that tried it failed: {self._last_failure}"
                yield self._work.give_up(job.shard, rank=job.rank, reason=reason)

    def _wait(self) -> None:
        """Send again what nobody has spoken of for too long."""
        if time.monotonic() - self._heard_at < self._quiet_s:
            return
        lost, self._in_hand, self._num_nameless = list(self._in_hand.values()), {}, 0
        if any(job.num_sendings >= _SENDINGS for job in lost):
            raise EngineError(
                "Modal's containers do not answer any more",
                cause=f"nothing was heard for {self._quiet_s:g} s, {_SENDINGS} times",
                hint="modal app list shows what runs; the same command goes on with what is done",
            )
        self._again.extendleft(reversed(lost))
        self._heard_at = time.monotonic()


def _next_job(shards: Iterator[Shard]) -> _Job | None:
    shard = next(shards, None)
    return _Job(shard) if shard is not None else None


def _pickled(work: MovableWork, folder: str) -> bytes:
    """The work as it travels, without the folder of this machine. Raises EngineError."""
    try:
        return pickle.dumps(work.at(folder))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        hint = "define its class at the top of a module, or --engine inline"
        raise EngineError(
            "the recognizer does not pickle, so no container can have it", cause=str(error), hint=hint
        ) from error
