"""The training of the documentation, whole: four by four in minutes of one core, weak and strong snapshots, a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from earmark.puzzles.hrm.checkpoint import read_checkpoint
from earmark.puzzles.hrm.solver import Solver
from earmark.puzzles.layout import read_puzzles
from earmark.puzzles.rules import are_exact, are_solved

pytestmark = pytest.mark.soak


def command(out: Path) -> list[str]:
    return [sys.executable, "-m", "earmark", "train", "sudoku", "--size", "4", "--out", str(out), "--progress", "lines"]


@pytest.fixture(scope="module")
def solvers(tmp_path_factory) -> Path:
    """A folder that the command filled, with the processor's time that it took told."""
    out = tmp_path_factory.mktemp("solvers") / "four"
    before = os.times()
    subprocess.run(command(out), check=True)
    after = os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    print(f"trained in {cpu_s:.0f} CPU seconds")
    return out


def test_over_95_percent_of_held_out_grids_are_exact(solvers):
    """By the last snapshot, loaded as a sweep loads it; the rules accept just those."""
    puzzles = read_puzzles(solvers / "data")
    with Solver(read_checkpoint(solvers), device="cpu") as solver:
        for halt in ("fixed", "verifier"):
            answers = solver.solve(puzzles.clues, halt=halt)
            exact = are_exact(answers.tokens, puzzles.solutions)
            print(f"{halt}: {exact.mean():.2%} of {len(exact)}, {answers.num_steps.mean():.2f} steps")
            assert exact.mean() > 0.95
            assert (exact == are_solved(puzzles.clues, answers.tokens, 4)).all()


def test_there_are_weak_members_and_strong_ones(solvers):
    """So that a sweep has something to gain."""
    shares = [one["num_exact"] / one["num_puzzles"] for one in json.loads((solvers / "snapshots.json").read_text())]
    assert any(0.05 < share < 0.5 for share in shares)
    assert any(0.5 < share < 0.95 for share in shares)
    assert sum(share > 0.95 for share in shares) >= 2


def test_a_killed_training_ends_in_the_same_weights(solvers, tmp_path):
    """SIGKILL in the middle, then the same line again: the last snapshot is the same file."""
    out = tmp_path / "killed"
    process = subprocess.Popen(command(out), stderr=subprocess.DEVNULL)
    while not (out / "step_300").exists():
        assert process.poll() is None
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "step_1200").exists()
    subprocess.run(command(out), check=True)
    assert (out / "step_1200").read_bytes() == (solvers / "step_1200").read_bytes()
