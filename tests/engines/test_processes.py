"""What only processes of this machine have: a device each, a time for a shard, and no more of them than work."""

from __future__ import annotations

import os
import signal
import struct
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from earmark.engines.jobs import JobQueue
from earmark.engines.options import EngineOptions
from earmark.engines.place import Place
from earmark.engines.processes import Pool, ProcessEngine
from earmark.errors import EngineError, StoreError, UsageError
from tests.diary import Diary, is_running, never, plain_shards, run, shard, wait_until
from tests.planning.test_plan import all_shards, planned, utterances

SEEN_AT_IMPORT = os.environ.get("CUDA_VISIBLE_DEVICES")
"""By a worker, which imports this module to know what its work is."""


@dataclass
class Looking(Diary):
    """Work whose receipts say which device its process saw, at its first import and now."""

    def __call__(self, shard, *, rank, stop):
        self.note(f"rank {rank}")
        assert wait_until(lambda: len(set(self.noted("rank"))) == 3)
        return self.receipt(shard, rank, f"{SEEN_AT_IMPORT} {os.environ['CUDA_VISIBLE_DEVICES']}")


def test_each_worker_sees_its_gpu_alone_from_its_first_import(tmp_path, monkeypatch):
    """Three workers share two GPUs, round robin; the driver sees what it saw before."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,7,8")
    engine = ProcessEngine(EngineOptions(gpus="3,8", num_workers=3))
    receipts = run(engine, Looking(str(tmp_path)), plain_shards(3))
    assert {receipt.rank: receipt.device for receipt in receipts} == {0: "3 3", 1: "8 8", 2: "3 3"}
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3,7,8"


def test_a_replaced_worker_keeps_its_gpu(tmp_path, monkeypatch):
    """The device belongs to the place; a variable that the driver does not have is gone from it again."""
    monkeypatch.delenv("EARMARK_TEST_DEVICE", raising=False)
    place = Place(0, {"EARMARK_TEST_DEVICE": "5"})
    work = Telling(str(tmp_path))
    receipts = list(Pool(work, JobQueue(work, iter([shard("once-a")])), [place]).receipts(never))
    assert [receipt.device for receipt in receipts] == ["5"]
    assert len(work.noted("entered")) == 2
    assert "EARMARK_TEST_DEVICE" not in os.environ


@dataclass
class Telling(Diary):
    """Work whose receipts say a variable of its process."""

    def receipt(self, shard, rank, reason=""):
        return super().receipt(shard, rank, os.environ.get("EARMARK_TEST_DEVICE", ""))


def test_no_process_is_started_without_a_shard_for_it(tmp_path):
    """Eight workers and two shards that wait for each other: two load anything."""
    work = Diary(str(tmp_path))
    receipts = run(ProcessEngine(EngineOptions(num_workers=8)), work, [shard("together-a"), shard("together-b")])
    assert len(receipts) == 2
    assert len(work.noted("entered")) == 2


def timed(num_workers: int, limit_s: float = 1.0) -> ProcessEngine:
    return ProcessEngine(EngineOptions(num_workers=num_workers, shard_timeout_s=limit_s))


def test_a_shard_that_takes_too_long_is_cut_until_one_segment_fails(tmp_path, monkeypatch):
    """What it was with is done; the guilty one says how long it had."""
    monkeypatch.setattr("earmark.engines.jobs._DEATHS_PER_SHARD", 1)
    work = Diary(str(tmp_path))
    receipts = run(timed(1), work, [shard("forever-a s1"), shard("s2")])
    assert {receipt.part: receipt.num_failed for receipt in receipts} == {"forever-a": 1, "s1": 0, "s2": 0}
    [given_up] = [receipt for receipt in receipts if receipt.num_failed]
    assert given_up.device.endswith("timed out after 1 s")


def test_loading_does_not_count(tmp_path):
    """A model may take longer to load than a shard may take: the time begins when it is loaded."""
    work = Loading(str(tmp_path))
    place = Place(0)
    pool = Pool(work, JobQueue(work, iter([shard("s0")])), [place], shard_timeout_s=1e-9)
    try:
        pool.feed()
        assert wait_until(lambda: bool(work.noted("entered")))
        place.end_if_late(1e-9)
        assert place.process.is_alive()
        Path(tmp_path, "go~0~0").touch()
        while not place.is_ready:
            list(pool.events())
        place.end_if_late(1e-9)
        assert not place.process.is_alive()
    finally:
        pool.close()


@dataclass
class Loading(Diary):
    """Work that loads until it is told to go."""

    def __enter__(self):
        super().__enter__()
        assert wait_until(lambda: bool(self.noted("go")))
        return self


def test_a_hanging_worker_does_not_keep_a_stop_waiting(tmp_path):
    """It does not hear the stop, and is killed when its time is over; its shard is left for the next start."""
    work, is_asked = Diary(str(tmp_path)), threading.Event()
    parts = []
    for receipt in timed(2).run(work, iter([shard("forever-a"), shard("s0"), shard("s1")]), stop=is_asked.is_set):
        parts.append(receipt.part)
        assert wait_until(lambda: bool(work.noted("began forever-a")))
        is_asked.set()
    assert "forever-a" not in parts
    assert work.noted("gave up") == []


def test_a_worker_that_has_answered_is_not_late(tmp_path):
    """Its receipt lay in the pipe while the driver was busy: it counts, and the same worker has the next shard."""
    work = Diary(str(tmp_path))
    place = Place(0)
    pool = Pool(work, JobQueue(work, iter(plain_shards(2))), [place])
    try:
        pool.feed()
        while not place.has_taken:
            assert list(pool.events()) == []
        assert wait_until(place.connection.poll)
        place.end_if_late(0.0)
        assert [receipt.part for receipt in pool.events()] == ["s0"]
        assert [receipt.part for receipt in pool.receipts(never)] == ["s1"]
        assert len(work.noted("entered")) == 1
        assert work.noted("gave up") == []
    finally:
        pool.close()


def test_an_idle_worker_that_dies_costs_nothing(tmp_path, monkeypatch):
    """Killed between two shards, it is replaced in its place, and none of them counts a death."""
    monkeypatch.setattr("earmark.engines.jobs._DEATHS_PER_SHARD", 1)
    work, received = Diary(str(tmp_path)), []
    for receipt in ProcessEngine(EngineOptions(num_workers=1)).run(work, iter(plain_shards(3)), stop=never):
        received.append(receipt)
        if len(received) == 1:
            [pid] = work.pids("entered")
            os.kill(pid, signal.SIGKILL)
            assert wait_until(lambda pid=pid: not is_running(pid))
    assert [receipt.part for receipt in received] == ["s0", "s1", "s2"]
    assert work.noted("gave up") == []
    assert len(work.noted("entered")) == 2


@dataclass
class Torn(Diary):
    """Work whose first worker dies when half of a message is in the pipe."""

    def __call__(self, shard, *, rank, stop):
        if len(self.noted("entered")) == 1:
            pipe = stop.__self__  # a worker is asked to stop through its pipe
            os.write(pipe.fileno(), struct.pack("!i", 1000) + b"half")
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(shard, rank=rank, stop=stop)


def test_a_worker_that_dies_in_the_middle_of_a_message_is_replaced(tmp_path):
    """It died like any other, and the driver goes on."""
    work = Torn(str(tmp_path))
    receipts = run(ProcessEngine(EngineOptions(num_workers=1)), work, plain_shards(2))
    assert sorted(receipt.part for receipt in receipts) == ["s0", "s1"]
    assert len(work.noted("entered")) == 2


@dataclass
class Full(Diary):
    """Work of which one worker finds its disk full, while the other is in the middle of a shard."""

    def do(self, action, word, stop):
        if action == "full":
            assert wait_until(lambda: bool(self.noted("began stoppable")))
            raise StoreError("cannot write", cause="No space left on device")
        if action == "stoppable":
            assert wait_until(stop)


def test_what_one_worker_cannot_store_ends_the_run_after_the_others_have_committed(tmp_path):
    """A full disk of one node costs its shard: the others finish their batch, and the error is the first one's."""
    work = Full(str(tmp_path))
    receipts = []
    with pytest.raises(StoreError) as raised:
        receipts.extend(
            ProcessEngine(EngineOptions(num_workers=2)).run(
                work, iter([shard("full-a"), shard("stoppable-a"), *plain_shards(3)]), stop=never
            )
        )
    assert raised.value.cause == "No space left on device"
    assert work.noted("done stoppable-a")
    assert work.noted("done s0") == []


