from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from earmark.engines.jobs import Job, JobQueue
from earmark.errors import EngineError
from earmark.records import Shard
from tests.diary import ids, plain_shards, shard


@dataclass
class Undertaker:
    """Work that only gives up."""

    gone: list[str] = field(default_factory=list)

    def give_up(self, shard: Shard, *, rank: int, reason: str) -> str:
        self.gone.append(f"{' '.join(ids(shard))} on {rank}: {reason}")
        return self.gone[-1]


@pytest.fixture
def work() -> Undertaker:
    return Undertaker()


def words(job: Job | None) -> list[str]:
    assert job is not None
    return ids(job.shard)


def test_shards_come_in_order_and_then_nothing(work):
    """As they were given, each once."""
    queue = JobQueue(work, iter(plain_shards(2)))
    assert [words(queue.next()), words(queue.next())] == [["s0"], ["s1"]]
    assert queue.next() is None


def test_no_more_shards_are_asked_for_than_must_be(work):
    """Whether two jobs are left is known from two shards."""
    asked = 0

    def counted() -> Iterator[Shard]:
        nonlocal asked
        for each in plain_shards(9):
            asked += 1
            yield each

    queue = JobQueue(work, counted())
    assert queue.has(2)
    assert asked == 2
    queue.next()
    assert queue.has(1)
    assert asked == 2
    assert not queue.has(10)


def test_a_job_that_nobody_tried_is_the_next_one(work):
    """Its place in the line is kept, and no death counted."""
    queue = JobQueue(work, iter(plain_shards(2)))
    first = queue.next()
    queue.put_back(first)
    assert queue.next() is first
    assert first.num_deaths == 0


def test_the_third_death_cuts_a_shard_and_the_last_segment_is_given_up(work):
    """Batches first, then halves; only what holds one segment is given up, with its rank and reason."""
    queue = JobQueue(work, iter([shard("a b", "c")]))
    seen = []
    while (job := queue.next()) is not None:
        seen.append(" ".join(ids(job.shard)))
        if "a" in words(job):
            queue.died(job, rank=4, reason="was killed")
        else:
            queue.succeeded()
    assert seen == ["a b c"] * 3 + ["a b", "c", "a b", "a b", "a", "b", "a", "a"]
    assert work.gone == ["a on 4: 3 workers died of it: was killed"]


def test_a_row_of_given_up_segments_ends_the_run_and_a_result_between_them_does_not(work, monkeypatch):
    """Where nothing works it is not the data."""
    monkeypatch.setattr("earmark.engines.jobs._DEATHS_PER_SHARD", 1)
    monkeypatch.setattr("earmark.engines.jobs._GIVEN_UP_IN_A_ROW", 2)
    queue = JobQueue(work, iter(plain_shards(9)))
    for is_good in (False, False, True, False, False):
        job = queue.next()
        if is_good:
            queue.succeeded()
        else:
            assert queue.died(job, rank=0, reason="died") is not None
    with pytest.raises(EngineError, match="2 utterances in a row") as raised:
        queue.died(queue.next(), rank=0, reason="was killed")
    assert raised.value.cause == "the last one was killed"
