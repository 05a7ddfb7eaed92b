"""The shards that containers have in hand: what is sent, what came of it, and what is done about what did not come.

Exactly-once is the store's: a part is idempotent by its name, so a shard may be sent again whenever nobody knows
better. It knows tickets and times, and no Modal: what it talks to is a line. What a failure means for a shard is the
job queue's.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from earmark.engines.distant import MovableWork
from earmark.engines.jobs import Job, JobQueue
from earmark.engines.modal.container import Answer, Task
from earmark.engines.pickled import pickled
from earmark.errors import EngineError, sentence_of
from earmark.records import Receipt, Shard, StopCheck

_POLL_S = 0.2
_LOOK_S = 30.0
_IN_HAND_EACH = 2
"""Of each container: the one that it works on, and the next, so that it waits for no driver."""
_ATTEMPTS_OF_MODAL = 3
"""What an exception stands for: Modal has tried the shard so often."""
_FAILED_IN_A_ROW = 36
_SENDINGS = 3


class Containers(Protocol):
    """What the crew talks to; see ``line.Line``."""

    def send(self, task: Task) -> None:
        """Have it done."""
        ...

    def hear(self, timeout_s: float) -> Answer | Exception | None:
        """What came, within the time."""
        ...

    def num_containers(self) -> int:
        """How many there are now."""
        ...


@dataclass(slots=True, eq=False)
class _Parcel:
    """A job on its way. It may have several tickets, of which the last is in hand and the others were given up."""

    job: Job
    rank: int = 0
    num_sendings: int = 0
    is_settled: bool = False  # done, or back in the queue: what its other tickets say counts for nothing


class Crew:
    """``num_workers`` containers at the other end of ``line``, doing ``work`` into ``folder`` on ``volume``.

    Where there are containers and nothing is heard of them for ``quiet_s`` seconds, all that is in hand counts as lost
    on its way, and is sent again. A wait for a container is no silence.
    """

    def __init__(
        self, line: Containers, work: MovableWork, *, num_workers: int, folder: str, volume: str | None, quiet_s: float
    ) -> None:
        self._line = line
        self._work = work
        self._pickled = pickled(work.at(folder))
        self._folder, self._volume, self._quiet_s = folder, volume, quiet_s
        self._num_workers = num_workers
        self._jobs = JobQueue(work, iter(()))
        self._again: deque[_Parcel] = deque()
        self._in_hand: dict[int, _Parcel] = {}
        self._given_up: dict[int, _Parcel] = {}  # tickets that were silent for too long, and may speak yet
        self._num_tickets = 0
        self._num_nameless = 0  # of both, how many have failed; an exception does not say whose it is
        self._num_failed = 0  # attempts in a row
        self._last_failure = "nothing"
        self._heard_at = self._looked_at = time.monotonic()

    def receipts(self, shards: Iterator[Shard], stop: StopCheck) -> Iterator[Receipt]:
        """Do all shards. After a stop, what is in hand is waited for. Raises EngineError, and an answer's error."""
        self._jobs = JobQueue(self._work, shards)
        while True:
            self._feed(stop)
            if not self._in_hand or (stop() and len(self._in_hand) <= self._num_nameless):
                return
            if len(self._in_hand) + len(self._given_up) <= self._num_nameless:
                yield from self._guilty()
                continue
            heard = self._line.hear(_POLL_S)
            if heard is None:
                if self._is_anybody_there():
                    yield from self._wait()
                elif stop():
                    return
            elif isinstance(heard, Answer):
                yield from self._answered(heard)
            else:
                self._failed(sentence_of(heard), num_attempts=_ATTEMPTS_OF_MODAL)
                self._num_nameless += 1

    def _feed(self, stop: StopCheck) -> None:
        """Send so much that every container has enough. A failure is a given up ticket's, as long as there are some."""
        most = self._num_workers * _IN_HAND_EACH
        while len(self._in_hand) - max(0, self._num_nameless - len(self._given_up)) < most and not stop():
            parcel = self._next_parcel()
            if parcel is None:
                return
            self._send(parcel)

    def _next_parcel(self) -> _Parcel | None:
        while self._again:
            if not (parcel := self._again.popleft()).is_settled:
                return parcel
        job = self._jobs.next()
        return _Parcel(job) if job is not None else None

    def _send(self, parcel: _Parcel) -> None:
        if not self._in_hand:
            self._heard_at = time.monotonic()
        parcel.rank = self._idlest()
        parcel.num_sendings += 1
        ticket = self._num_tickets
        self._num_tickets += 1
        self._in_hand[ticket] = parcel
        self._line.send(Task(ticket, self._pickled, parcel.job.shard, parcel.rank, self._folder, self._volume))

    def _idlest(self) -> int:
        """The rank that has the least in hand: a place in the queue, since which container works is Modal's choice."""
        load = [0] * self._num_workers
        for parcel in self._in_hand.values():
            load[parcel.rank] += 1
        return load.index(min(load))

    def _answered(self, answer: Answer) -> Iterator[Receipt]:
        self._heard_at = time.monotonic()
        is_late = answer.ticket in self._given_up
        parcel = (self._given_up if is_late else self._in_hand).pop(answer.ticket, None)
        if answer.error is not None and parcel is not None:
            raise answer.error
        if parcel is None or parcel.is_settled or (is_late and answer.failure):
            return  # it came twice, or what it says is another ticket's to say now
        self._settle(parcel)
        if answer.failure:
            yield from self._tried(parcel, answer)
            return
        self._num_failed = 0
        self._jobs.succeeded()
        if answer.receipt is not None:
            self._work.keep(answer.receipt, answer.part)
            yield answer.receipt

    def _settle(self, parcel: _Parcel) -> None:
        """From now on nobody waits for the parcel; a ticket of it that is under way may speak yet."""
        parcel.is_settled = True
        for ticket in [ticket for ticket, one in self._in_hand.items() if one is parcel]:
            self._given_up[ticket] = self._in_hand.pop(ticket)

    def _tried(self, parcel: _Parcel, answer: Answer) -> Iterator[Receipt]:
        """Have a shard tried again that failed, or else cut."""
        self._failed(answer.failure, num_attempts=1 if answer.is_loaded else _ATTEMPTS_OF_MODAL)
        if not answer.is_loaded:
            self._jobs.put_back(parcel.job)  # nobody tried it
        elif receipt := self._jobs.died(parcel.job, rank=parcel.rank, reason=f"raised {answer.failure}"):
            yield receipt

    def _failed(self, failure: str, *, num_attempts: int) -> None:
        self._heard_at = time.monotonic()
        self._num_failed += num_attempts
        self._last_failure = failure
        if self._num_failed > _FAILED_IN_A_ROW:
            raise EngineError(
                f"{_FAILED_IN_A_ROW} attempts in a row failed in Modal's containers",
                cause=self._last_failure,
                hint="modal app logs earmark shows what they said; --engine inline works here, where the reason shows",
            )

    def _guilty(self) -> Iterator[Receipt]:
        """All that is in hand has failed, whichever failure was whose: it is cut, and at last given up."""
        parcels, self._in_hand = list(self._in_hand.values()), {}
        self._num_nameless -= len(parcels)
        if self._num_nameless >= len(self._given_up):
            self._given_up, self._num_nameless = {}, 0
        for parcel in parcels:
            parcel.is_settled = True
            reason = f"ended with {self._last_failure}"
            if receipt := self._jobs.cut(parcel.job, rank=parcel.rank, reason=reason):
                yield receipt

    def _is_anybody_there(self) -> bool:
        """Whether there is a container, asked now and then. While there is none, nothing can be heard."""
        now_s = time.monotonic()
        if now_s - self._looked_at >= min(_LOOK_S, self._quiet_s):
            self._looked_at = now_s
            if self._line.num_containers() == 0:
                self._heard_at = now_s
                return False
        return True

    def _wait(self) -> Iterator[Receipt]:
        """After too long a silence: what failed has failed, and anything else is lost, and sent again."""
        if time.monotonic() - self._heard_at < self._quiet_s:
            return
        self._heard_at = time.monotonic()
        if self._num_nameless >= len(self._in_hand):
            yield from self._guilty()
            return
        lost = list(self._in_hand.values())
        if any(parcel.num_sendings >= _SENDINGS for parcel in lost):
            raise EngineError(
                "Modal's containers do not answer any more",
                cause=f"nothing was heard for {self._quiet_s:g} s, {_SENDINGS} times",
                hint="modal app list shows what runs; the same command goes on with what is done",
            )
        self._given_up |= self._in_hand
        self._in_hand = {}
        self._again.extendleft(reversed(lost))
