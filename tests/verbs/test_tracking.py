"""Runs that trackers follow: what they are told, and that nothing which a tracker does is the run's affair."""

from __future__ import annotations

import json
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from earmark.errors import EarmarkError, InterruptedRunError, MissingExtraError, UnknownNameError, UsageError
from earmark.recognizers.doubles import Noisy
from earmark.registry import Entry
from earmark.store import layout
from earmark.store.run import RunStore
from earmark.tracking import TRACKERS, sink
from earmark.tracking.base import Point, Result, RunCard
from earmark.tracking.facts import result_of
from earmark.tracking.kept import keep_id, kept_id
from earmark.tracking.sink import Sink
from earmark.verbs.curve import MOST_POINTS, Curve
from earmark.verbs.evaluate import evaluate
from earmark.verbs.events import Event, RunProgressed, Tracked, Warned
from earmark.verbs.score import score
from earmark.verbs.track import track
from tests.toys import ToySource, toy_source
from tests.trackers import ToyTracker

CALLS = ["load", "begin", "log", "finish"]
NOTHING = Result(outcome="finished", numbers={}, facts={}, tables=())
TOYS: dict[str, ToyTracker] = {}


class Events(list[Event]):
    """An observer that remembers; ``on_progress`` is called with each part."""

    def __init__(self, on_progress=None) -> None:
        super().__init__()
        self.on_progress = on_progress

    def __call__(self, event: Event) -> None:
        self.append(event)
        if self.on_progress is not None and isinstance(event, RunProgressed):
            self.on_progress(event)

    def of(self, kind: type) -> list:
        return [event for event in self if isinstance(event, kind)]


def toy(*, patience_s: float = sink.PATIENCE_S) -> ToyTracker:
    """What the registry loads."""
    del patience_s
    return TOYS["toy"]


def other(*, patience_s: float = sink.PATIENCE_S) -> ToyTracker:
    del patience_s
    return TOYS["other"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ToySource:
    return toy_source(tmp_path_factory.mktemp("audio"), 12)


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> dict[str, ToyTracker]:
    """Two trackers, ``toy`` and ``other``."""
    for name in ("toy", "other"):
        monkeypatch.setitem(TRACKERS._entries, name, Entry(name, f"{__name__}:{name}", "a toy"))
        monkeypatch.setitem(TOYS, name, ToyTracker())
    return TOYS


@pytest.fixture
def tracker(toys: dict[str, ToyTracker]) -> ToyTracker:
    return toys["toy"]


def run(source, out, *, track=("toy",), **arguments):
    recognizer = Noisy(source.texts, error_rate=0.3)
    return evaluate(recognizer, source, out=str(out), normalizer="none", max_batch_s=1.0, track=track, **arguments)


@pytest.fixture(scope="module")
def untracked(source, tmp_path_factory):
    return run(source, tmp_path_factory.mktemp("untracked") / "run", track=())


def test_a_tracker_is_told_the_whole_run(source, tmp_path, tracker):
    """Who it is, each step with its rates, and at the end the numbers of the summary with what they were made with."""
    events = Events()
    summary = run(source, tmp_path / "run", observer=events)
    assert tracker.card.identity["recognizer.name"] == "noisy"
    assert tracker.card.identity["recognizer.options.error_rate"] == 0.3
    assert tracker.card.name == "run"
    progressed = events.of(RunProgressed)
    assert [point.step for point in tracker.points] == [event.num_utterances_done for event in progressed]
    assert [point.numbers["live/wer"] for point in tracker.points] == [event.wer for event in progressed]
    numbers, facts = tracker.result.numbers, tracker.result.facts
    assert (numbers["wer"], numbers["wer_interval.low"]) == (summary.wer, summary.wer_interval.low)
    assert (numbers["cer"], numbers["ser"], numbers["num_failed"]) == (summary.cer, summary.ser, 0)
    assert numbers["substitutions"] == summary.counts.words.substitutions
    assert numbers["audio_h"] == pytest.approx(summary.audio_s / 3600)
    assert numbers["rtfx.compute"] == summary.speed.compute
    assert "definition.rtfx.compute" in facts
    assert (facts["normalizer.name"], facts["scores_hash"]) == ("none", summary.scores_hash)
    assert facts["version.earmark"]
    assert events[-1] == Tracked(tracker="toy", place="http://toy/run")


def test_the_table_of_the_worst_has_no_text_unless_asked(source, tmp_path, toys):
    """Ids and counts, the most errors first; references and hypotheses only where somebody said so."""
    run(source, tmp_path / "run")
    [table] = toys["toy"].result.tables
    errors = [sum(row[3:6]) for row in table.rows]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] > 0
    sent = repr(toys["toy"].result) + repr(toys["toy"].card) + repr(toys["toy"].points)
    assert not any(text in sent for text in source.texts.values())
    run(source, tmp_path / "run", track=("other",), track_texts=True)
    [table] = toys["other"].result.tables
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert row["reference"] == source.texts[row["id"]]
    assert row["hypothesis"]


