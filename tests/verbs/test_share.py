"""A run in shares, by several drivers, in any order and at the same time: the same scores, each mistake once."""

from __future__ import annotations

import json
import multiprocessing
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from earmark.errors import InterruptedRunError, RunLockedError, RunMismatchError, UsageError
from earmark.recognizers.doubles import Echo, Failing, Noisy
from earmark.store import layout
from earmark.store.folder import LocalFolder
from earmark.store.lock import Sharing
from earmark.verbs.evaluate import evaluate
from earmark.verbs.events import ModelLoading, RunBegan, ShareEnded
from earmark.verbs.merge import merge
from tests.toys import ToySource, toy_source
from tests.verbs.test_evaluate import StopAfter

MISTAKE = ["index", "reference", "prediction", "diff", "sample_wer", "sample_cer"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ToySource:
    return toy_source(tmp_path_factory.mktemp("audio"), 24)


@pytest.fixture(scope="module")
def truth(source: ToySource, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run by one driver."""
    out = tmp_path_factory.mktemp("truth") / "run"
    run(source, out)
    return out


def run(source: ToySource, out: Path, shard: str | None = None, **arguments):
    """A run of a recognizer that errs, in several batches."""
    recognizer = arguments.pop("recognizer", None) or Noisy(source.texts, error_rate=0.3)
    settings = {"out": str(out), "normalizer": "none", "max_batch_s": 1.0, "shard": shard, **arguments}
    return evaluate(recognizer, source, **settings)


def mistakes(out: Path) -> list[list[object]]:
    """What the exported files hold, merged, without who did it and when."""
    merge(str(out))
    return pd.read_parquet(out / layout.MERGED).sort_values("index")[MISTAKE].values.tolist()


def assert_same(out: Path, truth: Path) -> None:
    assert (out / layout.SCORES).read_bytes() == (truth / layout.SCORES).read_bytes()
    assert hash_of(out) == hash_of(truth)
    exported = pd.concat(pd.read_parquet(path) for path in (out / layout.MISTAKES).iterdir())
    assert exported["index"].is_unique
    assert mistakes(out) == mistakes(truth)


def hash_of(out: Path) -> str:
    return json.loads((out / layout.SUMMARY).read_text())["scores_hash"]


class Ends(list):
    """Keeps what the end of a share says."""

    def __call__(self, event):
        if isinstance(event, ShareEnded):
            self.append(event)


def test_the_last_share_makes_the_summary_in_whatever_order_they_come(source, truth, tmp_path):
    """Before it nobody does, and each says how much is left; a share that comes again finds nothing to do."""
    out, ends = tmp_path / "run", Ends()
    for shard in ("2/3", "3/3"):
        found = run(source, out, shard, observer=ends)
        assert found.num_skipped == ends[-1].num_segments_left > 0
        assert not (out / layout.SUMMARY).exists()
    summary = run(source, out, "1/3", observer=ends)
    assert len(ends) == 2
    assert ends[0].num_segments_left > ends[1].num_segments_left
    assert (summary.num_scored, summary.num_skipped) == (24, 0)
    assert_same(out, truth)
    before = (out / layout.SCORES).stat().st_mtime_ns
    assert run(source, out, "3/3").scores_hash == hash_of(truth)
    assert (out / layout.SCORES).stat().st_mtime_ns > before
    assert_same(out, truth)


def test_a_share_is_killed_and_another_number_of_workers_goes_on(source, truth, tmp_path):
    """Ranks are of the driver and the worker, so that no two write a file of one name."""
    out = tmp_path / "run"
    with pytest.raises(InterruptedRunError):
        run(source, out, "1/2", observer=StopAfter(1))
    run(source, out, "2/2", workers=2)
    run(source, out, "1/2", workers=2)
    assert_same(out, truth)
    ranks = pd.concat(pd.read_parquet(path) for path in (out / layout.PARTS).iterdir()).groupby("rank")["batch"]
    assert all((batches % 2 == rank % 2).all() for rank, batches in ranks)


def test_the_line_without_a_share_does_the_rest(source, truth, tmp_path):
    """What the shares did stays as it is."""
    out = tmp_path / "run"
    run(source, out, "2/16")
    parts = {path.name: path.read_bytes() for path in (out / layout.PARTS).iterdir()}
    assert run(source, out).num_skipped == 0
    assert_same(out, truth)
    assert all((out / layout.PARTS / name).read_bytes() == data for name, data in parts.items())


def test_long_audio_whose_pieces_are_several_shares(source, tmp_path):
    """Its mistakes are exported by the last one, as no other has all of its pieces."""
    whole, shared = tmp_path / "whole", tmp_path / "shared"
    for shard in ("1/2", "2/2"):
        run(source, shared, shard, recognizer=Cut(source.texts))
    run(source, whole, recognizer=Cut(source.texts))
    assert_same(shared, whole)


class Cut(Noisy):
    """It errs, and takes a quarter of a second."""

    def __init__(self, texts):
        super().__init__(texts, error_rate=0.3)

    @property
    def spec(self):
        return replace(super().spec, max_audio_s=0.25)


def test_failed_utterances_are_done_again_by_their_share(source, truth, tmp_path):
    """A retry is of the share's own failures."""
    out = tmp_path / "run"
    texts = source.texts
    for shard in ("1/2", "2/2"):
        run(source, out, shard, recognizer=Failing(texts, ids="utt-002"))
    assert json.loads((out / layout.SUMMARY).read_text())["num_failed"] == 1
    for shard in ("2/2", "1/2"):
        run(source, out, shard, recognizer=Failing(texts, ids="utt-002"), retry_failed=True)
    assert json.loads((out / layout.SUMMARY).read_text())["num_failed"] == 1


def drive(folder: str, out: str, shard: str, barrier) -> None:
    """One of several drivers that begin at once."""
    source = toy_source(Path(folder), 24)
    barrier.wait()
    run(source, Path(out), shard)


def test_drivers_that_begin_at_the_same_moment(source, truth, tmp_path):
    """One plan, one summary, nothing twice; each process ends well."""
    out = tmp_path / "run"
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(4)
    drivers = [
        context.Process(target=drive, args=(source.root, str(out), f"{number}/4", barrier)) for number in range(1, 5)
    ]
    for driver in drivers:
        driver.start()
    for driver in drivers:
        driver.join()
    assert [driver.exitcode for driver in drivers] == [0] * 4
    assert_same(out, truth)


def test_a_living_driver_keeps_its_share_and_the_whole_run_from_others(source, tmp_path):
    """Another share is free."""
    out = tmp_path / "run"
    with Sharing(LocalFolder(out), "1-of-2") as sharing:
        with sharing.beginning():
            pass
        for shard in ("1/2", None):
            with pytest.raises(RunLockedError):
                run(source, out, shard)
        ends = Ends()
        run(source, out, "2/2", observer=ends)
    assert ends[0].num_segments_left > 0


def test_a_share_that_ends_before_another_one_leaves_the_summary_to_it(source, tmp_path):
    """All is done, and the other driver has not ended: it may be about to export its mistakes."""
    out, ends = tmp_path / "run", Ends()
    run(source, out, "1/2")
    with Sharing(LocalFolder(out), "1-of-2") as sharing:
        with sharing.beginning():
            pass
        run(source, out, "2/2", observer=ends)
    assert [end.num_segments_left for end in ends] == [0]
    assert not (out / layout.SUMMARY).exists()


def test_the_first_driver_s_batches_are_everybody_s(source, tmp_path):
    """A second one that would choose others, on another machine say, takes those that there are."""
    out, begins = tmp_path / "run", []
    run(source, out, "1/2", max_batch_s=1.0)
    plan = (out / layout.PLAN).read_bytes()
    run(
        source,
        out,
        "2/2",
        max_batch_s=None,
        observer=lambda event: isinstance(event, RunBegan) and begins.append(event),
    )
    assert (out / layout.PLAN).read_bytes() == plan
    assert json.loads((out / layout.SPEC).read_text())["batching"]["max_batch_s"] == 1.0
    assert begins[0].num_segments < 24


def test_a_driver_with_other_settings_or_references_changes_nothing(source, tmp_path):
    """Even where nobody has committed anything: others are at work with what stands there."""
    out = tmp_path / "run"
    run(source, out, "1/2")
    for path in (out / layout.PARTS).iterdir():
        path.unlink()
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file() and path.name[0] not in ".r"}
    with pytest.raises(RunMismatchError, match="another run"):
        run(source, out, "2/2", recognizer=Noisy(source.texts, error_rate=0.4))
    mended = replace(source, items=(replace(source.items[0], reference="something else"), *source.items[1:]))
    with pytest.raises(RunMismatchError) as refused:
        run(mended, out, "2/2", recognizer=Noisy(source.texts, error_rate=0.3))
    assert set(refused.value.fields) == {"reference"}
    after = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file() and path.name[0] not in ".r"}
    assert after == before


