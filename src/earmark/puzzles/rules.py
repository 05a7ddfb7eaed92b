"""The rules of Sudoku, for many answers at once. It knows no labels, but compares with them where asked.

A puzzle that has one solution has one answer that keeps the rules and the clues. So on such puzzles the verifier, which
sees no label, accepts exactly the answers that equal the label.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earmark.puzzles.grids import BLANK, FIRST_DIGIT, Tokens, box_side_of

Verdicts = NDArray[np.bool_]
"""One a row, shape ``(num,)``."""

_NUM_TOKENS = 256


def are_solved(clues: Tokens, answers: Tokens, size: int) -> Verdicts:
    """Whether each answer has every digit once in each row, column and box, and keeps the clues.

    Takes grids of shape ``(num, size * size)``. Padding and blanks among the clues ask for nothing; in an answer they,
    and tokens that are none, are wrong.
    """
    side = box_side_of(size)
    bits = _bit_of_token(size)[answers]
    grids = bits.reshape(-1, size, size)
    boxes = bits.reshape(-1, side, side, side, side)
    whole = np.uint16((1 << size) - 1)
    found = (
        np.bitwise_or.reduce(grids, axis=2),
        np.bitwise_or.reduce(grids, axis=1),
        np.bitwise_or.reduce(boxes, axis=(2, 4)).reshape(-1, size),
    )
    follows_rules = np.logical_and.reduce([(digits == whole).all(axis=1) for digits in found])
    return np.asarray(follows_rules & keep_clues(clues, answers), dtype=np.bool_)


def keep_clues(clues: Tokens, answers: Tokens) -> Verdicts:
    """Whether each answer has every clue where the clue is."""
    return np.asarray(((clues <= BLANK) | (clues == answers)).all(axis=1), dtype=np.bool_)


def are_exact(answers: Tokens, solutions: Tokens) -> Verdicts:
    """Whether each answer is the solution in every cell."""
    return np.asarray((answers == solutions).all(axis=1), dtype=np.bool_)


def _bit_of_token(size: int) -> NDArray[np.uint16]:
    """One bit a digit, and none for what is no digit."""
    bits = np.zeros(_NUM_TOKENS, dtype=np.uint16)
    bits[FIRST_DIGIT : FIRST_DIGIT + size] = 1 << np.arange(size, dtype=np.uint16)
    return bits
