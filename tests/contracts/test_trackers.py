"""What every tracker must do: keep what it is given, go on with a run that it knows, and count nothing twice."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from earmark.tracking import TRACKERS
from earmark.tracking.base import Point, Result, RunCard, Table, Tracker
from tests.trackers import Seen, mlflow_run, wandb_runs

PATIENCE_S = 120.0
CARD = RunCard(
    name="first", identity={"recognizer.name": "toy", "batching.max_batch_s": 240, "odd*key": True}, kept_id=None
)
POINTS = [
    Point(step=10, unix_ms=1_700_000_000_000, numbers={"live/wer": 0.5}),
    Point(step=25, unix_ms=1_700_000_001_000, numbers={"live/wer": 0.25, "live/rtfx_wall": 8.0}),
]
WORST = Table(name="worst_utterances", columns=("id", "wer"), rows=(("=a", 1.5), ("ü", None)))
RESULT = Result(
    outcome="finished",
    numbers={"wer": 0.25, "wer_interval.low": 0.125},
    facts={"normalizer.name": "basic"},
    tables=(WORST,),
)
BETTER = Result(outcome="finished", numbers={"wer": 0.125}, facts={"normalizer.name": "none"}, tables=())


@dataclass
class Kind:
    """A tracker that writes on this machine, and how to see what it has."""

    name: str
    seen: Callable[[str], list[Seen]]

    def new(self) -> Tracker:
        if self.name == "wandb":
            _to_another_folder()
        return TRACKERS.load(self.name)(patience_s=PATIENCE_S)


def _wandb_runs(_: str) -> list[Seen]:
    _to_another_folder()
    return wandb_runs(Path.cwd().parent)


def _to_another_folder() -> None:
    """End the package's own process, which writes the last of a run then, and knows the folder where it began.

    Runs of one id that begin in the same second would lie in one folder.
    """
    import wandb

    wandb.teardown()
    folder = Path.cwd().parent / str(len(list(Path.cwd().parent.iterdir())))
    folder.mkdir()
    os.chdir(folder)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One for all: to make one takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/runs.db"


# MLflow takes half a minute to make its tables; a run in it by its own server is in every test run.
@pytest.fixture(params=["wandb", pytest.param("mlflow", marks=pytest.mark.soak)])
def kind(
    request: pytest.FixtureRequest, tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Kind]:
    pytest.importorskip(request.param)
    (tmp_path / "0").mkdir()
    monkeypatch.chdir(tmp_path / "0")
    if request.param == "wandb":
        monkeypatch.setenv("WANDB_MODE", "offline")
        monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "0" / "data"))
        yield Kind("wandb", _wandb_runs)
        _to_another_folder()
        return
    monkeypatch.setenv("MLFLOW_TRACKING_URI", database)
    yield Kind("mlflow", lambda run_id: [mlflow_run(database, run_id)])


def sent(kind: Kind, *results: Result, kept_id: str | None = None) -> str:
    """A run with the points, as often as there are results; what the package warns of its own parts is its own."""
    run_id = kept_id
    for result in results:
        tracker = kind.new()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tracker.load()
            run_id = tracker.begin(RunCard(name=CARD.name, identity=CARD.identity, kept_id=run_id))
            tracker.log(POINTS)
            tracker.finish(result)
    assert run_id is not None
    return run_id


def test_a_tracker_has_all_that_it_was_given(kind):
    """Identity, facts, curves with their steps, the numbers, and the table with its odd cells."""
    [seen] = kind.seen(sent(kind, RESULT))
    assert seen.config["recognizer.name"] == "toy"
    assert seen.config["normalizer.name"] == "basic"
    assert seen.history["live/wer"] == [(10, 0.5), (25, 0.25)]
    assert seen.history["live/rtfx_wall"] == [(25, 8.0)]
    assert (seen.numbers["wer"], seen.numbers["wer_interval.low"]) == (0.25, 0.125)
    assert seen.tables["worst"] == {"columns": ["id", "wer"], "data": [["=a", 1.5], ["ü", None]]}
    assert seen.is_finished


def test_a_run_that_is_sent_again_is_the_same_run_and_counts_once(kind):
    """The id stays, points are not doubled, and what changed since then is as it is now."""
    run_id = sent(kind, RESULT)
    again = sent(kind, RESULT, BETTER, kept_id=run_id)
    assert again == run_id
    *_, seen = kind.seen(run_id)
    assert seen.history["live/wer"] == [(10, 0.5), (25, 0.25)]
    assert (seen.numbers["wer"], seen.config["normalizer.name"]) == (0.125, "none")


def test_a_run_that_was_interrupted_is_not_finished(kind):
    """Its outcome is not that of a whole one."""
    [seen] = kind.seen(sent(kind, Result(outcome="interrupted", numbers={}, facts={}, tables=())))
    assert not seen.is_finished