def test_the_same_data_under_another_root_are_the_same(source, truth, tmp_path):
    """Each machine may have mounted them elsewhere."""
    other = ToySource(str(tmp_path / "mounted"), source.items)
    Path(other.root).symlink_to(source.root)
    run(source, tmp_path / "run", "1/2")
    run(other, tmp_path / "run", "2/2")
    assert_same(tmp_path / "run", truth)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"fresh": True}, "--fresh"),
        ({"audit": 5}, "audit"),
        ({"auto_merge": True}, "merge"),
        ({"budget": 5.0}, "cost"),
        ({"shard": "4/3"}, "--shard 4/3"),
    ],
)
def test_what_does_not_go_with_a_share_is_refused(source, tmp_path, arguments, what):
    """Before anything is begun."""
    with pytest.raises(UsageError, match=what):
        run(source, tmp_path / "run", **{"shard": "1/3", **arguments})
    assert not (tmp_path / "run").exists()


def test_a_share_that_is_done_loads_nothing_and_says_nothing_of_loading(source, tmp_path):
    """Though others have work to do yet."""
    events = []
    run(source, tmp_path / "run", "1/2")
    run(source, tmp_path / "run", "1/2", observer=events.append)
    assert any(isinstance(event, RunBegan) for event in events)
    assert not any(isinstance(event, ModelLoading) for event in events)


def test_more_shares_than_batches(source, tmp_path):
    """One that has none ends well, and leaves the run to the others."""
    ends = Ends()
    summary = run(source, tmp_path / "run", "900/1000", recognizer=Echo(source.texts), observer=ends)
    assert summary.num_scored == 0
    assert ends[0].num_segments_left == 24
