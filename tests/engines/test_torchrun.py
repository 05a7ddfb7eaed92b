"""Ranks that share work over a store: threads here, each with an engine; test_torchrun_group has real ones."""

from __future__ import annotations

import itertools
import shlex
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from pathlib import Path

import pytest
from torch.distributed import HashStore, TCPStore
from torch.distributed.run import get_args_parser

from earmark.cli.main import app, run
from earmark.engines.options import EngineOptions
from earmark.engines.torchrun import Seat, TorchrunEngine
from earmark.engines.torchrun.board import Board
from earmark.engines.torchrun.labour import OneWorker
from earmark.errors import EngineError, InterruptedRunError, MissingExtraError, UnknownNameError, UsageError
from earmark.recognizers.doubles import Failing
from earmark.records import Probe, Receipt, Shard
from earmark.verbs.evaluate import evaluate
from tests.diary import PATIENCE_S, Diary, never, plain_shards, shard, wait_until
from tests.toys import toy_source

PLACE = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29999"}


def sees() -> str | None:
    """The folder of the driver is the worker's, too."""
    return None


def sees_nothing() -> str | None:
    return "does not see /data/run"


@dataclass
class RankDiary(Diary):
    """A diary whose work can be asked whether its results are seen; what lingers goes on until a stop."""

    probe: Probe = field(default=sees)

    def probing(self) -> AbstractContextManager[Probe]:
        return nullcontext(self.probe)

    def wait(self, action: str, stop: Callable[[], bool]) -> None:
        if action == "linger":
            assert wait_until(stop)
        else:
            super().wait(action, stop)


@pytest.fixture
def diary(tmp_path: Path) -> RankDiary:
    return RankDiary(str(tmp_path))


class HereWorker(OneWorker):
    """A rank's worker in the rank's own thread, which starts in no time; the true one is in the tests of the house."""

    def run(self, work, shards, *, stop):
        if (first := next(shards, None)) is not None:
            with work:
                for each in chain([first], shards):
                    receipt = work(each, rank=self._rank, stop=stop)
                    if receipt is not None:
                        yield receipt


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("earmark.engines.torchrun.vigil._BEAT_S", 0.02)
    monkeypatch.setattr("earmark.engines.torchrun.vigil._WATCH_S", 0.02)
    monkeypatch.setattr("earmark.engines.torchrun.OneWorker", HereWorker)
    monkeypatch.setattr("earmark.engines.torchrun._CALLS", itertools.repeat(0))  # one process is all ranks here


