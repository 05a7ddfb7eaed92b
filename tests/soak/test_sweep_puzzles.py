"""A sweep over solvers that were really trained: the label-free rule against the labels, and the passes it saves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from earmark.verbs.sweep import sweep
from earmark.verbs.sweep_run import SweepSummary
from earmark.verbs.train_sudoku import train_sudoku

pytestmark = pytest.mark.soak
STEPS = (500, 600, 700)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """Snapshots of a training of some two minutes, from weak to good."""
    folder = tmp_path_factory.mktemp("four")
    train_sudoku(folder, size=4, steps=STEPS[-1], device="cpu")
    return folder


def swept(trained: Path, out: Path, **more) -> SweepSummary:
    return sweep([f"{trained}/step_{step}" for step in STEPS], permutes=4, out=out, **more)


def test_the_verifier_is_the_or_with_a_sixth_of_the_passes(trained, tmp_path):
    """On trained members; and no number depends on batches, workers or the engine, to the bit."""
    whole = swept(trained, tmp_path / "whole", accept="none", engine="inline")
    few = swept(trained, tmp_path / "few", engine="inline")
    correct = {one.name: one.correct for one in whole.aggregates}
    assert correct["any"] == correct["verifier"] > 0.95 * whole.num_items
    assert {one.name: one.correct for one in few.aggregates} == correct
    assert 6 * few.num_pairs <= whole.num_pairs
    other = swept(trained, tmp_path / "other", engine="processes", workers=2, batch_size=300)
    assert tasks(tmp_path / "other") == tasks(tmp_path / "few")
    assert other.aggregates == few.aggregates


def tasks(out: Path) -> list[dict]:
    found: list[dict] = json.loads((out / "oracle.json").read_text())["tasks"]
    return found
