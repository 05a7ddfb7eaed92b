"""Rules over cells against a slow truth, and the two families."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest

from earmark import schema
from earmark.puzzles.grids import PuzzleSet
from earmark.puzzles.rules import are_solved
from earmark.sweeps import aggregate
from earmark.sweeps.aggregate import AGGREGATES, ORACLES, outcome, pass_at
from earmark.sweeps.tally import Tally
from tests.sweeps.toys import toy_puzzles

NUM_VARIANTS, NUM_CELLS, NUM_ITEMS = 2, 6, 40
PUZZLES = toy_puzzles(NUM_ITEMS)


def rows(rng: np.random.Generator, *, fails: float = 0.15) -> list[dict]:
    """Answers of every cell: the solution, one of two wrong ones, or a failure."""
    found = []
    for cell in range(NUM_CELLS):
        for item in range(NUM_ITEMS):
            row = {"index": item, "cell": cell, "compute_s": 0.5}
            if rng.random() < fails:
                found.append({**row, "error_kind": "solver", "error": f"of cell {cell}"})
                continue
            answer = PUZZLES.solutions[item].copy()
            if kind := rng.integers(0, 3):
                answer[:] = kind + 1
            is_valid = bool(are_solved(PUZZLES.clues[[item]], answer[None], 4)[0])
            more = {"score": float(rng.integers(0, 4)), "is_halted": bool(rng.random() < 0.7), "num_steps": 8}
            found.append({**row, **more, "answer": answer.tobytes(), "is_valid": is_valid})
    return found


def table(found: list[dict]) -> pa.Table:
    return pa.Table.from_pylist(found, schema.CELL_PARTS)


def tallied(tables: list[pa.Table], puzzles: PuzzleSet = PUZZLES, accept: str = "none") -> Tally:
    tally = Tally(puzzles, NUM_CELLS, accept)
    for one in tables:
        tally.fold(one)
    return tally


def slowly(name: str, found: list[dict]) -> list[bool]:
    """What a rule says of each puzzle, by its definition."""
    verdicts = []
    for item in range(NUM_ITEMS):
        answered = [row for row in found if row["index"] == item and "answer" in row]
        answered.sort(key=lambda row: row["cell"])
        solution = PUZZLES.solutions[item].tobytes()
        verdicts.append(bool(answered) and RULES[name](answered, solution))
    return verdicts


def halted(answered: list[dict], solution: bytes) -> bool:
    members: dict[int, list[bool]] = {}
    for row in answered:
        if row["is_halted"]:
            members.setdefault(row["cell"] // NUM_VARIANTS, []).append(row["answer"] == solution)
    return any(2 * sum(right) > len(right) for right in members.values())


RULES = {
    "any": lambda answered, solution: any(row["answer"] == solution for row in answered),
    "verifier": lambda answered, solution: next(
        (row["answer"] == solution for row in answered if row["is_valid"]), False
    ),
    "best-score": lambda answered, solution: max(answered, key=lambda row: row["score"])["answer"] == solution,
    "majority": lambda answered, solution: Counter(row["answer"] for row in answered).most_common(1)[0][0] == solution,
    "upstream-head": halted,
}


@pytest.mark.parametrize("name", AGGREGATES)
def test_a_rule_is_what_its_definition_says(name, monkeypatch):
    """Ties go to the first cell; failed cells have no say; and reading some puzzles at a time changes nothing."""
    found = rows(np.random.default_rng(3))
    parts = [table(found[start : start + 37]) for start in range(0, len(found), 37)]
    tally = tallied(parts)
    assert outcome(name, tally, NUM_VARIANTS, lambda: iter(parts)).is_right.tolist() == slowly(name, found)
    monkeypatch.setattr(aggregate, "_ROWS_AT_ONCE", 7 * NUM_CELLS)
    assert outcome(name, tally, NUM_VARIANTS, lambda: iter(parts)).is_right.tolist() == slowly(name, found)


def test_parts_may_come_in_any_order_and_twice():
    """And a success beats a failure, whichever comes first."""
    rng = np.random.default_rng(4)
    found = rows(rng)
    again = [row for row in rows(rng, fails=0) if "error" in next(r for r in found if same(r, row))]
    parts = [table([row]) for row in found + again]
    straight = tallied(parts)
    mixed = tallied([parts[place] for place in rng.permutation(2 * len(parts)) % len(parts)])
    for name in ("state", "verified_right", "best_right", "num_right", "num_answered_of_cell", "num_failed_of_cell"):
        assert np.array_equal(getattr(straight, name), getattr(mixed, name)), name
    assert not straight.has_failure.any()
    assert straight.num_failed_of_cell.sum() == 0


def same(one: dict, other: dict) -> bool:
    return (one["index"], one["cell"]) == (other["index"], other["cell"])


def test_bounds_count_failed_cells_as_wrong_and_as_right():
    """More answers cannot spoil the OR; they can change a vote."""
    found = rows(np.random.default_rng(5))
    parts = [table(found)]
    tally = tallied(parts)
    for name in AGGREGATES:
        one = outcome(name, tally, NUM_VARIANTS, lambda: iter(parts))
        assert one.low <= one.is_right.sum() <= one.high
        assert (one.low == one.is_right.sum()) == (name in ("any", "verifier"))
        assert one.high == (one.is_right | tally.has_failure).sum()
        assert one.is_oracle == (name in ORACLES)


def test_pass_at_k_is_the_mean_over_all_choices_of_k_cells():
    """Against every subset, over the puzzles that each cell answered."""
    found = rows(np.random.default_rng(6), fails=0.02)
    tally = tallied([table(found)])
    whole = [item for item in range(NUM_ITEMS) if not tally.has_failure[item]]
    right = {(row["cell"], row["index"]): row["answer"] == PUZZLES.solutions[row["index"]].tobytes()
             for row in found if "answer" in row}  # fmt: skip
    passes = pass_at(tally)
    assert list(passes) == ["1", "2", "4", "6"]
    for k, value in passes.items():
        choices = [any(right[cell, item] for cell in chosen)
                   for item in whole for chosen in combinations(range(NUM_CELLS), int(k))]  # fmt: skip
        assert value == pytest.approx(np.mean(choices))


def test_without_labels_right_means_that_the_rules_are_kept():
    """A puzzle with one solution has one answer that keeps them, so the numbers are the same."""
    found = rows(np.random.default_rng(7))
    unlabelled = PuzzleSet(4, PUZZLES.clues, None, "no labels")
    parts = [table(found)]
    with_labels, without = tallied(parts), tallied(parts, unlabelled)
    assert np.array_equal(with_labels.num_right, without.num_right)
    assert np.array_equal(with_labels.best_right, without.best_right)