def test_slices_are_sent_where_the_summary_has_them(source, tmp_path, tracker):
    """One row a slice, with its rate and its interval."""
    run(source, tmp_path / "run", track=())
    score(tmp_path / "run", slices=["speaker"])
    track(tmp_path / "run", "toy")
    slices = {table.name: table for table in tracker.result.tables}["slices"]
    rows = [dict(zip(slices.columns, row, strict=True)) for row in slices.rows]
    assert sorted(row["value"] for row in rows) == ["speaker-0", "speaker-1"]
    assert all(row["wer_low"] <= row["wer"] <= row["wer_high"] for row in rows)


def test_what_a_tracker_is_told_has_no_secret(source, tmp_path, toys):
    """A key in the name of the data stays here."""
    secret = replace(source, name="https://me:hunter2@data.example/set?sig=hunter2")
    run(secret, tmp_path / "run")
    assert "data.example" in repr(toys["toy"].result)
    assert "hunter2" not in repr(toys["toy"].result) + repr(toys["toy"].card)


@pytest.mark.parametrize("call", CALLS)
def test_a_tracker_that_hangs_is_left_behind(source, tmp_path, tracker, untracked, monkeypatch, call):
    """In whatever call: when the run is over, with the same scores, the call still hangs; and no other follows it."""
    monkeypatch.setattr(sink, "PATIENCE_S", 0.1)
    monkeypatch.setattr(sink, "LOADING_PATIENCE_S", 0.1)
    tracker.bad = call
    events = Events()
    summary = run(source, tmp_path / "run", observer=events)
    assert tracker.is_in_it.is_set()
    assert not tracker.has_left.is_set()
    assert summary.scores_hash == untracked.scores_hash
    [warning] = events.of(Warned)
    assert "did not answer" in warning.sentence
    assert f"earmark track {tmp_path / 'run'} --to toy" in warning.sentence
    assert events.of(Tracked) == []
    [thread] = [one for one in threading.enumerate() if one.name == "track-toy"]
    tracker.release.set()
    thread.join()
    assert tracker.calls[-1] == call


@pytest.mark.parametrize("call", CALLS)
def test_a_tracker_that_raises_is_one_warning(source, tmp_path, tracker, untracked, call):
    """In whatever call, with what it said, without the secrets in it."""
    tracker.bad, tracker.error = call, ConnectionError("no route to https://me:hunter2@tracker.example/\nand more")
    events = Events()
    summary = run(source, tmp_path / "run", observer=events)
    assert summary.scores_hash == untracked.scores_hash
    [warning] = events.of(Warned)
    assert "ConnectionError: no route to https://tracker.example/" in warning.sentence
    assert "hunter2" not in warning.sentence


def test_one_tracker_that_fails_is_no_affair_of_another(source, tmp_path, toys):
    """The other has the whole run."""
    toys["toy"].bad, toys["toy"].error = "begin", OSError("gone")
    events = Events()
    run(source, tmp_path / "run", track=("toy", "other", "toy"), observer=events)
    assert [event.tracker for event in events.of(Tracked)] == ["other"]
    assert len(events.of(Warned)) == 1
    assert toys["other"].result.outcome == "finished"


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_tracker_whose_package_is_missing_says_what_to_install(source, tmp_path, untracked, monkeypatch, name):
    """A run goes on without it; a replay is an error."""
    monkeypatch.setitem(__import__("sys").modules, name, None)
    events = Events()
    summary = run(source, tmp_path / "run", track=(name,), observer=events)
    assert summary.scores_hash == untracked.scores_hash
    [warning] = events.of(Warned)
    assert f"pip install 'earmark[{name}]'" in warning.sentence
    with pytest.raises(MissingExtraError):
        track(tmp_path / "run", name)


def test_an_unknown_tracker_is_refused_before_anything_begins(source, tmp_path):
    """Nothing is written."""
    with pytest.raises(UnknownNameError, match="wandbb"):
        run(source, tmp_path / "run", track=("wandbb",))
    assert not (tmp_path / "run").exists()


