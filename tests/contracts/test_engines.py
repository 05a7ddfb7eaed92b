"""What every engine must do, whatever the work: each shard done, each receipt given once, no process left behind."""

from __future__ import annotations

import atexit
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from earmark.engines import ENGINES
from earmark.engines.inline import InlineEngine
from earmark.engines.jobs import JobQueue
from earmark.engines.options import EngineOptions
from earmark.engines.place import Place
from earmark.engines.processes import Pool, ProcessEngine
from earmark.errors import EarmarkError, EngineError, UnknownNameError, UsageError
from earmark.records import Engine, Receipt, Shard
from tests.diary import PATIENCE_S, Diary, is_running, never, plain_shards, run, shard, wait_until

# The number of processes changes little of what is asked here: one number in every test run, the others in the soak.
KINDS = [
    pytest.param(("inline", 1), id="inline"),
    pytest.param(("processes", 1), id="processes-1", marks=pytest.mark.soak),
    pytest.param(("processes", 2), id="processes-2"),
    pytest.param(("processes", 3), id="processes-3", marks=pytest.mark.soak),
]


@pytest.fixture
def diary(tmp_path: Path) -> Diary:
    return Diary(str(tmp_path))


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    name, num_workers = request.param
    yield ENGINES.load(name)(EngineOptions(num_workers=num_workers))
    assert multiprocessing.active_children() == []


def processes(num_workers: int) -> ProcessEngine:
    return ProcessEngine(EngineOptions(num_workers=num_workers))


def test_every_shard_is_done_and_has_one_receipt(engine, diary):
    """Nothing is lost and nothing given twice, and every worker that loaded also released."""
    receipts = run(engine, diary, plain_shards(12))
    assert sorted(receipt.part for receipt in receipts) == sorted(f"s{number}" for number in range(12))
    assert sorted(diary.noted("done")) == sorted(f"done s{number}" for number in range(12))
    assert len(diary.noted("entered")) == len(diary.noted("left")) <= 3


def test_a_rank_is_a_place_from_0(engine, diary):
    """Ranks count the places for workers, and one process has one rank."""
    receipts = run(engine, diary, plain_shards(9))
    ranks = {receipt.host: receipt.rank for receipt in receipts}
    assert {receipt.rank for receipt in receipts} <= set(range(getattr(engine, "num_workers", 1)))
    assert all(ranks[receipt.host] == receipt.rank for receipt in receipts)


def test_shards_are_asked_for_one_at_a_time(engine, diary):
    """The queue is pulled, never drained beforehand: no more shards are out than there are workers."""
    asked = 0

    def queue() -> Iterator[Shard]:
        nonlocal asked
        for each in plain_shards(12):
            asked += 1
            yield each

    most_ahead = 0
    for received, _ in enumerate(engine.run(diary, queue(), stop=never), start=1):
        most_ahead = max(most_ahead, asked - received)
    assert most_ahead <= getattr(engine, "num_workers", 1)


def test_a_stop_ends_early_and_loses_no_receipt_of_what_was_done(engine, diary):
    """No shard begins after it; each one that was done before it has its receipt."""
    receipts = list(engine.run(diary, iter(plain_shards(200)), stop=lambda: len(diary.noted("done")) > 1))
    assert 2 <= len(receipts) < 200
    assert sorted(f"done {receipt.part}" for receipt in receipts) == sorted(diary.noted("done"))


def test_nothing_is_loaded_without_work(engine, diary):
    """No shard, or a stop before the first one: the recognizer is never entered."""
    assert run(engine, diary, []) == []
    assert list(engine.run(diary, iter(plain_shards(3)), stop=lambda: True)) == []
    assert list(Path(diary.folder).iterdir()) == []


@pytest.mark.parametrize("place", ["loading", "working"])
def test_what_the_work_raises_goes_up_with_its_facts(engine, tmp_path, place):
    """An error of ours ends the run, and the caller can still read what it knows."""
    work = Diary(str(tmp_path), entering="raise" if place == "loading" else "")
    with pytest.raises(UnknownNameError) as raised:
        run(engine, work, [shard("raise-bset"), *plain_shards(3)])
    assert raised.value.kind == ("checkpoint" if place == "loading" else "word")
    assert raised.value.known == ["best", "last"]
    assert raised.value.exit_code == UsageError.exit_code


