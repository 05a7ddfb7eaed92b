"""Trainings that trackers follow: what they are told, and that nothing a tracker does is the training's affair."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from earmark.errors import UnknownNameError
from earmark.registry import Entry
from earmark.tracking import TRACKERS
from earmark.verbs.training_events import EpochEnded, StepMade, Tracked, Warned
from tests.trackers import ToyTracker
from tests.training.speech_toys import write_toy

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("speechbrain") is None,
    reason="speechbrain is not installed: pip install 'earmark[speechbrain]'",
)

TOYS: dict[str, ToyTracker] = {}
SHORT = ["epochs=2"]


def toy_tracker(**settings: object) -> ToyTracker:
    """What the registry loads."""
    del settings
    return TOYS["toy"]


@pytest.fixture
def tracker(monkeypatch: pytest.MonkeyPatch) -> ToyTracker:
    monkeypatch.setitem(TRACKERS._entries, "toy", Entry("toy", f"{__name__}:toy_tracker", "a toy"))
    monkeypatch.setitem(TOYS, "toy", ToyTracker())
    return TOYS["toy"]


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> str:
    return str(write_toy(tmp_path_factory.mktemp("toy")))


def train(toy: str, out: Any, **more: Any) -> Any:
    from earmark.verbs.train import train as verb

    return verb(toy, out=out, device="cpu", overrides=SHORT, **more)


def test_a_tracker_is_told_the_whole_training(toy, tracker, tmp_path):
    """The recipe, each epoch at its step, and what came of it; and the caller hears where it is."""
    told: list[object] = []
    done = train(toy, tmp_path / "out", track=["toy"], observer=told.append)
    assert tracker.card.name == "out"
    assert tracker.card.identity["optimizer.learning_rate"] == 0.01
    ended = [event for event in told if isinstance(event, EpochEnded)]
    points = [point for point in tracker.points if "valid/wer" in point.numbers]
    assert [point.step for point in points] == [event.step for event in ended]
    assert [point.numbers["valid/wer"] for point in points] == [event.wer for event in ended]
    assert tracker.result.numbers["after.wer"] == done.after.wer
    assert tracker.result.facts["weights_hash"] == done.weights_hash
    assert tracker.result.outcome == "finished"
    assert told[-1] == Tracked(tracker="toy", place="http://toy/run")


def test_a_training_that_goes_on_goes_on_in_its_tracker(toy, tracker, tmp_path):
    """The first attempt failed there, and has no numbers at its end."""

    class KilledError(Exception):
        pass

    def kill(event: object) -> None:
        if isinstance(event, StepMade) and event.step == 7:
            raise KilledError

    with pytest.raises(KilledError):
        train(toy, tmp_path / "out", track=["toy"], observer=kill)
    assert (tracker.result.outcome, tracker.result.numbers) == ("failed", {})
    assert tracker.card.kept_id is None
    train(toy, tmp_path / "out", track=["toy"])
    assert tracker.card.kept_id is not None
    assert tracker.result.outcome == "finished"


def test_a_tracker_that_fails_is_no_failure_of_the_training(toy, tracker, tmp_path):
    """It is said once."""
    tracker.bad, tracker.error = "log", RuntimeError("no room")
    told: list[object] = []
    train(toy, tmp_path / "out", track=["toy"], observer=told.append)
    [warned] = [event for event in told if isinstance(event, Warned)]
    assert "the training goes on without it" in warned.sentence
    assert not any(isinstance(event, Tracked) for event in told)


def test_an_unknown_tracker_is_refused_before_anything_is_begun(toy, tmp_path):
    """With the names of those there are."""
    with pytest.raises(UnknownNameError, match="tensorboard"):
        train(toy, tmp_path / "out", track=["tensorboard"])
    assert not (tmp_path / "out").exists()