class Ranks:
    """The engines of one group, over one store."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor) -> None:
        self.store = HashStore()
        self._patch = monkeypatch
        self._pool = pool
        self.stopped = threading.Event()
        monkeypatch.setattr("earmark.engines.torchrun._store", lambda: self.store)

    def engine(self, rank: int, num_ranks: int = 2, **options) -> TorchrunEngine:
        for name, value in {**PLACE, "RANK": str(rank), "WORLD_SIZE": str(num_ranks)}.items():
            self._patch.setenv(name, value)
        self._patch.delenv("LOCAL_RANK", raising=False)
        return TorchrunEngine(EngineOptions(**options))

    def follow(self, rank: int = 1, num_ranks: int = 2, **options) -> Future[object]:
        return self._pool.submit(self.engine(rank, num_ranks, **options).follow, stop=self.stopped.is_set)

    def lead_with(self, what: Callable[[Callable[[object], None]], None]) -> Future[None]:
        """Rank 0 in a thread, and this one is rank 1 from now on."""
        self.leader = self.engine(0)

        def leading() -> None:
            with self.leader.lead() as announce:
                what(announce)

        future = self._pool.submit(leading)
        self.engine(1)
        return future


@pytest.fixture
def ranks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ranks]:
    with ThreadPoolExecutor(4) as pool:
        group = Ranks(monkeypatch, pool)
        yield group
        group.stopped.set()


def lead(engine: TorchrunEngine, work: Diary, shards: list[Shard], stop: Callable[[], bool] = never) -> list[Receipt]:
    with engine.lead() as announce:
        receipts = list(engine.run(work, iter(shards), stop=stop))
        announce("the summary")
    return receipts


def test_shards_that_depend_on_receipts_are_asked_for_again(ranks, diary):
    """Where there is none for now: each shard here is there only once the receipt of the one before came."""
    wanted, given, received = plain_shards(5), [], set()

    class Following:
        def __iter__(self):
            return self

        def __next__(self) -> Shard:
            if len(given) == len(wanted) or len(received) < len(given):
                raise StopIteration
            given.append(wanted[len(given)])
            return given[-1]

    engine, following = ranks.engine(0), ranks.follow()
    with engine.lead() as announce:
        for receipt in engine.run(diary, Following(), stop=never):
            received.add(receipt.part)
        announce("the summary")
    assert following.result(PATIENCE_S) == "the summary"
    assert received == {f"s{number}" for number in range(len(wanted))}


def test_every_shard_is_done_once_and_the_followers_hear_the_outcome(ranks, diary):
    """Whoever takes it, each shard has one receipt; all ranks return what rank 0 announces."""
    following = [ranks.follow(rank, 3) for rank in (1, 2)]
    receipts = lead(ranks.engine(0, 3), diary, plain_shards(40))
    assert sorted(receipt.part for receipt in receipts) == sorted(f"s{number}" for number in range(40))
    assert sorted(diary.noted("done")) == sorted(f"done s{number}" for number in range(40))
    assert [one.result(PATIENCE_S) for one in following] == ["the summary", "the summary"]
    assert len(diary.noted("entered")) == len(diary.noted("left")) <= 3


def test_ranks_work_at_the_same_time(ranks, diary):
    """Two shards that wait for each other both end, on two ranks."""
    following = ranks.follow()
    receipts = lead(ranks.engine(0), diary, [shard("together-a"), shard("together-b")])
    assert {receipt.rank for receipt in receipts} == {0, 1}
    assert following.result(PATIENCE_S) == "the summary"


def test_shards_are_asked_for_a_little_ahead(ranks, diary):
    """The queue is pulled: no more than two shards for each rank are out at a time."""
    asked = 0

    def queue() -> Iterator[Shard]:
        nonlocal asked
        for each in plain_shards(30):
            asked += 1
            yield each

    following, engine, most_ahead = ranks.follow(), ranks.engine(0), 0
    with engine.lead() as announce:
        for received, _ in enumerate(engine.run(diary, queue(), stop=never), start=1):
            most_ahead = max(most_ahead, asked - received)
        announce(None)
    following.result(PATIENCE_S)
    assert asked == 30
    assert most_ahead <= 4


def test_a_rank_that_comes_late_is_let_in(ranks, diary):
    """Rank 0 begins alone; who arrives in the middle takes shards from then on."""
    engine, receipts = ranks.engine(0), []
    with engine.lead() as announce:
        for receipt in engine.run(diary, iter([shard("s0"), shard("together-a"), shard("together-b")]), stop=never):
            if not receipts:
                following = ranks.follow()
            receipts.append(receipt)
        announce("over")
    assert {receipt.rank for receipt in receipts} == {0, 1}
    assert following.result(PATIENCE_S) == "over"


def test_without_work_nothing_is_loaded_and_the_followers_still_hear(ranks, diary):
    """No shard, or a stop before the first one."""
    following = ranks.follow()
    assert lead(ranks.engine(0), diary, []) == []
    assert following.result(PATIENCE_S) == "the summary"
    following = ranks.follow()
    assert lead(ranks.engine(0), diary, plain_shards(3), stop=lambda: True) == []
    assert following.result(PATIENCE_S) == "the summary"
    assert diary.noted("entered") == []


def test_a_stop_of_rank_0_ends_all_and_loses_no_receipt(ranks, diary):
    """No shard begins after it; each one that was done has its receipt."""
    following = ranks.follow()
    receipts = lead(ranks.engine(0), diary, plain_shards(2000), stop=lambda: len(diary.noted("done")) > 4)
    assert 5 <= len(receipts) < 2000
    assert sorted(f"done {receipt.part}" for receipt in receipts) == sorted(diary.noted("done"))
    assert following.result(PATIENCE_S) == "the summary"


def test_a_follower_in_the_middle_of_a_shard_hears_of_a_stop(ranks, diary):
    """It asks between its batches, and is told through the store."""
    following = ranks.follow()
    shards = [shard("linger-a"), shard("linger-b"), shard("s1")]
    receipts = lead(ranks.engine(0), diary, shards, stop=lambda: len(diary.noted("began linger")) == 2)
    assert sorted(receipt.part for receipt in receipts) == ["linger-a", "linger-b"]
    assert {receipt.rank for receipt in receipts} == {0, 1}
    following.result(PATIENCE_S)


@pytest.mark.parametrize("place", ["loading", "working"])
def test_what_the_work_of_any_rank_raises_is_raised_on_all(ranks, tmp_path, place):
    """Rank 0 raises it with its facts; the followers raise the same, and leave it to rank 0 to show it."""
    work = RankDiary(str(tmp_path), entering="raise" if place == "loading" else "")
    following = ranks.follow()
    with pytest.raises(UnknownNameError) as raised:
        lead(ranks.engine(0), work, [shard("raise-bset"), *plain_shards(3)])
    assert raised.value.known == ["best", "last"]
    assert not raised.value.is_told
    error = following.exception(PATIENCE_S)
    assert isinstance(error, UnknownNameError)
    assert error.is_told
    assert error.known == ["best", "last"]


def test_what_rank_0_raises_before_any_work_is_raised_on_all(ranks):
    """A mistyped option ends every rank with the same exit code, at once."""
    following, engine = ranks.follow(), ranks.engine(0)

    def mistyped() -> None:
        with engine.lead():
            assert wait_until(lambda: engine._leader._arrived() == [1])
            raise UsageError("no such data")

    with pytest.raises(UsageError):
        mistyped()
    error = following.exception(PATIENCE_S)
    assert isinstance(error, UsageError)
    assert error.is_told


def test_a_surprise_in_rank_0s_own_work_goes_up(ranks, diary):
    """A defect is not swallowed with the thread that it happened in."""
    with pytest.raises(LookupError):
        lead(ranks.engine(0, 1), diary, [shard("surprise-a")])


def test_a_follower_that_does_not_see_the_folder_ends_the_run(ranks, tmp_path):
    """Before it did any work: its rank, its machine and the folder are named."""
    work = RankDiary(str(tmp_path), probe=sees_nothing)
    following = ranks.follow()
    with pytest.raises(EngineError, match=r"rank 1 on .* does not see /data/run"):
        lead(ranks.engine(0), work, [shard("linger")])
    assert isinstance(following.exception(PATIENCE_S), EngineError)
    assert "1" not in diary_ranks(work)


def diary_ranks(work: Diary) -> set[str]:
    return {entry.rpartition(" ")[2] for entry in work.noted("began")}


def test_a_consumer_that_goes_away_ends_the_ranks(ranks, diary):
    """The generator closed in the middle: what is in work is finished, nothing new begins, all are told why."""
    following, engine = ranks.follow(), ranks.engine(0)

    def consume() -> None:
        with engine.lead():
            receipts = engine.run(diary, iter(plain_shards(5000)), stop=never)
            next(receipts)
            receipts.close()
            raise EngineError("the disk is full")

    with pytest.raises(EngineError, match="disk"):
        consume()
    assert isinstance(following.exception(PATIENCE_S), EngineError)
    assert 1 <= len(diary.noted("done")) < 100


def test_a_follower_that_is_stopped_alone_leaves(ranks, monkeypatch):
    """Rank 0 says nothing: it goes after a moment, and shows nothing."""
    monkeypatch.setattr("earmark.engines.torchrun._FAREWELL_S", 0.1)
    engine = ranks.engine(0)
    with engine.lead():
        following = ranks.follow()
        assert wait_until(lambda: engine._leader._arrived() == [1])
        ranks.stopped.set()
        error = following.exception(PATIENCE_S)
    assert isinstance(error, InterruptedRunError)
    assert error.is_told


def test_followers_of_a_silent_rank_0_leave(ranks, monkeypatch):
    """Its process is gone and no agent says so: they hear no beat any more."""
    monkeypatch.setattr("earmark.engines.torchrun.vigil.SILENCE_S", 0.3)
    engine = ranks.engine(0)
    with engine.lead():
        following = ranks.follow()
        assert wait_until(lambda: engine._leader._arrived() == [1])
        engine._leader.vigil._is_over.set()  # it beats no more
        error = following.exception(PATIENCE_S)
    assert isinstance(error, EngineError)
    assert "rank 0" in error.what
    assert not error.is_told


def test_rank_0_gives_up_where_a_follower_is_silent(ranks, diary, monkeypatch):
    """The shard that it had is nobody's: the run ends with the rank's name, and can go on."""
    monkeypatch.setattr("earmark.engines.torchrun.vigil.SILENCE_S", 0.3)
    engine, board = ranks.engine(0), Board(ranks.store, "earmark/0")
    board.post("hello/1", "somebody")
    board.count("hellos", 1)

    def receipts() -> Iterator[Receipt]:
        with engine.lead():
            assert wait_until(lambda: board.has("welcome/somebody"))
            Board(ranks.store, board.read("welcome/somebody")).count("beat/1", 1)
            yield from engine.run(diary, iter([shard("linger")]), stop=never)

    with pytest.raises(EngineError, match="rank 1 is lost"):
        list(receipts())


def test_a_greeting_from_before_a_restart_misleads_nobody(ranks, diary):
    """The agent's store outlives its ranks: an old hello is answered, and the rank that is there now is let in."""
    board = Board(ranks.store, "earmark/0")
    board.post("hello/1", "of an earlier attempt")
    board.count("hellos", 1)
    engine = ranks.engine(0)
    with engine.lead() as announce:
        assert wait_until(lambda: board.has("welcome/of an earlier attempt"))
        following = ranks.follow()
        receipts = list(engine.run(diary, iter([shard("together-a"), shard("together-b")]), stop=never))
        announce("over")
    assert len(receipts) == 2
    assert following.result(PATIENCE_S) == "over"


