"""Puzzles made by chance, each with one solution. It knows no files and no solver that is judged with them.

A whole grid is made first: digits are set by chance and narrowed, and a grid that comes to a dead end is begun again.
Then clues are taken away in an order by chance, each for good where the puzzle still has one solution. Some grids and
puzzles are likelier than others.

Chance comes from NumPy's ``RandomState``, whose streams never change, and grids are made in waves of fixed sizes. So a
size, seed, range and split mean the same puzzles everywhere, and more of them begin with the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earmark.errors import UsageError
from earmark.puzzles.dig import clues_left
from earmark.puzzles.grids import BLANK, FIRST_DIGIT, SIZES, PuzzleSet, Tokens
from earmark.puzzles.search import Masks, narrow, open_counts

Split = Literal["train", "test"]

CLUES = {4: (4, 6), 9: (24, 30)}
"""Fewest and most clues, where nobody says others."""
_FEWEST_CLUES = {4: 4, 9: 22}  # 4 is the least that one solution needs; below 22 of 81 digging hardly ever gets
_FIRST_WAVE = 32
_LARGEST_WAVE = 512
_BARREN_WAVES = 8
_MOST_SEED = 2**32 - 1
_TEST_SHARE = 10  # one grid in so many
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def generate(
    size: int, num: int, seed: int, *, num_clues: tuple[int, int] | None = None, split: Split | None = None
) -> PuzzleSet:
    """``num`` puzzles, no two alike, each with one solution and a number of clues in ``num_clues`` (both ends count).

    With ``split``, solutions are only those of that side: a set of ``train`` and one of ``test`` share no solution,
    whatever their seeds are. A tenth of all grids is on the side of ``test``. A relabelled grid may be on the other
    side, so a solver that is trained on relabelled digits has met relabelled forms of what it is tested with.

    Raises UsageError for what cannot be made: another size, a number, seed or range out of bounds, or more puzzles than
    there are.
    """
    low, high = num_clues or CLUES.get(size, (0, 0))
    _check(size, num, seed, low, high)
    random = np.random.RandomState(seed)
    puzzles: dict[bytes, Tokens] = {}
    barren = 0
    for clues, solutions in _waves(size, random, (low, high), split):
        before = len(puzzles)
        for clue, solution in zip(clues, solutions, strict=True):
            puzzles.setdefault(clue.tobytes(), solution)
        if len(puzzles) >= num:
            break
        barren = barren + 1 if len(puzzles) == before else 0
        if barren == _BARREN_WAVES:
            raise _too_many(num, len(puzzles), size, (low, high))
    chosen = list(puzzles.items())[:num]
    return PuzzleSet(
        size,
        np.stack([np.frombuffer(clue, dtype=np.uint8) for clue, _ in chosen]),
        np.stack([solution for _, solution in chosen]),
        f"generated {size}x{size}{'' if split is None else ' ' + split}, seed {seed}",
    )


def are_for_test(solutions: Tokens) -> NDArray[np.bool_]:
    """Whether each whole grid, shape ``(num, cells)``, is on the side of ``test``: of the grid alone, by a hash."""
    with np.errstate(over="ignore"):
        mixed = np.zeros(len(solutions), dtype=np.uint64)
        for column in solutions.T:
            mixed = (mixed ^ column) * _MULTIPLIER
            mixed ^= mixed >> np.uint64(29)
    return np.asarray(mixed % np.uint64(_TEST_SHARE) == 0, dtype=np.bool_)


def _waves(
    size: int, random: np.random.RandomState, num_clues: tuple[int, int], split: Split | None
) -> Iterator[tuple[Tokens, Tokens]]:
    """Puzzles and their solutions, without end."""
    wave = _FIRST_WAVE
    while True:
        solutions = _whole_grids(size, wave * _TEST_SHARE if split == "test" else wave, random)
        if split is not None:
            solutions = solutions[are_for_test(solutions) == (split == "test")]
        targets = random.randint(num_clues[0], num_clues[1] + 1, size=len(solutions))
        orders = random.random_sample(solutions.shape).argsort(axis=1, kind="stable")
        is_clue = clues_left(solutions, orders, targets, size)
        is_fit = is_clue.sum(axis=1) <= num_clues[1]
        clues = np.where(is_clue, solutions, np.uint8(BLANK))
        yield clues[is_fit], solutions[is_fit]
        wave = min(2 * wave, _LARGEST_WAVE)


def _whole_grids(size: int, num: int, random: np.random.RandomState) -> Tokens:
    """Solved grids, shape ``(num, cells)``."""
    everything = np.uint16((1 << size) - 1)
    masks: Masks = np.full((size * size, num), everything)
    left = np.arange(num)
    while left.size:
        step = narrow(masks[:, left], size)
        step.masks[:, step.is_dead] = everything
        is_stuck = ~step.is_dead & ~step.is_solved & ~step.is_narrower
        step.masks[:, is_stuck] = _guessed(step.masks[:, is_stuck], size, random)
        masks[:, left] = step.masks
        left = left[~step.is_solved]
    return np.ascontiguousarray((np.log2(masks.T).astype(np.uint8) + FIRST_DIGIT).astype(np.uint8))


def _guessed(masks: Masks, size: int, random: np.random.RandomState) -> Masks:
    """Each grid with one more cell settled: one of those with the fewest digits, and one of these, by chance."""
    grids = np.arange(masks.shape[1])
    cells = (open_counts(masks) + random.random_sample(masks.shape)).argmin(axis=0)
    bits = np.uint16(1) << np.arange(size, dtype=np.uint16)[:, None]
    is_possible = (masks[cells, grids] & bits) != 0
    digits = np.where(is_possible, random.random_sample(is_possible.shape), -1.0).argmax(axis=0)
    masks[cells, grids] = np.uint16(1) << digits.astype(np.uint16)
    return masks


def _check(size: int, num: int, seed: int, low: int, high: int) -> None:
    if size not in SIZES:
        raise UsageError(f"no puzzles of size {size} are made", hint="--size 4 or --size 9")
    if num < 1:
        raise UsageError(f"{num} puzzles are none", hint="ask for 1 or more")
    if not 0 <= seed <= _MOST_SEED:
        raise UsageError(f"the seed {seed} is out of range", hint=f"a seed is a whole number from 0 to {_MOST_SEED}")
    if not _FEWEST_CLUES[size] <= low <= high < size * size:
        raise UsageError(
            f"puzzles of {low} to {high} clues are not made",
            hint=f"from {_FEWEST_CLUES[size]} to {size * size - 1} clues, the fewer first",
        )


def _too_many(num: int, num_found: int, size: int, num_clues: tuple[int, int]) -> UsageError:
    return UsageError(
        f"{num:,} different puzzles of size {size} with {num_clues[0]} to {num_clues[1]} clues are not to be had",
        cause=f"after {num_found:,} of them, {_BARREN_WAVES} waves of new grids brought none",
        hint="ask for fewer puzzles, or for a wider range of clues",
    )
