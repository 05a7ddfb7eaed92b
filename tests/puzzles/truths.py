"""Slow truths about Sudoku, written without looking at the package."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from earmark.puzzles.grids import PuzzleSet


def follows_rules(clues: Sequence[int], answer: Sequence[int], size: int) -> bool:
    # Tokens: 1 is blank, 2 to size + 1 are digits.
    digits = set(range(2, size + 2))
    side = {4: 2, 9: 3}[size]
    rows = [answer[size * r : size * (r + 1)] for r in range(size)]
    columns = [answer[c::size] for c in range(size)]
    boxes = [
        [rows[r + i][c + j] for i in range(side) for j in range(side)]
        for r in range(0, size, side)
        for c in range(0, size, side)
    ]
    keeps = all(clue in (0, 1, cell) for clue, cell in zip(clues, answer, strict=True))
    return keeps and all(len(unit) == size and set(unit) == digits for unit in [*rows, *columns, *boxes])


def solutions_of(clues: Sequence[int], size: int) -> Iterator[list[int]]:
    # Every solution, by trying digits in the blank with the fewest that are free.
    side = {4: 2, 9: 3}[size]
    grid = list(clues)
    blanks = [cell for cell, token in enumerate(grid) if token < 2]

    def free(cell: int) -> list[int]:
        row, column = divmod(cell, size)
        top, left = row // side * side, column // side * side
        seen = {grid[size * row + i] for i in range(size)} | {grid[size * i + column] for i in range(size)}
        seen |= {grid[size * (top + i) + left + j] for i in range(side) for j in range(side)}
        return [token for token in range(2, size + 2) if token not in seen]

    if not blanks:
        yield grid
        return
    cell = min(blanks, key=lambda blank: len(free(blank)))
    for token in free(cell):
        grid[cell] = token
        yield from solutions_of(grid, size)
    grid[cell] = 1


def pattern_grid(size: int) -> np.ndarray:
    # A solved grid by formula: each row is the one before it, turned.
    side = {4: 2, 9: 3}[size]
    rows = [[(side * (r % side) + r // side + c) % size + 2 for c in range(size)] for r in range(size)]
    return np.array(rows, dtype=np.uint8).reshape(1, -1)


def toy_set(size: int = 4, num: int = 5, *, labelled: bool = True) -> PuzzleSet:
    # Relabelled forms of one grid, with the first cells blank: sound, and not all of one solution.
    base = pattern_grid(size)[0].astype(int) - 2
    solutions = np.array([(base + shift) % size + 2 for shift in range(num)], dtype=np.uint8)
    clues = solutions.copy()
    clues[:, : size - 1] = 1
    return PuzzleSet(size, clues, solutions if labelled else None, "toy")