def test_a_rank_that_is_started_anew_in_the_middle_ends_the_run(ranks):
    """What it was doing before is lost, and nobody would wait for it rightly."""
    engine, board = ranks.engine(0), Board(ranks.store, "earmark/0")
    following = ranks.follow()

    def restarted() -> None:
        with engine.lead():
            assert wait_until(lambda: engine._leader._arrived() == [1])
            board.post("hello/1", "again")
            board.count("hellos", 1)
            assert wait_until(lambda: engine._leader.vigil.is_lost)
            engine._leader.vigil.check()

    with pytest.raises(EngineError, match="rank 1 was started anew"):
        restarted()
    assert isinstance(following.exception(PATIENCE_S), EngineError)


def test_what_does_not_fit_into_one_value_travels_in_pieces():
    """A store of torch refuses more than 8 MiB at once; a shard of a large corpus may be more."""
    with server() as store:
        board = Board(store, "b")
        large = bytes(range(256)) * 50_000
        board.post("large", large)
        assert board.has("large")
        assert board.take("large") == large
        assert not board.has("large")
        assert not board.has("large/3")


@contextmanager
def server() -> Iterator[TCPStore]:
    yield TCPStore("127.0.0.1", 0, is_master=True, timeout=timedelta(seconds=PATIENCE_S), wait_for_workers=False)


