"""What goes wrong around a run: work done twice, clocks that disagree, one full disk. Nothing is lost or doubled."""

from __future__ import annotations

import json
import multiprocessing
import resource
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from earmark.engines import ENGINES
from earmark.engines.inline import InlineEngine
from earmark.engines.options import EngineOptions
from earmark.errors import InterruptedRunError, StoreError, UsageError
from earmark.recognizers.doubles import Echo, Failing, Fickle, Noisy
from earmark.store import layout
from earmark.store.folder import LocalFolder
from earmark.store.parts import read_part
from earmark.store.run import RunStore
from earmark.verbs import attempt
from earmark.verbs.evaluate import evaluate
from earmark.verbs.events import RunProgressed
from earmark.verbs.inputs import check_on_gpu
from earmark.verbs.workforce import Workforce
from tests.toys import ToySource, toy_source
from tests.verbs.test_evaluate import StopAfter


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ToySource:
    return toy_source(tmp_path_factory.mktemp("audio"), 12)


def run(source: ToySource, out: Path, recognizer=None, **arguments):
    recognizer = recognizer or Noisy(source.texts, error_rate=0.3)
    return evaluate(recognizer, source, out=str(out), normalizer="none", max_batch_s=1.0, **arguments)


class TwiceEngine:
    """Has two workers do every shard at once, as an engine may that takes a slow worker for a dead one."""

    num_workers = 2

    def __init__(self, options) -> None:
        del options

    def run(self, work, shards, *, stop):
        with work, ThreadPoolExecutor(2) as threads:
            for shard in shards:
                doing = [threads.submit(work, shard, rank=rank, stop=stop) for rank in range(2)]
                yield from filter(None, (one.result() for one in doing))


@pytest.fixture
def twice():
    ENGINES.add("twice", f"{__name__}:TwiceEngine", "toy: does everything twice")
    yield "twice"
    del ENGINES._entries["twice"]


def test_a_shard_that_is_done_twice_at_once_counts_once(source, twice, tmp_path):
    """The scores are those of a run that did it once, and so are progress and the exported mistakes."""
    events = []
    run(source, tmp_path / "twice", engine=twice, observer=events.append)
    run(source, tmp_path / "once")
    assert scores(tmp_path / "twice") == scores(tmp_path / "once")
    last = [event for event in events if isinstance(event, RunProgressed)][-1]
    assert last.num_segments_done == last.num_segments == 12
    assert exported(tmp_path / "twice") == exported(tmp_path / "once")


def test_two_answers_for_the_same_work_are_no_contradiction(source, twice, tmp_path):
    """A recognizer that never says the same again: the answer that stands in the store counts."""
    assert run(source, tmp_path / "run", Fickle(source.texts), engine=twice).num_scored == 12


def scores(out: Path) -> bytes:
    return (out / layout.SCORES).read_bytes()


def exported(out: Path) -> list[int]:
    return sorted(index for path in (out / layout.MISTAKES).iterdir() for index in pd.read_parquet(path)["index"])


@pytest.mark.parametrize("days", [400, -400])
def test_a_node_whose_clock_is_wrong_changes_no_score(source, tmp_path, monkeypatch, days):
    """Half of a run by a clock that is a year ahead or behind, the rest and a retry by ours."""

    class Skewed(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(days=days)

    def failing() -> Failing:
        return Failing(source.texts, ids="utt-003")

    with monkeypatch.context() as patch:
        patch.setattr(attempt, "datetime", Skewed)
        with pytest.raises(InterruptedRunError):
            run(source, tmp_path / "run", failing(), observer=StopAfter(1))
    run(source, tmp_path / "run", failing())
    with monkeypatch.context() as patch:
        patch.setattr(attempt, "datetime", Skewed)
        run(source, tmp_path / "run", failing(), retry_failed=True)
    summary = run(source, tmp_path / "run", failing(), retry_failed=True)
    run(source, tmp_path / "truth", failing())
    assert scores(tmp_path / "run") == scores(tmp_path / "truth")
    assert (summary.num_scored, summary.num_failed) == (11, 1)


def test_a_node_whose_clock_is_hours_ahead_sweeps_nobody_s_file(tmp_path, monkeypatch):
    """What another node is just writing is young by the disk's clock, which is the one that counts."""
    (tmp_path / ".tmp-part").write_bytes(b"half")
    monkeypatch.setattr("time.time", lambda: 4e9)
    LocalFolder(tmp_path).sweep()
    assert [path.name for path in tmp_path.iterdir()] == [".tmp-part"]


@dataclass
class Cramped(Echo):
    """The first worker that loads it can write no file of more than some bytes, as on a disk that is full."""

    seat: str = ""
    texts: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        Echo.__init__(self, self.texts)

    def __enter__(self):
        try:
            Path(self.seat).touch(exist_ok=False)
        except FileExistsError:
            return super().__enter__()
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
        return super().__enter__()


def test_one_node_s_full_disk_ends_the_run_with_everything_else_committed(source, tmp_path):
    """A sentence and not a traceback; the same command does what is left."""
    recognizer = Cramped(seat=str(tmp_path / "seat"), texts=source.texts)
    with pytest.raises(StoreError, match="cannot write"):
        run(source, tmp_path / "run", recognizer, workers=2)
    [kept] = (tmp_path / "run" / layout.ATTEMPTS).iterdir()
    assert json.loads(kept.read_text())["outcome"] == "failed"
    assert run(source, tmp_path / "run", recognizer, workers=2).num_scored == 12
    run(source, tmp_path / "truth", Cramped(seat=str(tmp_path / "seat"), texts=source.texts))
    assert scores(tmp_path / "run") == scores(tmp_path / "truth")


class OnProcessors(Noisy):
    """Says where it works."""

    device_kind = "cpu"


@pytest.mark.parametrize(
    ("engine", "gpus", "is_refused"),
    [("ray", "auto", False), ("ray", "0", False), ("processes", "0", False), ("processes", "1", True)],
)
def test_what_the_driver_has_means_nothing_for_workers_elsewhere(engine, gpus, is_refused):
    """A driver of a cluster seldom has a GPU; and 0 of them are processors, which are asked for."""
    workforce = Workforce(InlineEngine(EngineOptions()), engine, EngineOptions(gpus=gpus))
    with pytest.raises(UsageError, match="would work on processors") if is_refused else nullcontext():
        check_on_gpu(OnProcessors(), workforce)


class OnGpuInWorker(Noisy):
    """Its driver has no GPU, and its workers have one."""

    @property
    def device_kind(self) -> str:
        return "cpu" if multiprocessing.parent_process() is None else "cuda"


def test_a_receipt_says_where_the_worker_was(source, tmp_path):
    """Not what the driver would have worked on: receipts, and every row of a part."""
    run(source, tmp_path / "run", OnGpuInWorker(source.texts), engine="processes")
    store = RunStore.at(str(tmp_path / "run"))
    receipts = store.progress(store.spec()).receipts
    assert {receipt.device for receipt in receipts} == {"cuda"}
    parts = [read_part(store.folder, name, ["device"]) for name in store.folder.names(layout.PARTS)]
    assert {device for part in parts for device in part["device"].to_pylist()} == {"cuda"}


def test_gpus_that_a_recognizer_would_not_use_are_not_asked_for_in_vain(source, tmp_path, monkeypatch):
    """Rather an error than an hour on processors that nobody notices."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(UsageError, match="would work on processors"):
        run(source, tmp_path / "run", OnProcessors(source.texts), gpus="auto")
    assert not (tmp_path / "run").exists()
