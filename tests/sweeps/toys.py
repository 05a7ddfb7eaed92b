"""A solver that is a toy, and not a mock: it solves 4x4 grids by search, and then spoils some of its answers.

Which ones is decided by a hash of the very grid that it was shown, so a variant changes it as it does for a real
solver, and nothing else does: neither the batch nor the order nor the process.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from earmark.errors import RecognizerError
from earmark.puzzles.grids import BLANK, FIRST_DIGIT, PuzzleSet
from earmark.puzzles.rules import are_solved

SIZE = 4


def all_grids() -> NDArray[np.uint8]:
    """The 288 full grids of 4x4."""
    rows = [np.array(row, np.uint8) + FIRST_DIGIT for row in itertools.permutations(range(SIZE))]
    pairs = [np.stack(pair) for pair in itertools.product(rows, rows)]
    halves = [pair for pair in pairs if all(len(set(pair[:, box : box + 2].flat)) == SIZE for box in (0, 2))]
    grids = np.stack([np.concatenate(two).reshape(-1) for two in itertools.product(halves, halves)])
    return grids[are_solved(np.full_like(grids, BLANK), grids, SIZE)]


GRIDS = all_grids()


def toy_puzzles(num: int, *, seed: int = 0, has_solutions: bool = True) -> PuzzleSet:
    """Puzzles with one solution each, no two alike."""
    rng = np.random.default_rng(seed)
    clues: list[NDArray[np.uint8]] = []
    solutions: list[NDArray[np.uint8]] = []
    seen: set[bytes] = set()
    while len(clues) < num:
        solution = GRIDS[rng.integers(len(GRIDS))]
        puzzle = np.where(rng.random(SIZE * SIZE) < 0.5, solution, np.uint8(BLANK))
        if len(_fitting(puzzle)) == 1 and puzzle.tobytes() not in seen:
            seen.add(puzzle.tobytes())
            clues.append(puzzle)
            solutions.append(solution)
    return PuzzleSet(SIZE, np.stack(clues), np.stack(solutions) if has_solutions else None, "toy")


def _fitting(puzzle: NDArray[np.uint8]) -> NDArray[np.uint8]:
    found: NDArray[np.uint8] = GRIDS[((puzzle == BLANK) | (puzzle == GRIDS)).all(axis=1)]
    return found


@dataclass(frozen=True)
class ToyAnswers:
    """See earmark.solving.Answers."""

    tokens: NDArray[np.uint8]
    scores: NDArray[np.float32]
    is_halted: NDArray[np.bool_]
    num_steps: NDArray[np.int16]


class ToySolver:
    """Right with the probability ``skill``; ``name`` makes its mistakes others than another one's."""

    def __init__(self, name: str, skill: float) -> None:
        self._name = name
        self._skill = skill
        self.num_rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was loaded."""

    def solve(self, tokens: NDArray[np.uint8], *, halt: str) -> ToyAnswers:
        del halt
        chances = np.array([self._chance(row) for row in tokens])
        answers = np.stack([_fitting(row)[0] for row in tokens])
        is_wrong = chances >= self._skill
        answers[is_wrong] = np.where(answers[is_wrong] == FIRST_DIGIT, FIRST_DIGIT + 1, answers[is_wrong])
        num = len(tokens)
        return ToyAnswers(answers, (1 - chances).astype(np.float32), ~is_wrong, np.full(num, 8, np.int16))

    def _chance(self, row: NDArray[np.uint8]) -> float:
        digest = hashlib.blake2b(row.tobytes(), key=self._name.encode(), digest_size=6).digest()
        return int.from_bytes(digest) / 256**6


@dataclass(frozen=True)
class ToyMembers:
    """Opens toys by number: ``name:skill``, or ``broken`` (cannot be loaded), ``nan``, ``raises``, ``deadly``.

    A ``deadly`` one kills its process. Each opening is written down in the file ``opened``, where there is one.
    """

    members: tuple[str, ...]
    opened: Path | None = None

    def __call__(self, number: int) -> ToySolver:
        word = self.members[number]
        if self.opened is not None:
            with self.opened.open("a") as file:
                file.write(f"{word}\n")
        if word == "broken":
            raise RecognizerError("the checkpoint is truncated", cause="its last bytes are missing")
        kinds = {"nan": _NotFinite, "raises": _Raises, "deadly": _Deadly}
        if word in kinds:
            return kinds[word](word, 1.0)
        name, _, skill = word.partition(":")
        return ToySolver(name, float(skill))


class _NotFinite(ToySolver):
    def solve(self, tokens: NDArray[np.uint8], *, halt: str) -> ToyAnswers:
        found = super().solve(tokens, halt=halt)
        return ToyAnswers(found.tokens, np.full(len(tokens), np.nan, np.float32), found.is_halted, found.num_steps)


class _Raises(ToySolver):
    def solve(self, tokens: NDArray[np.uint8], *, halt: str) -> ToyAnswers:
        raise FloatingPointError("NaN among the logits")


class _Deadly(ToySolver):
    def solve(self, tokens: NDArray[np.uint8], *, halt: str) -> ToyAnswers:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError
