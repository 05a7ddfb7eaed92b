"""The work of a sweep: one shard of a cell, right rows, and failures that stay where they belong."""

from __future__ import annotations

import pickle

import numpy as np
import pyarrow as pa
import pytest

from earmark import schema
from earmark.errors import OutOfMemoryError, UsageError
from earmark.puzzles.grids import PuzzleSet
from earmark.records import AudioRef, Segment, Shard
from earmark.solving import CellBatch, Solving, bytes_of, grids_of
from earmark.store.folder import LocalFolder
from earmark.store.parts import read_part
from earmark.store.run import RunStore
from tests.sweeps.toys import ToyMembers, ToySolver, toy_puzzles

VARIANTS = ("relabel:0", "relabel:1+transpose")
PUZZLES = toy_puzzles(12)


@pytest.fixture
def folder(tmp_path) -> LocalFolder:
    folder = LocalFolder(tmp_path / "sweep")
    nothing = pa.nulls(PUZZLES.num_puzzles, pa.binary())
    table = pa.table({"clues": bytes_of(PUZZLES.clues), "solution": nothing}, schema=schema.PUZZLES)
    RunStore(folder).write_table("puzzles.parquet", table)
    return folder


def never() -> bool:
    return False


def shard_of(cell: int, items: range = range(12)) -> Shard:
    return Shard((CellBatch(cell * 12, tuple(Segment(item, cell, 4, str(item), AudioRef("")) for item in items)),))


def work(folder, *members: str, **more) -> Solving:
    return Solving(folder, "f" * 64, 4, VARIANTS, ToyMembers(members), "fixed", "attempt", **more)


def solved(work: Solving, cell: int) -> list[dict]:
    with work as doing:
        receipt = doing(shard_of(cell), rank=1, stop=never)
    assert (receipt.num_rows, receipt.rank) == (12, 1)
    rows = read_part(work.folder, receipt.part, schema.CELL_PARTS.names).to_pylist()
    assert receipt.num_failed == sum(row["error"] is not None for row in rows)
    return rows


def test_answers_are_turned_back_and_checked(folder):
    """A solver that makes no mistake is right in every variant, and its part survives a pickle of the work."""
    for cell in (0, 1):
        rows = solved(pickle.loads(pickle.dumps(work(folder, "a:1"))), cell)
        assert [row["index"] for row in rows] == list(range(12))
        assert [row["answer"] for row in rows] == [grid.tobytes() for grid in PUZZLES.solutions]
        assert {(row["cell"], row["is_valid"], row["num_steps"], row["error"]) for row in rows} == {
            (cell, True, 8, None)
        }


def test_a_variant_is_what_the_solver_is_shown(folder):
    """The toy's mistakes are by the grid that it sees: another variant has others."""
    plain, turned = (solved(work(folder, "a:0.5"), cell) for cell in (0, 1))
    assert [row["is_valid"] for row in plain] != [row["is_valid"] for row in turned]
    assert {row["is_valid"] for row in plain} == {True, False}


@pytest.mark.parametrize(
    ("member", "kind", "reason"),
    [
        ("broken", "member", "the checkpoint is truncated: its last bytes are missing"),
        ("nan", "not_finite", "the solver's score is not finite"),
        ("raises", "solver", "FloatingPointError: NaN among the logits"),
    ],
)
def test_a_member_that_cannot_fails_its_own_rows(folder, member, kind, reason):
    """With the reason, and never as a wrong answer; the next member of the same worker is as it was."""
    with work(folder, member, "a:1") as doing:
        receipts = [doing(shard_of(cell), rank=0, stop=never) for cell in (0, 1, 2)]
    assert [receipt.num_failed for receipt in receipts] == [12, 12, 0]
    rows = read_part(folder, receipts[0].part, schema.CELL_PARTS.names).to_pylist()
    assert {(row["error_kind"], row["error"], row["answer"], row["is_valid"]) for row in rows} == {
        (kind, reason, None, None)
    }


def test_a_member_is_loaded_once_and_one_at_a_time(folder, tmp_path):
    """Two shards of a member are one load; a member that cannot be loaded is tried once."""
    told = tmp_path / "opened"
    doing = Solving(folder, "f" * 64, 4, VARIANTS, ToyMembers(("a:1", "broken"), told), "fixed", "attempt")
    with doing:
        for cell in (0, 1, 2, 3):
            doing(shard_of(cell), rank=0, stop=never)
    assert told.read_text().split() == ["a:1", "broken"]


class _Full(ToySolver):
    def solve(self, tokens, *, halt):
        raise OutOfMemoryError("one puzzle does not fit")


class _WrongShape(ToySolver):
    def solve(self, tokens, *, halt):
        return super().solve(tokens[:-1], halt=halt)


@pytest.mark.parametrize(("solver", "kind"), [(_Full, "out_of_memory"), (_WrongShape, "solver")])
def test_what_a_solver_does_not_answer_is_failed(folder, solver, kind):
    """Memory that is full says what was tried; too few answers are no answers."""
    doing = work(folder)
    doing.open_solver = lambda number: solver("a", 1.0)
    rows = solved(doing, 0)
    assert {row["error_kind"] for row in rows} == {kind}
    assert kind != "out_of_memory" or "(a batch of 12 was tried)" in rows[0]["error"]


def test_what_no_member_can_have_ends_the_work(folder):
    """A missing package or device is the machine's fault: no row is failed for it."""

    def opened(number: int) -> ToySolver:
        raise UsageError("there is no device 'cuda' here")

    doing = work(folder)
    doing.open_solver = opened
    with doing, pytest.raises(UsageError, match="no device"):
        doing(shard_of(0), rank=0, stop=never)
    assert folder.names("parts") == []


def test_a_batch_is_given_up_as_a_whole(folder):
    """It is the member that killed the workers, so no half of the batch is tried; a stop before it does nothing."""
    shard = shard_of(3)
    assert shard.pieces() == ()
    receipt = work(folder, "a:1").give_up(shard, rank=2, reason="3 workers died of it")
    assert (receipt.num_failed, receipt.num_rows) == (12, 12)
    with work(folder, "a:1") as doing:
        assert doing(shard, rank=0, stop=lambda: True) is None


def test_grids_come_back_from_their_column():
    """Also from a slice and from pieces."""
    column = pa.chunked_array([bytes_of(PUZZLES.clues[:5]), bytes_of(PUZZLES.clues[5:])])
    assert np.array_equal(grids_of(column, 4), PUZZLES.clues)
    assert np.array_equal(grids_of(column.slice(3, 4), 4), PUZZLES.clues[3:7])
    assert isinstance(PUZZLES, PuzzleSet)