def test_a_consumer_that_goes_away_leaves_no_worker(engine, diary):
    """The generator closed in the middle ends the workers, also those in the middle of a shard."""
    receipts = engine.run(diary, iter([shard("quick"), shard("quick"), shard("quick")]), stop=never)
    assert next(receipts).part == "quick"
    receipts.close()
    assert all(not is_running(pid) or pid == os.getpid() for pid in diary.pids("entered"))


def test_the_inline_engine_has_one_worker():
    """Asked for more, it says which engine has them."""
    with pytest.raises(UsageError, match="not 2"):
        InlineEngine(EngineOptions(num_workers=2))


def test_inline_work_that_a_stop_forestalls_has_no_receipt(diary):
    """The stop comes when the shard is out and not yet begun: the work gives nothing, and nothing is given."""
    answers = iter([False])
    assert list(InlineEngine(EngineOptions()).run(diary, iter(plain_shards(3)), stop=lambda: next(answers, True))) == []
    assert diary.noted("done") == []


def test_processes_without_a_worker_are_refused():
    """A run that would do nothing must not look finished."""
    with pytest.raises(UsageError, match="0"):
        processes(0)


def test_work_that_cannot_travel_is_an_error_with_a_sentence(tmp_path):
    """A recognizer that does not pickle is said to be that, not shown as a traceback."""

    class Rooted(Diary):
        """Its class has no address."""

    with pytest.raises(EarmarkError, match="pickle"):
        run(processes(2), Rooted(str(tmp_path)), plain_shards(2))


def test_workers_work_at_the_same_time(diary):
    """Two shards that wait for each other both end."""
    receipts = run(processes(2), diary, [shard("together-a"), shard("together-b")])
    assert {receipt.rank for receipt in receipts} == {0, 1}


def test_a_dead_worker_is_replaced_in_its_place_and_its_shard_done_again(diary):
    """The shard is done in the end, by another process of the same rank."""
    receipts = run(processes(1), diary, [shard("s0"), shard("once-a s1"), shard("s2")])
    assert sorted(receipt.part for receipt in receipts) == ["once-a s1", "s0", "s2"]
    assert diary.noted("began once-a") == ["began once-a on 0"] * 2
    assert len(set(diary.pids("entered"))) == 2


def test_an_idle_worker_that_dies_costs_nothing(diary):
    """Killed between two shards, it is replaced when the next one is sent."""
    parts = []
    for receipt in processes(1).run(diary, iter(plain_shards(3)), stop=never):
        parts.append(receipt.part)
        if len(parts) == 1:
            os.kill(int(receipt.host), signal.SIGKILL)
            assert wait_until(lambda pid=int(receipt.host): not is_running(pid))
    assert parts == ["s0", "s1", "s2"]
    assert diary.noted("gave up") == []


def test_a_guilty_segment_is_found_and_only_it_is_given_up(diary, monkeypatch):
    """Shard, batch, segment: what it met with is done, and its reason names the signal."""
    monkeypatch.setattr("earmark.engines.jobs._DEATHS_PER_SHARD", 1)
    receipts = run(processes(2), diary, [shard("s0 SIGKILL-a", "s1 s2", number=1), *plain_shards(2)])
    given_up = [receipt for receipt in receipts if receipt.num_failed]
    assert [receipt.part for receipt in given_up] == ["SIGKILL-a"]
    assert "SIGKILL" in given_up[0].device
    assert Counter(" ".join(receipt.part for receipt in receipts).split()) == Counter(
        {"s0": 2, "s1": 2, "s2": 1, "SIGKILL-a": 1}
    )