def test_a_store_that_is_gone_is_an_error_with_a_sentence():
    """What torch says of it is the cause, and the hint says how to go on."""
    with server() as store:
        other = TCPStore("127.0.0.1", store.port, is_master=False, timeout=timedelta(seconds=PATIENCE_S))
        Board(other, "b").count("told")
    del store  # which closes the server
    with pytest.raises(EngineError, match="lost each other") as raised:
        Board(other, "b").count("told")
    assert raised.value.cause
    assert "the same line" in raised.value.hint


def test_work_that_cannot_travel_is_an_error_with_a_sentence(ranks, tmp_path):
    """A recognizer that does not pickle is said to be that, not shown as a traceback."""

    class Rooted(RankDiary):
        """Its class has no address."""

    with pytest.raises(EngineError, match="pickle"):
        lead(ranks.engine(0, 1), Rooted(str(tmp_path)), plain_shards(2))


@pytest.mark.parametrize("missing", list(PLACE))
def test_a_process_that_torchrun_did_not_start_says_what_to_type(monkeypatch, missing):
    """Each of the variables is needed, and the line that sets them is the hint."""
    for name, value in PLACE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv(missing)
    with pytest.raises(UsageError) as raised:
        TorchrunEngine(EngineOptions())
    assert missing in raised.value.cause
    assert raised.value.hint.startswith("torchrun --nproc-per-node=2 -m earmark,")


