"""Taking clues away while a puzzle has one solution, for many puzzles at once. It knows neither chance nor files.

Whether a clue may go is one question: with its digit forbidden in its cell, and the other clues as they are, is there
a solution? If there is none, the digit is forced without the clue. A complete search answers. Every puzzle is at a clue
of its own: as soon as one is answered, its next question takes the free place, so each round is full. What is left of a
puzzle is of its grid, order and target alone, whichever puzzles go with it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earmark.puzzles.grids import FIRST_DIGIT, Tokens
from earmark.puzzles.search import Masks, halves, narrow

_MOST_AT_ONCE = 2048
"""Branches that a round narrows; the youngest go first, so that an awkward puzzle grows deep and not wide."""


def clues_left(
    solutions: Tokens, orders: NDArray[np.integer], targets: NDArray[np.integer], size: int
) -> NDArray[np.bool_]:
    """Which cells stay as clues, shape ``(num, cells)``.

    ``solutions`` are whole grids of that shape, ``orders`` the cells of each in the order in which they are tried.
    A puzzle ends with ``targets`` clues (shape ``(num,)``), or with more, where all its cells were tried.
    """
    digging = _Digging(solutions, orders, targets, size)
    while digging.owners.size:
        digging.advance()
    return digging.is_clue


class _Digging:
    """The puzzles, and the open branches of the question that each is at: ``masks`` and ``owners``, side by side."""

    def __init__(self, solutions: Tokens, orders: NDArray[np.integer], targets: NDArray[np.integer], size: int) -> None:
        num, num_cells = solutions.shape
        self.size, self.orders, self.targets = size, orders, targets
        self.everything = np.uint16((1 << size) - 1)
        self.bits = np.uint16(1) << (solutions.T - FIRST_DIGIT).astype(np.uint16)
        self.is_clue = np.ones((num, num_cells), dtype=np.bool_)
        self.num_clues = np.full(num, num_cells)
        self.place = np.zeros(num, dtype=np.intp)  # in its order, of the clue that is tried
        self.is_needed = np.zeros(num, dtype=np.bool_)  # the question was answered: there is another solution
        self.masks: Masks = np.zeros((num_cells, 0), dtype=np.uint16)
        self.owners = np.zeros(0, dtype=np.intp)
        self._ask(np.arange(num))

    def advance(self) -> None:
        """One round for the youngest branches; whoever has its answer asks the next question."""
        waiting = max(0, self.owners.size - _MOST_AT_ONCE)
        owners = self.owners[waiting:]
        step = narrow(self.masks[:, waiting:], self.size)
        self.is_needed[owners[step.is_solved]] = True
        is_open = ~step.is_dead & ~self.is_needed[owners]
        goes_on, is_stuck = is_open & step.is_narrower, is_open & ~step.is_narrower
        first, second = halves(step.masks[:, is_stuck])
        self.masks = np.concatenate([self.masks[:, :waiting], step.masks[:, goes_on], second, first], axis=1)
        self.owners = np.concatenate([self.owners[:waiting], owners[goes_on], owners[is_stuck], owners[is_stuck]])
        asked = np.unique(owners)
        is_answered = self.is_needed[asked] | ~np.isin(asked, self.owners)
        self._take(asked[is_answered])

    def _take(self, puzzles: NDArray[np.intp]) -> None:
        """Act on the answers of these puzzles, and go on with those that are not done."""
        taken = puzzles[~self.is_needed[puzzles]]
        self.is_clue[taken, self.orders[taken, self.place[taken]]] = False
        self.num_clues[taken] -= 1
        moot = np.zeros_like(self.is_needed)
        moot[puzzles] = True
        stays = ~moot[self.owners]
        self.masks, self.owners = self.masks[:, stays], self.owners[stays]
        self.is_needed[puzzles] = False
        self.place[puzzles] += 1
        self._ask(puzzles)

    def _ask(self, puzzles: NDArray[np.intp]) -> None:
        """Open the question of the clue that each is at."""
        is_left = (self.place[puzzles] < self.orders.shape[1]) & (self.num_clues[puzzles] > self.targets[puzzles])
        puzzles = puzzles[is_left]
        tried = self.orders[puzzles, self.place[puzzles]]
        masks = np.where(self.is_clue[puzzles].T, self.bits[:, puzzles], self.everything)
        masks[tried, np.arange(len(puzzles))] = self.everything & ~self.bits[tried, puzzles]
        self.masks = np.concatenate([self.masks, masks], axis=1)
        self.owners = np.concatenate([self.owners, puzzles])