@pytest.mark.parametrize(
    ("word", "reason", "tries"),
    [("SIGSEGV-a", "SIGSEGV", 3), ("exit-a", "exit code 7", 1), ("surprise-a", "exit code 1", 1)],
)
def test_the_reason_says_how_the_workers_died(diary, monkeypatch, word, reason, tries):
    """A signal by its name, an end by its exit code; three workers are tried, unless the test wants fewer."""
    if tries != 3:
        monkeypatch.setattr("earmark.engines.jobs._DEATHS_PER_SHARD", tries)
    [receipt] = run(processes(1), diary, [shard(word)])
    assert reason in receipt.device
    assert len(diary.noted(f"began {word}")) == tries


def test_workers_that_die_while_loading_end_the_run_and_fail_nothing(tmp_path, monkeypatch):
    """An error of the engine, not an endless loop; nobody tried the utterances, so none is given up."""
    monkeypatch.setattr("earmark.engines.processes._FAILED_STARTS", 2)
    work = Diary(str(tmp_path), entering="exit")
    with pytest.raises(EngineError) as raised:
        run(processes(2), work, plain_shards(3))
    assert "exit code 3" in raised.value.cause
    assert work.noted("gave up") == []


def test_a_place_where_no_worker_can_load_fails_no_utterance(tmp_path):
    """A second worker that never fits beside the first costs no row: the first does the work."""
    work = Diary(str(tmp_path), entering="only-one-fits")
    receipts = run(processes(2), work, [shard("patient-a"), *plain_shards(3)])
    assert sorted(receipt.part for receipt in receipts) == ["patient-a", "s0", "s1", "s2"]
    assert work.noted("gave up") == []


def test_a_place_that_could_load_in_between_is_tried_again(tmp_path, monkeypatch):
    """Failed starts count in a row: a device that is busy now and then does not lose its place for good."""
    monkeypatch.setattr("earmark.engines.processes._FAILED_STARTS", 2)
    work = Diary(str(tmp_path), entering="every-other-time")
    [receipt] = run(processes(1), work, [shard("once-a")])
    assert (receipt.part, receipt.num_failed, len(work.noted("entered"))) == ("once-a", 0, 4)


def test_utterances_that_kill_every_worker_one_after_the_other_end_the_run(diary, monkeypatch):
    """A machine on which nothing works is said to be that, and does not fail a whole test set, row by row."""
    monkeypatch.setattr("earmark.engines.jobs._DEATHS_PER_SHARD", 1)
    monkeypatch.setattr("earmark.engines.jobs._GIVEN_UP_IN_A_ROW", 2)
    with pytest.raises(EngineError, match="2 utterances in a row") as raised:
        run(processes(1), diary, [shard(f"SIGKILL-{number}") for number in range(5)])
    assert "SIGKILL" in raised.value.cause
    assert len(diary.noted("gave up")) == 2


def test_utterances_that_kill_their_workers_now_and_then_do_not_end_the_run(diary, monkeypatch):
    """However many they are in all, a result in between shows that work is possible."""
    monkeypatch.setattr("earmark.engines.jobs._DEATHS_PER_SHARD", 1)
    monkeypatch.setattr("earmark.engines.jobs._GIVEN_UP_IN_A_ROW", 1)
    receipts = run(processes(1), diary, [shard("SIGKILL-a"), shard("s0"), shard("SIGKILL-b"), shard("s1")])
    assert [receipt.num_failed for receipt in receipts] == [1, 0, 1, 0]


def test_a_receipt_that_a_dead_worker_left_in_its_pipe_is_heard(diary):
    """It said so before it died: the shard is done, and nobody does it again."""
    place = Place(0)
    pool = Pool(diary, JobQueue(diary, iter([shard("s0")])), [place])
    try:
        pool.feed()
        while not place.has_taken:
            assert list(pool.events()) == []
        assert wait_until(place.connection.poll)
        place.process.kill()
        place.process.join()
        assert [receipt.part for receipt in pool.events()] == ["s0"]
    finally:
        pool.close()


