from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.puzzles.generate import generate
from earmark.puzzles.rules import are_exact, are_solved
from tests.puzzles.truths import follows_rules, pattern_grid


@pytest.mark.parametrize("size", [4, 9])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_verifier_says_what_the_slow_truth_says(size, data):
    """Of solved grids with a few cells, clues or whole lines changed, some of them still solved."""
    solved = pattern_grid(size)
    cells = st.integers(0, size * size - 1)
    answers, clues = np.repeat(solved, 4, axis=0), np.repeat(solved, 4, axis=0)
    for row in range(4):
        for cell in data.draw(st.lists(cells, max_size=3)):
            answers[row, cell] = data.draw(st.integers(0, size + 3))
        for cell in data.draw(st.lists(cells, max_size=size * size)):
            clues[row, cell] = data.draw(st.sampled_from([0, 1, 1, 1, int(solved[0, cell]), 2]))
        if data.draw(st.booleans()):
            first, second = data.draw(st.sampled_from([(0, 1), (1, 2), (0, size - 1)]))
            grid = answers[row].reshape(size, size)
            grid[[first, second]] = grid[[second, first]]
            clues[row, : data.draw(st.sampled_from([0, size * size]))] = 1
    truth = [follows_rules(clue.tolist(), answer.tolist(), size) for clue, answer in zip(clues, answers, strict=True)]
    assert are_solved(clues, answers, size).tolist() == truth


@pytest.mark.parametrize("size", [4, 9])
def test_each_rule_is_needed(size):
    """A grid that breaks only rows, only columns, only boxes or only a clue is not solved."""
    solved, blank = pattern_grid(size), np.ones((1, size * size), dtype=np.uint8)
    turned = np.array([[(r + c) % size + 2 for c in range(size)] for r in range(size)], dtype=np.uint8)  # no boxes
    same_rows = np.tile(np.arange(2, size + 2, dtype=np.uint8), (size, 1))
    side = {4: 2, 9: 3}[size]
    bands = solved.reshape(size, size)[:side].repeat(side, axis=0)  # rows are whole, columns are not
    for wrong in (turned, same_rows, same_rows.T, bands):
        assert not are_solved(blank, np.ascontiguousarray(wrong).reshape(1, -1), size)[0]
    assert are_solved(blank, solved, size)[0]
    clue = blank.copy()
    clue[0, 5] = solved[0, 5] % (size + 1) + 2 if solved[0, 5] < size + 1 else 2
    assert not are_solved(clue, solved, size)[0]


def test_the_verifier_and_the_label_agree_on_puzzles_with_one_solution():
    """Of answers right and wrong, valid ones and others."""
    puzzles = generate(4, 200, 5)
    answers = puzzles.solutions.copy()
    answers[::3] = answers[1]  # a solved grid, of another puzzle
    answers[1::3, 7] = 1
    verdicts = are_solved(puzzles.clues, answers, 4)
    np.testing.assert_array_equal(verdicts, are_exact(answers, puzzles.solutions))
    assert 0 < verdicts.sum() < 200


def test_no_rows_give_no_verdicts():
    """The shapes hold for nothing too."""
    nothing = np.zeros((0, 81), dtype=np.uint8)
    assert are_solved(nothing, nothing, 9).shape == (0,)
    assert are_exact(nothing, nothing).shape == (0,)