def test_a_share_of_a_run_is_not_tracked(source, tmp_path, tracker):
    """One driver speaks; of several none, and what to type when they are done is said."""
    with pytest.raises(UsageError, match="one driver") as raised:
        run(source, tmp_path / "run", shard="1/2")
    assert "earmark track RUN --to toy" in raised.value.hint
    assert tracker.calls == []


def test_an_interrupted_run_goes_on_in_the_same_run_of_the_tracker(source, tmp_path, toys):
    """It is told how the first attempt ended; the second has the id, and its steps go on from there."""
    stop_after = iter(range(3))

    def stop(_: RunProgressed) -> None:
        if next(stop_after, None) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(InterruptedRunError):
        run(source, tmp_path / "run", observer=Events(stop))
    first, toys["toy"] = toys["toy"], ToyTracker()
    assert (first.result.outcome, first.result.numbers) == ("interrupted", {})
    run(source, tmp_path / "run")
    second = toys["toy"]
    assert (first.card.kept_id, second.card.kept_id) == (None, "toy-1")
    assert second.points[0].step > first.points[-1].step
    assert second.points[-1].step == 12
    assert second.result.outcome == "finished"
    run(source, tmp_path / "run", fresh=True)
    assert toys["toy"].card.kept_id is None


def test_a_replay_says_what_was_said_at_once(source, tmp_path, toys):
    """The same card, points and numbers, to the last digit and millisecond, of a run that was never tracked too."""
    run(source, tmp_path / "run")
    told, toys["toy"] = toys["toy"], ToyTracker()
    assert track(tmp_path / "run", "toy") == "http://toy/run"
    again = toys["toy"]
    assert again.points == told.points
    assert again.result == told.result
    assert again.card == replace(told.card, kept_id="toy-1")
    track(tmp_path / "run", "other")
    assert toys["other"].points == told.points
    assert json.loads((tmp_path / "run" / layout.TRACKING).read_text()) == {"toy": "toy-1", "other": "toy-1"}


def test_a_replay_of_an_interrupted_run_sends_it_as_far_as_it_is(source, tmp_path, tracker):
    """Its points, and the numbers of what is done; it is not called finished."""

    def stop(event: RunProgressed) -> None:
        if event.num_utterances_done > 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(InterruptedRunError):
        run(source, tmp_path / "run", track=(), observer=Events(stop))
    track(tmp_path / "run", "toy")
    assert tracker.result.outcome == "interrupted"
    assert tracker.result.numbers["num_scored"] == tracker.points[-1].step > 3
    assert tracker.result.numbers["num_skipped"] > 0


@pytest.mark.parametrize("name", [layout.SUMMARY, layout.SCORES])
def test_a_replay_scores_a_run_first_whose_scores_are_gone(source, tmp_path, tracker, name):
    """All of it is sent, the table too."""
    summary = run(source, tmp_path / "run", track=())
    (tmp_path / "run" / name).unlink()
    track(tmp_path / "run", "toy")
    assert tracker.result.numbers["wer"] == summary.wer
    assert [table.name for table in tracker.result.tables] == ["worst_utterances"]


def test_a_replay_that_fails_is_an_error(source, tmp_path, tracker):
    """With what the tracker said; a second try can succeed."""
    run(source, tmp_path / "run", track=())
    tracker.bad, tracker.error = "finish", ConnectionError("refused")
    with pytest.raises(EarmarkError, match="refused"):
        track(tmp_path / "run", "toy")
    tracker.bad = ""
    assert track(tmp_path / "run", "toy") == "http://toy/run"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"toy": 7}'])
def test_a_file_of_ids_that_is_not_ours_is_as_if_there_was_none(source, tmp_path, tracker, text):
    """The run is a new one there, and the file is ours again."""
    run(source, tmp_path / "run", track=())
    (tmp_path / "run" / layout.TRACKING).write_text(text)
    track(tmp_path / "run", "toy")
    assert tracker.card.kept_id is None
    assert json.loads((tmp_path / "run" / layout.TRACKING).read_text())["toy"] == "toy-1"


