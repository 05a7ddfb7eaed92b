"""What must hold of puzzles that somebody else made: the first row that is wrong, and why. It knows no file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.puzzles.grids import BLANK, FIRST_DIGIT, PAD, Tokens
from earmark.puzzles.rules import are_solved, keep_clues


@dataclass(frozen=True, slots=True)
class Flaw:
    """``problem`` of the row ``row`` (from 0), in ``solutions`` or else in the clues, with what mends it."""

    row: int
    is_in_solutions: bool
    problem: str
    hint: str


def first_flaw(clues: Tokens, solutions: Tokens | None, size: int) -> Flaw | None:
    """The first row with something wrong; None where every row is sound. Shapes ``(num, size * size)``."""
    highest = size + FIRST_DIGIT - 1
    found = [_strange_token(clues, PAD, highest, is_in_solutions=False)]
    if solutions is not None:
        found.append(_strange_token(solutions, FIRST_DIGIT, highest, is_in_solutions=True))
        found.append(_contradiction(clues, solutions, size))
    flaws = [flaw for flaw in found if flaw is not None]
    return min(flaws, key=lambda flaw: flaw.row, default=None)


def _strange_token(grids: Tokens, lowest: int, highest: int, *, is_in_solutions: bool) -> Flaw | None:
    is_strange = (grids < lowest) | (grids > highest)
    row = first_row(np.asarray(is_strange.any(axis=1)))
    if row is None:
        return None
    cell = int(is_strange[row].argmax())
    return Flaw(
        row,
        is_in_solutions,
        f"cell {cell} is token {grids[row, cell]}, where {lowest} to {highest} are expected",
        f"{PAD} is padding, {BLANK} a blank, {FIRST_DIGIT} to {highest} are the digits 1 to {highest - 1}",
    )


def _contradiction(clues: Tokens, solutions: Tokens, size: int) -> Flaw | None:
    row = first_row(~are_solved(clues, solutions, size))
    if row is None:
        return None
    if keep_clues(clues[row : row + 1], solutions[row : row + 1])[0]:
        return Flaw(
            row,
            True,
            "the solution has a digit twice in a row, a column or a box",
            "leave the row out, or put its true solution there",
        )
    cell = int(((clues[row] > BLANK) & (clues[row] != solutions[row])).argmax())
    clue, solution = clues[row, cell] - BLANK, solutions[row, cell] - BLANK
    return Flaw(
        row,
        True,
        f"cell {cell} has the clue {clue}, and {solution} in the solution",
        "clues and solutions must stand in the same order, one row a puzzle",
    )


def first_row(is_bad: NDArray[np.bool_]) -> int | None:
    """The first true one, from 0."""
    return int(is_bad.argmax()) if is_bad.any() else None
