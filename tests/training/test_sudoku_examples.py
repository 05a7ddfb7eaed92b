from __future__ import annotations

import numpy as np

from earmark.puzzles.grids import BLANK
from earmark.puzzles.rules import are_solved
from earmark.training.sudoku_examples import draw
from tests.training.toys import puzzles


def drawn(**more):
    return draw(
        puzzles()[0], 400, **{"seed": 0, "step": 3, "hint_share": 0.5, "exploration": 0.1, "most_steps": 8, **more}
    )


def test_examples_are_puzzles_with_their_solutions():
    """Relabelled clues and hints all agree with the solution, which keeps the rules."""
    one = drawn()
    assert are_solved(one.clues, one.solutions, 4).all()
    assert (one.clues != one.solutions)[one.clues != BLANK].sum() == 0


def test_a_step_draws_the_same_again_and_another_step_other_things():
    """A training that goes on sees what it would have seen."""
    one, again, other, reseeded = drawn(), drawn(), drawn(step=4), drawn(seed=1)
    assert (one.clues == again.clues).all()
    assert (one.fewest_steps == again.fewest_steps).all()
    assert (one.clues != other.clues).any()
    assert (one.clues != reseeded.clues).any()


def test_half_of_the_examples_have_hints():
    """Without hints there are 4 to 6 clues; with them up to all cells."""
    num_clues = (drawn().clues != BLANK).sum(axis=1)
    assert 0.3 < (num_clues > 6).mean() < 0.5  # a rate near 0 reveals nothing
    assert ((drawn(hint_share=0.0).clues != BLANK).sum(axis=1) <= 6).all()


def test_every_relabelling_is_drawn():
    """All 24 orders of four digits occur: the first row of a solution takes each of them."""
    rows = {tuple(row) for row in drawn().solutions[:, :4].tolist()}
    assert len(rows) == 24


def test_a_tenth_of_the_rows_must_stay():
    """For a number of steps from 2 to the most, both of which occur."""
    fewest = drawn().fewest_steps
    assert 0.05 < (fewest > 0).mean() < 0.16
    assert set(fewest[fewest > 0].tolist()) <= set(range(2, 9))
    assert {2, 8} <= set(drawn(exploration=1.0).fewest_steps.tolist())
    assert not np.any(drawn(exploration=0.0).fewest_steps)