def test_a_damaged_table_of_scores_costs_the_tracker_and_not_the_run(source, tmp_path, toys, monkeypatch):
    """What cannot be read for a tracker is a warning, and the tracker's run and its thread are closed."""

    def damaged(*_: object, **__: object) -> None:
        raise EarmarkError("scores.parquet is damaged")

    monkeypatch.setattr("earmark.verbs.tracking.result_of", damaged)
    events = Events()
    run(source, tmp_path / "run", observer=events)
    assert ["damaged" in warning.sentence for warning in events.of(Warned)] == [True]
    assert toys["toy"].result == replace(NOTHING, outcome="failed")
    assert events.of(Tracked) == []


def test_two_trackers_that_keep_their_ids_at_once_keep_both(tmp_path):
    """Each does so from a thread of its own, in the one file."""
    for number in range(20):
        store = RunStore.at(str(tmp_path / str(number)))
        barrier = threading.Barrier(2)

        def keep(name: str, store: RunStore = store, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            keep_id(store, name, f"{name}-1")

        threads = [threading.Thread(target=keep, args=(name,)) for name in ("toy", "other")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (kept_id(store, "toy"), kept_id(store, "other")) == ("toy-1", "other-1")


def test_the_time_that_is_named_is_that_of_the_call_that_was_given_up(monkeypatch):
    """Loading may take longer than any other call."""
    monkeypatch.setattr(sink, "LOADING_PATIENCE_S", 0.05)
    hanging = ToyTracker(bad="load")
    one = Sink("toy", hanging, RunCard(name="run", identity={}, kept_id=None), lambda _: None, patience_s=60)
    one.finish(NOTHING)
    one.wait()
    assert one.error.what == "toy did not answer in 0.05 s"
    hanging.release.set()


def test_a_slow_tracker_gets_the_latest_points_and_the_queue_has_an_end():
    """Those that wait too long are left out, the oldest first; the driver never waits."""
    slow = ToyTracker(bad="begin")
    card = RunCard(name="run", identity={}, kept_id=None)
    one = Sink("toy", slow, card, lambda _: None, patience_s=60, most_waiting=3)
    slow.is_in_it.wait()
    one.offer(Point(step=step, unix_ms=0, numbers={}) for step in range(10))
    slow.release.set()
    one.finish(NOTHING)
    one.wait()
    assert [point.step for point in slow.points] == [7, 8, 9]
    assert slow.calls == CALLS


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_sink_whose_tracker_ends_the_thread_does_not_hang():
    """Even what is no ordinary error is heard of."""
    leaving = ToyTracker(bad="begin", error=SystemExit(3))
    before = set(threading.enumerate())
    one = Sink("toy", leaving, RunCard(name="run", identity={}, kept_id=None), lambda _: None, patience_s=60)
    threads = set(threading.enumerate()) - before
    one.finish(NOTHING)
    one.wait()
    assert "ended its thread" in one.error.what
    for thread in threads:
        thread.join()


def test_a_curve_has_its_first_and_last_point_and_a_bound():
    """However many parts a run has."""
    curve = Curve()
    for step in range(10 * MOST_POINTS):
        curve.take(_progressed(step))
    steps = [step for step, *_ in curve.points()]
    assert (steps[0], steps[-1]) == (0, 10 * MOST_POINTS - 1)
    assert steps == sorted(set(steps))
    assert MOST_POINTS // 2 <= len(steps) <= MOST_POINTS + 1
    assert Curve().points() == ()


def _progressed(step: int) -> RunProgressed:
    return RunProgressed(
        num_segments=1,
        num_segments_done=step,
        num_utterances_done=step,
        num_failed=0,
        remaining_audio_s=0.0,
        audio_s=0.0,
        elapsed_s=0.0,
        unix_ms=step,
        wer=None,
    )


def test_a_run_without_references_has_no_error_rate_to_send(tmp_path, tracker):
    """What is not known is left out, and the table of the worst is empty."""
    plain = toy_source(tmp_path / "audio", 3)
    silent = replace(plain, items=tuple(replace(item, reference=None) for item in plain.items))
    run(silent, tmp_path / "run")
    assert "wer" not in tracker.result.numbers
    assert tracker.result.numbers["num_skipped"] == 3
    assert [table.rows for table in tracker.result.tables] == [()]


def test_nothing_is_sent_of_a_summary_that_is_not_ours(source, tmp_path):
    """A file that is no JSON gives no numbers."""
    run(source, tmp_path / "run", track=())
    store = RunStore.at(str(tmp_path / "run"))
    Path(tmp_path / "run" / layout.SUMMARY).write_text("[1]")
    result = result_of(store, store.spec(), "failed", texts=False)
    assert (dict(result.numbers), result.tables) == ({}, ())
