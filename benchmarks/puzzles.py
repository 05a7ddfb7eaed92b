"""How fast are puzzles made, read and judged? One core, CPU seconds.

    python benchmarks/puzzles.py

Made are puzzles with one solution each, at the default numbers of clues; the first waves are small, so that few puzzles
cost little, and many are made faster than few. Read is the built layout, as large as the published test set, with
every row checked. Judged is what the verifier says of as many answers.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from _measure import machine

from earmark.puzzles.generate import generate
from earmark.puzzles.grids import PuzzleSet
from earmark.puzzles.layout import read_puzzles, write
from earmark.puzzles.rules import are_solved

Value = TypeVar("Value")
NUM_PUBLISHED = 422_786
"""Rows of the published test set."""


def report(what: str, num: int, work: Callable[[], Value]) -> Value:
    """Print how long ``work`` took for ``num`` puzzles, and give what it gives."""
    began_s = time.process_time()
    value = work()
    spent_s = time.process_time() - began_s
    print(f"{what:<40}{num:>9,} puzzles{spent_s:>9.2f} s{num / spent_s:>12,.0f} puzzles/s", flush=True)
    return value


def main() -> None:
    """Print a line a row."""
    print(machine())
    for size, num in ((4, 14_000), (9, 100), (9, 2_000)):
        report(f"made, {size}x{size}", num, partial(generate, size, num, 0))
    puzzles = report("made, 9x9, side of test", 2_000, partial(generate, 9, 2_000, 0, split="test"))
    places = np.arange(NUM_PUBLISHED) % puzzles.num_puzzles
    large = report("fingerprint", NUM_PUBLISHED, lambda: puzzles.take(places))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report("written, built layout", NUM_PUBLISHED, lambda: write(folder, train=puzzles, test=large))
        read: PuzzleSet = report("read and checked, built layout", NUM_PUBLISHED, lambda: read_puzzles(folder))
        solutions = large.solutions
        assert solutions is not None  # noqa: S101  # they were made with their solutions
        report("judged by the rules", NUM_PUBLISHED, lambda: are_solved(read.clues, solutions, 9))


if __name__ == "__main__":
    main()
