from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from earmark.cli.main import run
from earmark.errors import CheckpointError, FolderError, RunMismatchError, StoppedTrainingError, UsageError
from earmark.puzzles.hrm.checkpoint import read_checkpoint
from earmark.puzzles.hrm.solver import Solver
from earmark.puzzles.layout import read_puzzles
from earmark.puzzles.rules import are_exact
from earmark.verbs.train_sudoku import train_sudoku
from earmark.verbs.training_events import SnapshotKept, TrainingBegan
from tests.training.toys import RECIPE


def trained(out, **more):
    return train_sudoku(out, size=4, recipe=RECIPE, device="cpu", **more)


def hashes(out) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.glob("step_*")}


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A training that nothing interrupted."""
    out = tmp_path_factory.mktemp("train") / "straight"
    events = []
    done = trained(out, observer=events.append)
    return out, done, events


def test_a_training_leaves_snapshots_that_a_sweep_can_take(straight):
    """With settings, held-out puzzles and what each snapshot can do; the numbers are those of its own file."""
    out, done, events = straight
    assert sorted(hashes(out)) == ["step_2", "step_4", "step_5"]
    assert (done.step, done.num_new_steps, done.num_puzzles) == (5, 5, 10)
    assert isinstance(events[0], TrainingBegan)
    assert [one for one in events if isinstance(one, SnapshotKept)] == list(done.snapshots)
    kept = json.loads((out / "snapshots.json").read_text())
    assert [(one["step"], one["num_exact"], one["num_puzzles"]) for one in kept] == [
        (one.step, one.num_exact, one.num_puzzles) for one in done.snapshots
    ]
    checkpoint = read_checkpoint(out)
    assert (checkpoint.step, checkpoint.settings, checkpoint.data_path) == (5, RECIPE.model, str(out / "data"))
    puzzles = read_puzzles(checkpoint.data_path)
    with Solver(checkpoint, device="cpu") as solver:
        exact = are_exact(solver.solve(puzzles.clues).tokens, puzzles.solutions)
    assert exact.sum() == done.num_exact


def test_no_solution_is_trained_on_and_tested_with(straight):
    """The two splits share no grid, before the relabelling of a step."""
    train, test = (read_puzzles(straight[0] / "data", split=split) for split in ("train", "test"))
    assert (train.num_puzzles, test.num_puzzles) == (40, 10)
    assert not {row.tobytes() for row in train.solutions} & {row.tobytes() for row in test.solutions}


def test_the_same_call_again_does_nothing(straight, tmp_path):
    """And says what is there; more steps go on, and end where a longer training ends."""
    before = hashes(straight[0])
    again = trained(straight[0])
    assert (again.num_new_steps, again.num_exact) == (0, straight[1].num_exact)
    assert again.snapshots == straight[1].snapshots
    assert hashes(straight[0]) == before
    trained(tmp_path / "on", steps=3)
    trained(tmp_path / "on", steps=5)
    assert {**hashes(tmp_path / "on"), **before} == hashes(tmp_path / "on")
    assert sorted(hashes(tmp_path / "on")) == ["step_2", "step_3", "step_4", "step_5"]


class StoppingError(Exception):
    pass


@pytest.mark.parametrize("step", [2, 4])
def test_a_training_that_died_goes_on_to_the_same_weights(straight, tmp_path, step):
    """Killed where a snapshot was just written and the state was not: from the state before, byte for byte the same."""

    def die(event):
        if isinstance(event, SnapshotKept) and event.step == step:
            raise StoppingError

    with pytest.raises(StoppingError):
        trained(tmp_path / "killed", observer=die)
    resumed = trained(tmp_path / "killed")
    assert hashes(tmp_path / "killed") == hashes(straight[0])
    assert resumed.num_exact == straight[1].num_exact


def test_a_stop_is_polite_and_exact(straight, tmp_path):
    """After SIGTERM the step in hand is kept, without a snapshot, and the same call ends in the same weights."""

    def stop(event):
        if isinstance(event, SnapshotKept) and event.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(StoppedTrainingError) as caught:
        trained(tmp_path / "stopped", observer=stop)
    assert caught.value.exit_code == 130
    assert 2 <= caught.value.step < 5
    assert "step_5" not in hashes(tmp_path / "stopped")
    assert trained(tmp_path / "stopped").num_new_steps == 5 - caught.value.step
    assert hashes(tmp_path / "stopped") == hashes(straight[0])


def test_another_training_is_refused_with_what_differs(straight):
    """The folder stays as it is."""
    before = hashes(straight[0])
    with pytest.raises(RunMismatchError) as caught:
        trained(straight[0], seed=1)
    assert caught.value.fields == {"seed": (0, 1)}
    assert caught.value.exit_code == 2
    assert hashes(straight[0]) == before


def test_a_folder_of_something_else_is_refused(tmp_path):
    """Nothing is written among other people's files."""
    (tmp_path / "letters").mkdir()
    with pytest.raises(FolderError, match="cannot use"):
        trained(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letters"]


def test_damaged_puzzles_are_made_again_and_a_damaged_state_is_told(straight, tmp_path):
    """The puzzles follow from the seed; the state from nothing else."""
    out = tmp_path / "damaged"
    trained(out, steps=2)
    inputs = out / "data" / "train" / "all__inputs.npy"
    whole = inputs.read_bytes()
    inputs.write_bytes(whole[:-5])
    assert trained(out, steps=3).num_new_steps == 1
    assert inputs.read_bytes() == whole
    (out / "training_state").write_bytes((out / "training_state").read_bytes()[:1000])
    with pytest.raises(CheckpointError) as caught:
        trained(out, steps=4)
    assert caught.value.kind == "damaged"


def test_minutes_end_a_training_too(tmp_path):
    """At the step during which they are over, with a snapshot; once they are over nothing more is done."""
    done = trained(tmp_path / "timed", minutes=1e-6)
    assert done.num_new_steps == 1
    assert hashes(tmp_path / "timed").keys() == {"step_1"}
    assert trained(tmp_path / "timed", minutes=1e-6).num_new_steps == 0


@pytest.mark.parametrize(
    "wrong",
    [{"steps": 0}, {"minutes": 0.0}, {"minutes": float("nan")}, {"steps": 1, "minutes": 1.0}, {"seed": -1}],
)
def test_senseless_limits_are_refused(tmp_path, wrong):
    """Before there is a folder."""
    with pytest.raises(UsageError):
        trained(tmp_path / "new", **wrong)
    assert not (tmp_path / "new").exists()


def test_nine_by_nine_asks_for_a_gpu(tmp_path, monkeypatch):
    """A processor would not end; it is used where it is asked for by name."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UsageError, match="GPU"):
        train_sudoku(tmp_path / "nine", size=9)


def test_the_command_trains_and_tells(straight, tmp_path, capsys, monkeypatch):
    """Results on stdout, progress on stderr, with the next command to type."""
    monkeypatch.setattr("earmark.verbs.train_sudoku.recipe_of", lambda size: RECIPE)
    assert run(["train", "sudoku", "--size", "4", "--out", str(tmp_path / "four"), "--progress", "lines"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("trained 5 steps")
    assert "of 10 test puzzles by the last snapshot" in out
    assert "step_5" in out
    assert "keep   step_2" in err
    assert f"earmark sweep --checkpoints {tmp_path}/four/step_4,{tmp_path}/four/step_5 --permutes 4" in err
    assert run(["train", "sudoku", "--size", "4", "--out", str(tmp_path / "four"), "--seed", "3"]) == 2
    assert "seed was 0, is now 3" in capsys.readouterr().err
    assert run(["train", "sudoku", "--size", "5", "--out", str(tmp_path / "five")]) == 2
    assert hashes(tmp_path / "four") == hashes(straight[0])


def test_a_training_needs_torch_only_when_it_begins():
    """Neither the help of the command nor its verb loads it."""
    code = (
        "import sys, earmark.verbs.train_sudoku\n"
        "from earmark.cli.main import run; run(['train', 'sudoku', '--help'])\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_snapshots_have_the_published_keys(straight):
    """A state dict alone, under the names of the published checkpoints, without the optimiser."""
    import torch

    state = torch.load(straight[0] / "step_5", weights_only=True)
    assert all(key.startswith("model.inner.") for key in state)
    assert np.isfinite(state["model.inner.lm_head.weight"].numpy()).all()
