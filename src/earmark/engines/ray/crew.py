"""The actors of a run: started as there is room and work, fed one shard each, made anew when they die.

Knows places, each with a rank that stays when its actor or its node is lost. It never waits for a place that the
cluster has not granted: the others work meanwhile.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from earmark.engines.jobs import Job, JobQueue
from earmark.engines.ray.actor import ShardActor
from earmark.engines.ray.cluster import alive_nodes
from earmark.engines.ray.demand import Demand
from earmark.engines.ray.inspection import Expected
from earmark.engines.ray.packed import packed
from earmark.errors import EarmarkError, EngineError, sentence_of
from earmark.records import Receipt, StopCheck, Work

_FAILED_STARTS = 3
_POLL_S = 0.2
_LOOK_AGAIN_S = 2.0
_FAREWELL_S = 10.0
_CONTROL = "control"
_WHY = re.compile(r"^The actor (?:is dead|died) because (.+?)(?: Worker exit detail.*)?$", re.MULTILINE)
"""What Ray says of a death, without a paragraph of guesses at what may have caused it."""


@dataclass(slots=True)
class _Place:
    """One place for an actor. ``answer`` is the reference to what it was asked for, None while it is free."""

    rank: int
    actor: Any = None
    answer: Any = None
    job: Job | None = None
    since_s: float = 0.0
    node_id: str | None = None  # None until it is loaded
    num_failed_starts: int = 0
    is_sure: bool = False  # that its actor lives, since it answered just now

    @property
    def is_free(self) -> bool:
        return self.actor is not None and self.answer is None

    @property
    def is_idle(self) -> bool:
        """Whether its actor has loaded the work and does none of it."""
        return self.node_id is not None and self.job is None

    @property
    def may_start(self) -> bool:
        return self.actor is None and self.num_failed_starts < _FAILED_STARTS


@dataclass
class Crew:
    """The actors for ``work``. ``expected`` is what each one looks for on its node before it loads."""

    work: Work
    queue: JobQueue
    demand: Demand
    expected: Expected
    shard_timeout_s: float | None = None
    places: list[_Place] = field(default_factory=list)
    is_stopping: bool = False
    error: EarmarkError | None = None
    _looked_s: float | None = None
    _told: list[Any] = field(default_factory=list)
    _packed: Any = None

    def receipts(self, stop: StopCheck) -> Iterator[Receipt]:
        """The receipts as they come, until nothing is left.

        Raises EngineError, and what a worker raised: of one that worked after the others finished and committed their
        batch.
        """
        while True:
            if stop() or self.error:
                self._tell_stop()
            else:
                self._grow()
                self._feed()
            is_busy = any(place.job for place in self.places)
            if not is_busy and (self.is_stopping or not self.queue.has(1)):
                break
            yield from self._events()
        if self.error:
            raise self.error

    def _tell_stop(self) -> None:
        if self.is_stopping:
            return
        self.is_stopping = True
        for place in self.places:
            if place.job is not None:
                self._told.append(place.actor.stop.options(concurrency_group=_CONTROL).remote())

    def _grow(self) -> None:
        """Start as many actors as there are places and jobs for."""
        now_s = time.monotonic()
        if self._looked_s is None or now_s - self._looked_s > _LOOK_AGAIN_S:
            self._looked_s = now_s
            num_places = self.demand.num_places(alive_nodes())
            self.places += [_Place(rank) for rank in range(len(self.places), num_places)]
        num_waiting = sum(place.actor is not None and place.job is None for place in self.places)
        for place in self.places:
            if place.may_start:
                num_waiting += 1
                if not self.queue.has(num_waiting):
                    return
                self._start(place)

    def _start(self, place: _Place) -> None:
        import ray

        if self._packed is None:
            self._packed = ray.put(packed(self.work))
        actor = ray.remote(
            num_cpus=self.demand.num_cpus_each,
            num_gpus=self.demand.num_gpus_each,
            max_restarts=0,  # we start it again ourselves, so that we know what died and with what
            concurrency_groups={_CONTROL: 1},
        )(ShardActor)
        place.actor, place.node_id = actor.remote(), None
        place.answer = place.actor.load.remote(self._packed, place.rank, self.expected)

    def _feed(self) -> None:
        """Give a job to every free actor that lives.

        One that was not heard just now is asked first: its death would count against a shard that nobody tried.
        """
        for place in self.places:
            if place.is_free and self.queue.has(1):
                if place.is_sure:
                    self._give(place)
                else:
                    place.answer = place.actor.here.remote()
            place.is_sure = False

    def _give(self, place: _Place) -> None:
        place.job = self.queue.next()
        assert place.job is not None, "it was looked for"  # noqa: S101  # a programmer's error
        place.since_s = time.monotonic()
        place.answer = place.actor.do.remote(place.job.shard)

    def _events(self) -> Iterator[Receipt]:
        """Receipts of the actors that answered or died within a moment."""
        import ray

        asked = {place.answer: place for place in self.places if place.answer is not None}
        ready, _ = ray.wait(list(asked), num_returns=1, timeout=_POLL_S)
        if ready:
            ready, _ = ray.wait(list(asked), num_returns=len(asked), timeout=0)
        # Receipts first, since who takes them may take long; then an actor that answered has done so just now.
        for each in sorted(ready, key=lambda answer: asked[answer].job is None):
            yield from self._heard(asked[each], each)
        yield from self._late(time.monotonic())

    def _heard(self, place: _Place, answer: Any) -> Iterator[Receipt]:  # noqa: ANN401  # Ray's reference
        import ray
        from ray.exceptions import RayError

        try:
            said = ray.get(answer)
        except RayError as error:
            yield from self._died(place, _reason(error))
            return
        job, place.answer, place.job = place.job, None, None
        if isinstance(said, EarmarkError):
            if job is None:
                raise said
            self.error = self.error or said
        elif job is None:
            place.node_id, place.num_failed_starts, place.is_sure = said, 0, True
        elif said is not None:
            self.queue.succeeded()
            yield said

    def _late(self, now_s: float) -> Iterator[Receipt]:
        """End the actors whose shard takes longer than it may, unless they have answered meanwhile."""
        if self.shard_timeout_s is None:
            return
        for place in self.places:
            if place.job and now_s - place.since_s > self.shard_timeout_s and not _has_answered(place):
                yield from self._died(place, f"timed out after {self.shard_timeout_s:g} s")

    def _died(self, place: _Place, reason: str) -> Iterator[Receipt]:
        job, node_id = place.job, place.node_id
        self._bury(place)
        if node_id is None:
            self._failed_to_start(place, reason)
        elif job is not None and not self.is_stopping:
            if node_id not in {node.id for node in alive_nodes()}:
                self.queue.put_back(job)
            elif receipt := self.queue.died(job, rank=place.rank, reason=reason):
                yield receipt

    def _failed_to_start(self, place: _Place, reason: str) -> None:
        place.num_failed_starts += 1
        if all(each.num_failed_starts >= _FAILED_STARTS for each in self.places):
            raise EngineError(
                "no worker can load the recognizer",
                cause=f"the last one {reason}",
                hint="what it needs must be on the nodes: --runtime-env FILE.json; --engine inline shows the reason",
            )

    def _bury(self, place: _Place) -> None:
        import ray

        ray.kill(place.actor)
        place.actor = place.answer = place.job = place.node_id = None
        place.is_sure = False

    def close(self) -> None:
        """End every actor: an idle one releases what it loaded, one that works is killed."""
        import ray
        from ray.exceptions import RayError

        goodbyes = [place.actor.leave.remote() for place in self.places if place.is_idle]
        if goodbyes:
            ray.wait(goodbyes, num_returns=len(goodbyes), timeout=_FAREWELL_S)
        for place in self.places:
            if place.actor is not None:
                self._bury(place)
        for each in (*goodbyes, *self._told):
            with contextlib.suppress(RayError):  # else Ray complains of an answer that nobody heard
                ray.get(each, timeout=0)


def _has_answered(place: _Place) -> bool:
    import ray

    return bool(ray.wait([place.answer], timeout=0)[0])


def _reason(error: Exception) -> str:
    """Why an actor gave no answer, as what it did."""
    from ray.exceptions import RayTaskError

    if isinstance(error, RayTaskError):
        return f"raised {sentence_of(error.cause)}"
    found = _WHY.search(str(error))
    return f"was lost: {found[1] if found else sentence_of(error)}"
