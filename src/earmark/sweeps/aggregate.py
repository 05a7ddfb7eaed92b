"""What the cells of a sweep come to together, by rules of two families that are never mixed.

Oracle rules look at labels to choose: no user without labels could get what they say, so they are upper bounds. Honest
rules choose an answer without labels; only then is it compared. Knows tallies and parts; solves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark.solving import grids_of
from earmark.sweeps.tally import ANSWERED, Tally, are_right

Aggregate = Literal["any", "verifier", "majority", "best-score", "upstream-head"]
AGGREGATES: tuple[Aggregate, ...] = get_args(Aggregate)
ORACLES: frozenset[Aggregate] = frozenset({"any", "upstream-head"})
"""The rules that look at labels to choose."""
WHOLE: frozenset[Aggregate] = frozenset({"majority", "best-score", "upstream-head"})
"""The rules that mean something only where every cell was done."""
_LATE = frozenset({"majority", "upstream-head"})
_MONOTONE = frozenset({"any", "verifier"})
_ROWS_AT_ONCE = 1 << 20

Verdicts = NDArray[np.bool_]
ReadParts = Callable[[], Iterator[pa.Table]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one rule says of each puzzle: ``is_right`` (num_puzzles,), and the bounds for what failed.

    ``low`` and ``high`` count right puzzles as if failed cells had answered wrong, and right.
    """

    name: Aggregate
    is_right: Verdicts
    low: int
    high: int

    @property
    def is_oracle(self) -> bool:
        """Whether it looked at labels to choose."""
        return self.name in ORACLES


def outcome(name: Aggregate, tally: Tally, num_variants: int, parts: ReadParts) -> Outcome:
    """What the rule comes to; majority and upstream-head read the parts again, some puzzles at a time.

    ``any``: a cell was right. ``verifier``: the first answer that keeps rules and clues. ``best-score``: the answer
    with the solver's highest score. ``majority``: the commonest answer. For equal ones the first cell, as they were
    named. ``upstream-head``: of a member, more than half of the answers it halted at are right; of one member at least.
    """
    if name == "majority":
        is_right = _in_windows(tally, parts, _majority)
    elif name == "upstream-head":
        is_right = _in_windows(tally, parts, lambda window: _halted_majority(window, num_variants))
    else:
        is_right = {"any": tally.num_right > 0, "verifier": tally.verified_right, "best-score": tally.best_right}[name]
    return _bounded(name, is_right, tally.has_failure)


def early_outcome(name: Aggregate, tally: Tally) -> Outcome | None:
    """The same while cells are still missing; None for a rule that needs all of them."""
    return None if name in _LATE else outcome(name, tally, 1, lambda: iter(()))


def pass_at(tally: Tally) -> dict[str, float]:
    """Unbiased pass@k for k = 1, 2, 4 ... and all cells, over the puzzles that every cell answered: an oracle.

    With c of n answers right: 1 - C(n - c, k) / C(n, k) (Chen et al., 2021, arXiv:2107.03374).
    """
    num_cells = len(tally.state)
    right = tally.num_right[(tally.state >= ANSWERED).all(axis=0)]
    if not len(right):
        return {}
    counts = np.bincount(right, minlength=num_cells + 1)
    sizes = sorted({*(1 << power for power in range(num_cells.bit_length())), num_cells})
    return {
        str(k): 1.0 - sum(
            int(number) * (math.comb(num_cells - c, k) / math.comb(num_cells, k)) for c, number in enumerate(counts)
        ) / len(right)
        for k in sizes
        if k <= num_cells
    }  # fmt: skip


def _bounded(name: Aggregate, is_right: Verdicts, has_failure: Verdicts) -> Outcome:
    """More answers cannot spoil ``any`` and ``verifier``; another rule may choose another answer then."""
    low = is_right if name in _MONOTONE else is_right & ~has_failure
    return Outcome(name, is_right, int(low.sum()), int((is_right | has_failure).sum()))


@dataclass(slots=True)
class _Window:
    """All rows of the puzzles from ``start`` on; arrays have the shape (puzzles, cells)."""

    start: int
    tally: Tally
    answers: NDArray[np.uint8]  # with a third axis, the cells of the grid
    is_there: Verdicts
    is_halted: Verdicts

    def right(self) -> Verdicts:
        """Whether each answer is right."""
        is_right = np.zeros_like(self.is_there)
        puzzle, cell = np.nonzero(self.is_there)
        is_right[puzzle, cell] = are_right(self.tally.puzzles, self.answers[puzzle, cell], puzzle + self.start)
        return is_right


def _in_windows(tally: Tally, parts: ReadParts, rule: Callable[[_Window], Verdicts]) -> Verdicts:
    num_cells, num_items = tally.state.shape
    size = max(1, _ROWS_AT_ONCE // num_cells)
    found = [rule(_window(tally, parts, start, min(start + size, num_items))) for start in range(0, num_items, size)]
    return np.concatenate(found)


def _window(tally: Tally, parts: ReadParts, start: int, stop: int) -> _Window:
    shape = (stop - start, len(tally.state))
    window = _Window(
        start,
        tally,
        np.zeros((*shape, tally.puzzles.num_cells), np.uint8),
        np.zeros(shape, np.bool_),
        np.zeros(shape, np.bool_),
    )
    for rows in parts():
        inside = (pc.field("index") >= start) & (pc.field("index") < stop) & pc.field("answer").is_valid()
        chosen = rows.filter(inside)
        puzzle, cell = chosen["index"].to_numpy() - start, chosen["cell"].to_numpy()
        window.answers[puzzle, cell] = grids_of(chosen["answer"], tally.puzzles.size)
        window.is_there[puzzle, cell] = True
        window.is_halted[puzzle, cell] = np.asarray(chosen["is_halted"].to_numpy(), np.bool_)
    return window


def _majority(window: _Window) -> Verdicts:
    """Whether the commonest answer to each puzzle is right; False where there is none."""
    num_items, num_cells, width = window.answers.shape
    texts = np.ascontiguousarray(window.answers).reshape(-1, width).view(f"V{width}")[:, 0]
    _, numbers = np.unique(texts, return_inverse=True)
    ids = np.where(window.is_there, numbers.reshape(num_items, num_cells), -1)
    votes = np.stack([((ids == ids[:, [cell]]) & window.is_there).sum(axis=1) for cell in range(num_cells)], axis=1)
    chosen = np.where(window.is_there, votes, 0).argmax(axis=1)  # the first of equal ones
    return np.asarray(window.right()[np.arange(num_items), chosen])


def _halted_majority(window: _Window, num_variants: int) -> Verdicts:
    num_items, num_cells = window.is_there.shape
    of_members = (num_items, num_cells // num_variants, num_variants)
    halted = (window.is_halted & window.is_there).reshape(of_members)
    num_right = (halted & window.right().reshape(of_members)).sum(axis=2)
    return np.asarray((2 * num_right > halted.sum(axis=2)).any(axis=1))