@dataclass
class Unlike(Diary):
    """Work of which rank 0 is so slow that rank 1 begins its second shard before it has done its first."""

    def __call__(self, shard, *, rank, stop):
        self.note(f"shard on {rank}")
        if rank == 0 and len(self.noted("shard on 0")) == 1:
            assert wait_until(lambda: len(self.noted("shard on 1")) > 1)
        return super().__call__(shard, rank=rank, stop=stop)


def test_the_longest_recording_goes_to_the_faster_worker(tmp_path):
    """Nobody knows which one that is: it is back from its trial first, and the hour is what comes next."""
    table = utterances([10.0] * 304 + [3600.0] + [100.0] * 4)
    queue = all_shards(table, planned(table, 1.0), 2)
    work = Unlike(str(tmp_path))
    receipts = run(ProcessEngine(EngineOptions(num_workers=2)), work, queue)
    [longest] = [receipt for receipt in receipts if receipt.part == "u304"]
    assert longest.rank == 1
    assert sum(receipt.num_rows for receipt in receipts) == len(table)


def test_no_time_and_no_worker_are_refused():
    """Before anything is started."""
    with pytest.raises(UsageError, match="--shard-timeout 0 is no time"):
        timed(1, 0.0)


def test_work_that_hangs_everywhere_ends_the_run(tmp_path, monkeypatch):
    """As work that kills everywhere does: then it is not the data."""
    monkeypatch.setattr("earmark.engines.jobs._DEATHS_PER_SHARD", 1)
    monkeypatch.setattr("earmark.engines.jobs._GIVEN_UP_IN_A_ROW", 1)
    with pytest.raises(EngineError) as raised:
        run(timed(1, 0.2), Diary(str(tmp_path)), [shard("forever-a"), shard("forever-b")])
    assert "timed out after 0.2 s" in raised.value.cause
