from __future__ import annotations

import numpy as np
import pytest

from earmark.puzzles.grids import PuzzleSet
from tests.puzzles.truths import toy_set


def test_a_set_knows_its_sizes():
    """Cells and tokens follow from the size."""
    small, large = toy_set(4, 3), toy_set(9, 2)
    assert (small.num_puzzles, small.num_cells, small.vocab_size) == (3, 16, 6)
    assert (large.num_puzzles, large.num_cells, large.vocab_size) == (2, 81, 11)


def test_rows_are_taken_in_the_order_that_is_asked_for_and_copied():
    """What is done to the rows that were taken does not reach the set."""
    puzzles = toy_set(4, 4)
    taken = puzzles.take([2, 0])
    np.testing.assert_array_equal(taken.clues, puzzles.clues[[2, 0]])
    np.testing.assert_array_equal(taken.solutions, puzzles.solutions[[2, 0]])
    before = puzzles.fingerprint
    taken.clues[:] = 0
    assert puzzles.take(range(4)).fingerprint == before
    assert toy_set(4, labelled=False).take(np.array([1])).solutions is None
    np.testing.assert_array_equal(puzzles.take(puzzles.clues[:, 4] == 2).clues, puzzles.clues[puzzles.clues[:, 4] == 2])
    assert puzzles.take([]).num_puzzles == 0


def test_the_fingerprint_is_of_the_puzzles_and_not_of_their_name_or_memory():
    """A name, a view of another order in memory or a map changes nothing; a cell, a row and the labels do."""
    puzzles = toy_set(4, 4)
    same = PuzzleSet(4, np.asfortranarray(puzzles.clues), puzzles.solutions.copy(), "other")
    assert same.fingerprint == puzzles.fingerprint
    changed = puzzles.take(range(4))
    changed.solutions[3, 15] ^= 1
    others = [
        PuzzleSet(4, changed.clues, changed.solutions, "toy"),
        PuzzleSet(4, puzzles.clues, None, "toy"),
        puzzles.take([0, 1, 2]),
        puzzles.take([1, 0, 2, 3]),
        PuzzleSet(4, np.concatenate([puzzles.clues, puzzles.solutions]), None, "toy"),
    ]
    assert len({puzzles.fingerprint, *(other.fingerprint for other in others)}) == 1 + len(others)


@pytest.mark.parametrize(
    ("size", "clues", "solutions"),
    [
        (6, np.ones((1, 36), dtype=np.uint8), None),
        (4, np.ones((1, 81), dtype=np.uint8), None),
        (4, np.ones((1, 16), dtype=np.int64), None),
        (4, np.ones(16, dtype=np.uint8), None),
        (4, np.ones((2, 16), dtype=np.uint8), np.ones((3, 16), dtype=np.uint8)),
    ],
)
def test_arrays_that_are_no_grids_make_no_set(size, clues, solutions):
    """A mistake of a caller shows where it is made."""
    with pytest.raises(ValueError, match=r"Sudoku|uint8"):
        PuzzleSet(size, clues, solutions, "wrong")