@dataclass
class Interrupted(Diary):
    """Work that the whole group's signal meets while it arrives at a worker, and again while it loads."""

    number: int = 0
    arriving: bool = True

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.arriving:
            self.signal()

    def __enter__(self):
        self.signal()
        return super().__enter__()

    def signal(self) -> None:
        self.note("signalled")
        os.kill(os.getpid(), self.number)


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM])
def number(request: pytest.FixtureRequest) -> Iterator[int]:
    """A signal that this process handles, so that no process which it starts has it silenced from before."""
    before = signal.signal(request.param, deaf_ear)
    yield request.param
    signal.signal(request.param, before)


def deaf_ear(number: int, frame: object) -> None:
    """Hear and do nothing."""


def test_a_worker_hears_no_signal_that_is_meant_for_its_driver(tmp_path, number):
    """Neither while its work arrives, nor while it loads; and the driver hears as before: it is the one to answer."""
    work = Interrupted(str(tmp_path), number=number)
    [receipt] = run(processes(1), work, [shard("s0")])
    assert (receipt.part, len(work.noted("signalled")), len(work.noted("entered"))) == ("s0", 2, 1)
    assert signal.getsignal(number) is deaf_ear


def test_a_worker_that_a_thread_started_hears_no_signal_either(tmp_path, number):
    """A thread may not silence signals beforehand, so the worker does it itself before it loads."""
    work = Interrupted(str(tmp_path), number=number, arriving=False)
    receipts: list[Receipt] = []
    thread = threading.Thread(target=lambda: receipts.extend(run(processes(1), work, [shard("s0")])))
    thread.start()
    thread.join(PATIENCE_S)
    assert [receipt.part for receipt in receipts] == ["s0"]
    assert len(work.noted("entered")) == 1


def test_a_worker_that_dies_after_a_stop_is_not_replaced(diary):
    """It heard of the stop in the middle of its shard, which is left for the next start: the user wants to go."""
    is_asked = threading.Event()
    parts = []
    queue = iter([shard("s0"), shard("stopping-a"), shard("s1")])
    for receipt in processes(2).run(diary, queue, stop=is_asked.is_set):
        parts.append(receipt.part)
        assert wait_until(lambda: bool(diary.noted("began stopping-a")))
        is_asked.set()
    assert "stopping-a" not in parts
    assert diary.noted("heard") == ["heard stopping-a"]
    assert len(diary.noted("began stopping-a")) == 1
    assert diary.noted("gave up") == []


def test_a_busy_worker_is_killed_when_the_consumer_goes_away(diary):
    """It does not keep the driver waiting for the end of its shard."""
    receipts = processes(2).run(diary, iter([shard("forever"), shard("s0"), shard("s1")]), stop=never)
    assert next(receipts).part in ("s0", "s1")
    assert wait_until(lambda: bool(diary.noted("began forever")))
    receipts.close()
    assert not any(is_running(pid) for pid in diary.pids("entered"))


@dataclass
class LastWord(Diary):
    """Work that notes at the very end of its process whether all that is left was set aside."""

    def __enter__(self):
        atexit.register(lambda: self.note("frozen" if gc.get_freeze_count() else "searched"))
        return super().__enter__()


def test_a_worker_ends_without_a_search_of_all_that_it_loaded(tmp_path):
    """After a model was loaded, the interpreter's last search for cycles would cost a second."""
    diary = LastWord(str(tmp_path))
    run(processes(1), diary, plain_shards(1))
    assert diary.noted("frozen") == ["frozen"]
    assert diary.noted("searched") == []


def drive_forever(folder: str) -> None:
    """A driver that never ends by itself."""
    run(processes(2), Diary(folder), [shard("forever-a"), shard("forever-b")])


def test_workers_end_when_their_driver_is_killed(diary):
    """SIGKILL gives the driver no time to say goodbye; its workers notice by themselves."""
    command = f"from tests.contracts.test_engines import drive_forever; drive_forever({diary.folder!r})"
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", command], cwd=root, stderr=subprocess.DEVNULL) as driver:
        assert wait_until(lambda: len(diary.noted("began forever")) == 2)
        driver.kill()
    workers = diary.pids("began forever")
    assert wait_until(lambda: not any(is_running(pid) for pid in workers))