@pytest.mark.parametrize(("name", "value"), [("RANK", "first"), ("WORLD_SIZE", "-2"), ("RANK", "2")])
def test_a_place_that_is_none_is_refused(monkeypatch, name, value):
    """The environment is anybody's."""
    for known, number in {**PLACE, name: value}.items():
        monkeypatch.setenv(known, number)
    with pytest.raises(UsageError, match=name):
        TorchrunEngine(EngineOptions())


def test_the_lines_of_the_page_are_what_torchrun_and_earmark_take():
    """Each is read by the launcher's own parser, and what it leaves by ours."""
    page = Path(__file__).parents[2] / "docs" / "how-to" / "torchrun.md"
    lines = [line for line in page.read_text().replace("\\\n", "").splitlines() if line.startswith("torchrun ")]
    assert len(lines) == 2
    for line in lines:
        launch = get_args_parser().parse_args(shlex.split(line)[1:])
        assert launch.module
        assert launch.training_script == "earmark"
        _, bound, _ = app.parse_args(launch.training_script_args, exit_on_error=False, print_error=False)
        assert bound.arguments["worker_flags"].engine == "torchrun"


@pytest.mark.parametrize(("allowed", "code"), [("0", 3), ("1", 0)])
def test_a_follower_prints_nothing_and_ends_with_rank_0s_code(ranks, tmp_path, capfd, allowed, code):
    """It never looks at the data: they are not even there."""
    source = toy_source(tmp_path / "audio", 3)
    summary = evaluate(Failing(source.texts, ids="utt-001"), source, out=tmp_path / "run", normalizer="none")
    leading = ranks.lead_with(lambda announce: announce(summary))
    assert run(["eval", "echo", "--data", "nowhere", "--engine", "torchrun", "--max-errors", allowed]) == code
    leading.result(PATIENCE_S)
    assert capfd.readouterr() == ("", "")


def test_a_follower_leaves_it_to_rank_0_to_show_an_error(ranks, capfd):
    """Eight ranks would show it eight times."""

    def fail(announce: Callable[[object], None]) -> None:
        assert wait_until(lambda: ranks.leader._leader._arrived() == [1])
        raise UsageError("no such data")

    leading = ranks.lead_with(fail)
    assert run(["eval", "echo", "--data", "nowhere", "--engine", "torchrun"]) == UsageError.exit_code
    assert isinstance(leading.exception(PATIENCE_S), UsageError)
    assert capfd.readouterr() == ("", "")


def test_options_that_mean_nothing_to_it_are_refused(ranks):
    """Torchrun says how many ranks there are, and each rank's place which GPU it has."""
    with pytest.raises(UsageError, match="not 3"):
        ranks.engine(0, num_workers=3)
    with pytest.raises(UsageError, match="--gpus"):
        ranks.engine(0, gpus="auto")
    assert ranks.engine(0, num_workers=2).num_workers == 2


def test_a_ranks_worker_sees_the_gpu_of_its_place(monkeypatch):
    """By LOCAL_RANK, of those that the machine's ranks may use; more ranks than GPUs share them."""
    for name in ("HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**PLACE, "LOCAL_RANK": "3", "CUDA_VISIBLE_DEVICES": "4,6"}.items():
        monkeypatch.setenv(name, value)
    assert Seat.here().environment() == {"CUDA_VISIBLE_DEVICES": "6"}
    monkeypatch.delenv("LOCAL_RANK")
    assert Seat.here().environment() == {}


def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch):
    """Torch is no part of the base."""
    for name, value in PLACE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(sys.modules, "torch.distributed.rendezvous", None)
    with pytest.raises(MissingExtraError, match="torchrun"), TorchrunEngine(EngineOptions()).lead():
        pass


def test_a_store_that_nobody_serves_is_an_error_with_its_place(monkeypatch):
    """In seconds, not minutes: and the address is named."""
    monkeypatch.setattr("earmark.engines.torchrun._CONNECT_S", 1.0)
    for name, value in {**PLACE, "RANK": "1", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(EngineError, match=r"127\.0\.0\.1:1"):
        TorchrunEngine(EngineOptions()).follow(stop=never)
