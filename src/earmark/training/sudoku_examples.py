"""What a Sudoku solver is shown at a step of its training. Arrays alone; knows no torch.

All chance at a step is drawn from the seed and the step's number, so that a training that goes on after a kill sees
what it would have seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.puzzles.grids import BLANK, FIRST_DIGIT, PuzzleSet, Tokens


@dataclass(frozen=True, slots=True)
class Draw:
    """The chance of one step: fresh examples, ``clues`` and ``solutions`` uint8 (rows, cells), one for each row.

    ``fewest_steps`` int64 (rows,): a row does not leave the recursion before, 0 where it may at once.
    """

    clues: Tokens
    solutions: Tokens
    fewest_steps: NDArray[np.int64]


def draw(
    puzzles: PuzzleSet, num_rows: int, *, seed: int, step: int, hint_share: float, exploration: float, most_steps: int
) -> Draw:
    """The draw of this step: puzzles with their digits relabelled at random, some with hints.

    With the chance ``exploration`` a row must make a number of steps that is drawn from 2 to ``most_steps``.
    """
    if puzzles.solutions is None:
        raise ValueError("puzzles to train on have solutions")
    chance = np.random.default_rng((seed, step))
    rows = chance.integers(puzzles.num_puzzles, size=num_rows)
    labels = _relabels(chance, num_rows, puzzles.size)
    solutions = np.take_along_axis(labels, puzzles.solutions[rows].astype(np.intp), axis=1)
    clues = np.take_along_axis(labels, puzzles.clues[rows].astype(np.intp), axis=1)
    rates = np.where(chance.random(num_rows) < hint_share, chance.random(num_rows), 0.0)
    is_shown = (clues == BLANK) & (chance.random(clues.shape) < rates[:, None])
    explores = chance.random(num_rows) < exploration
    fewest = chance.integers(2, max(2, most_steps), size=num_rows, endpoint=True)
    return Draw(np.where(is_shown, solutions, clues), solutions, np.where(explores, fewest, 0))


def _relabels(chance: np.random.Generator, num_rows: int, size: int) -> Tokens:
    """For each row what becomes of each token: padding and blank stay, the digits change places."""
    tokens = np.tile(np.arange(size + FIRST_DIGIT, dtype=np.uint8), (num_rows, 1))
    tokens[:, FIRST_DIGIT:] = chance.permuted(tokens[:, FIRST_DIGIT:], axis=1)
    return tokens
