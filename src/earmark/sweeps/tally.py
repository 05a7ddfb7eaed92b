"""What the parts of a sweep say, folded row by row: which pairs are done, and for each puzzle what the cells came to.

The rows may come in any order and more than once; a success beats a failure. In memory is a byte for each pair of cell
and puzzle, and a few numbers for each puzzle: no answer is kept. Knows parts; knows no order of cells.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark import schema
from earmark.errors import DamagedPartError
from earmark.puzzles.grids import PuzzleSet
from earmark.puzzles.rules import are_exact, are_solved
from earmark.records import Receipt
from earmark.solving import grids_of
from earmark.store.folder import Folder
from earmark.store.parts import read_part, receipts
from earmark.sweeps.cells import Accept

NOT_DONE, FAILED, ANSWERED, ACCEPTED = range(4)
"""What a pair of cell and puzzle is, from worst to best."""
NO_CELL = np.iinfo(np.int32).max


class Tally:
    """What is known of ``num_cells`` cells over ``puzzles``; arrays are by puzzle unless they say otherwise.

    ``state`` is uint8 of shape (num_cells, num_puzzles). ``verified_cell`` is the first cell, by number, whose answer
    keeps the rules, and ``verified_right`` whether that answer is right; ``best_cell`` and ``best_right`` are the same
    of the highest score. ``num_right`` counts right cells. An answer is right where it is the label, or where there are
    no labels where it keeps rules and clues.
    """

    def __init__(self, puzzles: PuzzleSet, num_cells: int, accept: Accept) -> None:
        num = puzzles.num_puzzles
        self.puzzles = puzzles
        self._accept = accept
        self.state = np.full((num_cells, num), NOT_DONE, np.uint8)
        self.verified_cell = np.full(num, NO_CELL, np.int32)
        self.verified_right = np.zeros(num, np.bool_)
        self.best_cell = np.full(num, NO_CELL, np.int32)
        self.best_score = np.full(num, -np.inf, np.float32)
        self.best_right = np.zeros(num, np.bool_)
        self.num_right = np.zeros(num, np.int32)
        self.compute_s = np.zeros(num)
        self.num_answered_of_cell = np.zeros(num_cells, np.int64)
        self.num_failed_of_cell = np.zeros(num_cells, np.int64)
        self.num_right_of_cell = np.zeros(num_cells, np.int64)
        self.first_error: dict[int, str] = {}  # by cell

    @property
    def is_answered(self) -> NDArray[np.bool_]:
        """Whether any cell answered the puzzle."""
        return np.asarray((self.state >= ANSWERED).any(axis=0))

    @property
    def is_accepted(self) -> NDArray[np.bool_]:
        """Whether an answer to the puzzle was accepted, so that it needs no further cell."""
        return np.asarray((self.state == ACCEPTED).any(axis=0))

    @property
    def num_answered(self) -> NDArray[np.int64]:
        """How many cells answered."""
        return np.asarray((self.state >= ANSWERED).sum(axis=0), np.int64)

    @property
    def has_failure(self) -> NDArray[np.bool_]:
        """Whether a cell failed on the puzzle."""
        return np.asarray((self.state == FAILED).any(axis=0))

    def fold(self, rows: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Take in the rows of a part (schema.CELL_PARTS). Returns the cell and the index of each. Raises StoreError."""
        index, cell = rows["index"].to_numpy(), rows["cell"].to_numpy().astype(np.int64)
        self.compute_s += np.bincount(index, rows["compute_s"].to_numpy(), minlength=len(self.compute_s))
        has_failed = np.asarray(pc.is_valid(rows["error_kind"]).to_numpy())
        known = self.state[cell, index]
        self._fold_failed(rows, cell, index, has_failed & (known == NOT_DONE))
        is_new = ~has_failed & (known < ANSWERED)
        if is_new.any():
            was_failed = is_new & (known == FAILED)
            np.subtract.at(self.num_failed_of_cell, cell[was_failed], 1)
            self._fold_answers(rows.filter(pa.array(is_new)), cell[is_new], index[is_new])
        return cell, index

    def _fold_failed(
        self, rows: pa.Table, cell: NDArray[np.int64], index: NDArray[np.int64], is_new: NDArray[np.bool_]
    ) -> None:
        self.state[cell[is_new], index[is_new]] = FAILED
        np.add.at(self.num_failed_of_cell, cell[is_new], 1)
        errors = rows["error"].filter(pa.array(is_new))
        of_cell = cell[is_new]
        for one in np.unique(of_cell).tolist():
            row = int(np.argmax(of_cell == one))
            self.first_error.setdefault(one, str(errors[row].as_py()))

    def _fold_answers(self, rows: pa.Table, cell: NDArray[np.int64], index: NDArray[np.int64]) -> None:
        is_valid = np.asarray(rows["is_valid"].to_numpy(), np.bool_)
        is_right = are_right(self.puzzles, grids_of(rows["answer"], self.puzzles.size), index)
        accepted = {"none": np.zeros_like(is_valid), "verifier": is_valid, "label": is_right}[self._accept]
        self.state[cell, index] = np.where(accepted, ACCEPTED, ANSWERED)
        np.add.at(self.num_answered_of_cell, cell, 1)
        np.add.at(self.num_right_of_cell, cell[is_right], 1)
        np.add.at(self.num_right, index[is_right], 1)
        for one in np.unique(cell).tolist():  # a puzzle comes once in a cell, so these are plain assignments
            here = cell == one
            self._choose(one, index[here], is_valid[here], rows["score"].to_numpy()[here], is_right[here])

    def _choose(
        self,
        cell: int,
        index: NDArray[np.int64],
        is_valid: NDArray[np.bool_],
        score: NDArray[np.float32],
        is_right: NDArray[np.bool_],
    ) -> None:
        first = is_valid & (cell < self.verified_cell[index])
        self.verified_cell[index[first]] = cell
        self.verified_right[index[first]] = is_right[first]
        best, best_cell = self.best_score[index], self.best_cell[index]
        better = (score > best) | ((score == best) & (cell < best_cell)) | (best_cell == NO_CELL)
        self.best_score[index[better]] = score[better]
        self.best_cell[index[better]] = cell
        self.best_right[index[better]] = is_right[better]


def are_right(puzzles: PuzzleSet, answers: NDArray[np.uint8], index: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each answer to the puzzle of that index is the label, or without labels keeps rules and clues."""
    if puzzles.solutions is not None:
        return are_exact(answers, puzzles.solutions[index])
    return are_solved(puzzles.clues[index], answers, puzzles.size)


def part_rows(folder: Folder, fingerprint: str, damaged: list[str]) -> Iterator[pa.Table]:
    """The rows of every part of the sweep, a part at a time; the names of those that cannot be read go to ``damaged``.

    Raises StoreError.
    """
    for found in receipts(folder, fingerprint):
        if not isinstance(found, Receipt):
            damaged.append(found.name)
            continue
        try:
            yield read_part(folder, found.part, schema.CELL_PARTS.names)
        except DamagedPartError:
            damaged.append(found.part)
