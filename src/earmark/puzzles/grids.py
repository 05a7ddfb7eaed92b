"""Sets of Sudoku puzzles as tokens. It knows what a grid is, and neither files nor solvers.

A grid is written row by row. Token 0 is padding, 1 is a blank, 2 to ``size`` + 1 are the digits 1 to ``size``: the
tokens of the published recursive solvers.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.uint8]
"""Grids, uint8 of shape ``(num_puzzles, size * size)``."""

SIZES = (4, 9)
PAD = 0
BLANK = 1
FIRST_DIGIT = 2


def vocab_size_of(size: int) -> int:
    """How many tokens there are: padding, blank and the digits."""
    return size + FIRST_DIGIT


def box_side_of(size: int) -> int:
    """Rows, and columns, of a box."""
    return math.isqrt(size)


@dataclass(frozen=True, slots=True, eq=False)
class PuzzleSet:
    """Puzzles of one size, ``clues`` and (where they are known) ``solutions`` row for row.

    ``name`` is what the user calls the set. ``fingerprint`` is the SHA-256, in hexadecimal, of size, clues and
    solutions; the name is no part of it. Raises ValueError for arrays of another dtype or shape than `Tokens` has.
    """

    size: int
    clues: Tokens
    solutions: Tokens | None
    name: str
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise ValueError(f"no Sudoku of size {self.size}")
        for grids in (self.clues, self.solutions):
            if grids is not None and (grids.dtype != np.uint8 or grids.shape != (len(self.clues), self.num_cells)):
                raise ValueError(f"{grids.dtype} of shape {grids.shape}, not uint8 of {self.num_cells} columns")
        object.__setattr__(self, "fingerprint", _fingerprint(self.size, self.clues, self.solutions))

    @property
    def num_puzzles(self) -> int:
        """Rows of ``clues``."""
        return len(self.clues)

    @property
    def num_cells(self) -> int:
        """Columns of ``clues``."""
        return self.size * self.size

    @property
    def vocab_size(self) -> int:
        """How many tokens there are."""
        return vocab_size_of(self.size)

    def take(self, indices: Sequence[int] | NDArray[np.integer]) -> PuzzleSet:
        """The puzzles of these rows, in this order, copied."""
        rows = indices if isinstance(indices, np.ndarray) else np.array(indices, dtype=np.intp)
        solutions = None if self.solutions is None else self.solutions[rows]
        return PuzzleSet(self.size, self.clues[rows], solutions, self.name)


def _fingerprint(size: int, clues: Tokens, solutions: Tokens | None) -> str:
    digest = hashlib.sha256(f"sudoku {size} {len(clues)} {solutions is not None}\n".encode())
    for grids in (clues, solutions):
        if grids is not None:
            digest.update(np.ascontiguousarray(grids).data)
    return digest.hexdigest()
