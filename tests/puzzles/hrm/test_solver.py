from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from earmark.errors import OutOfMemoryError, UsageError
from earmark.puzzles.hrm import recursion
from earmark.puzzles.hrm.checkpoint import read_checkpoint
from earmark.puzzles.hrm.model import Hrm, Inner
from earmark.puzzles.hrm.recursion import answer
from earmark.puzzles.hrm.solver import Solver
from earmark.puzzles.rules import are_solved
from tests.puzzles.hrm.checkpoints import LEARNED, TINY, model, state_of, write_checkpoint

FIELDS = ("tokens", "scores", "is_halted", "num_steps")
SOLVED = np.array([[2, 3, 4, 5, 4, 5, 2, 3, 3, 2, 5, 4, 5, 4, 3, 2]], np.uint8)


def grids(num: int) -> np.ndarray:
    return np.random.default_rng(0).integers(1, 6, size=(num, 16)).astype(np.uint8)


def bits(answers, rows=slice(None)) -> list[bytes]:
    return [getattr(answers, field)[rows].tobytes() for field in FIELDS]


@pytest.fixture(scope="module")
def solver(tmp_path_factory):
    path = write_checkpoint(tmp_path_factory.mktemp("solver"), replace(LEARNED, hidden_size=32, halt_max_steps=4))
    with Solver(read_checkpoint(path), device="cpu") as opened:
        yield opened


@pytest.mark.parametrize(
    ("num_rows", "halt"),
    [(1, "fixed"), (2, "fixed"), (7, "fixed"), (33, "fixed"), (64, "fixed"), (1, "q"), (33, "q"), (33, "verifier")],
)
def test_an_answer_does_not_depend_on_the_rows_beside_it(solver, num_rows, halt):
    """To the bit, wherever a batch is cut, and also among rows in another order."""
    clues = grids(70)
    whole = solver.solve(clues, halt=halt)
    starts = range(0, 70, num_rows)
    for start in (*starts[:3], starts[-1]):
        rows = slice(start, min(70, start + num_rows))
        assert bits(solver.solve(clues[rows], halt=halt)) == bits(whole, rows)
    order = np.random.default_rng(1).permutation(70)
    assert bits(solver.solve(clues[order], halt=halt)) == bits(whole, order)


def test_answers_are_those_of_the_plain_loop(solver):
    """All rows at once through the model, step after step: the last step's best tokens and scores."""
    clues = grids(40)
    plain, ids = solver._model, torch.from_numpy(clues.astype(np.int64))
    carry = plain.begun(40)
    with torch.no_grad():
        for _ in range(4):
            carry, said = plain(carry, ids)
    answers = solver.solve(clues)
    assert (answers.tokens == said.logits.argmax(-1).numpy()).all()
    np.testing.assert_allclose(answers.scores, said.q_halt.numpy(), atol=1e-5)
    assert (answers.is_halted == (said.q_halt > 0).numpy()).all()
    assert (answers.num_steps == 4).all()
    kinds = [getattr(answers, field).dtype for field in FIELDS]
    assert kinds == [np.uint8, np.float32, np.bool_, np.int16]


def test_rows_leave_where_the_model_says_so(solver):
    """At the first step where their own score says so, with what they answered there; the others go on to the end."""
    clues = grids(60)
    fixed, early = solver.solve(clues), solver.solve(clues, halt="q")
    assert len(set(early.num_steps.tolist())) > 1
    ran_out = early.num_steps == 4
    assert (early.is_halted | ran_out).all()
    assert bits(early, ran_out) == bits(fixed, ran_out)
    for step in (1, 2, 3):
        short = Hrm(replace(solver._model.settings, halt_max_steps=step))
        short.load_state_dict(solver._model.state_dict())
        rows = early.num_steps == step
        assert bits(answer(short.eval(), clues), rows) == bits(early, rows)


class Lookup(Hrm):
    """Answers a solved grid from a row's ``right_from``-th step on, and before that the clues as they are."""

    def __init__(self, right_from: list[int]) -> None:
        super().__init__(replace(TINY, halt_max_steps=4))
        self.right_from, self.step_of_call = right_from, []

    def forward(self, carry, ids):
        if float(carry.high.max()) < 100:  # the first step: the carry still is as it began
            carry.high.fill_(100.0)
        carry.high.add_(1)
        steps = carry.high[:, 0, 0] - 100
        self.step_of_call.append(len(ids))
        wanted = torch.tensor([self.right_from[one] for one in ids[:, 0].tolist()])
        is_right = steps >= wanted
        tokens = torch.where(is_right[:, None], torch.from_numpy(SOLVED.astype(np.int64)), ids.long())
        logits = torch.nn.functional.one_hot(tokens, 6).float()
        from earmark.puzzles.hrm.model import Said

        return carry, Said(logits, steps, torch.zeros(len(ids)))


def test_rows_leave_once_their_answer_keeps_rules_and_clues():
    """Each at its own first right step; a right step later is as good, and one that never comes runs out."""
    toy = Lookup([9, 1, 3, 2])
    clues = np.ones((3, 16), np.uint8)
    clues[:, 0] = [1, 2, 3]
    answers = answer(toy, clues, halt="verifier")
    assert answers.num_steps.tolist() == [1, 3, 4]  # 3 is not the digit of the solution's first cell, so never right
    assert are_solved(clues, answers.tokens, 4).tolist() == [True, True, False]
    assert answers.scores.tolist() == [1.0, 3.0, 4.0]


def test_only_the_rows_that_still_think_are_computed():
    """A chunk that has left costs no further step."""
    toy = Lookup([9, 1, 9])
    clues = np.ones((64, 16), np.uint8)
    clues[32:, 0] = 2
    answer(toy, clues, halt="verifier")
    assert len(toy.step_of_call) == 2 + 1 * 3
    assert len(set(toy.step_of_call)) == 1  # always the same number of rows


def test_an_empty_batch_has_an_empty_answer(solver):
    """And costs no step."""
    assert solver.solve(grids(0)).tokens.shape == (0, 16)


def test_where_memory_is_full_half_the_rows_are_tried(solver, monkeypatch):
    """Again and again, from then on no more at once, and the answers are the same."""
    whole, tried = solver.solve(grids(50)), []

    def narrow(model, clues, *, halt, num_threads):
        tried.append(len(clues))
        if len(clues) > 20:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return answer(model, clues, halt=halt, num_threads=num_threads)

    monkeypatch.setattr(recursion, "answer", narrow)
    monkeypatch.setattr(solver, "num_splits", 0)
    monkeypatch.setattr(solver, "most_rows", None)
    assert bits(solver.solve(grids(50))) == bits(whole)
    assert tried == [50, 25, 12, 12, 12, 12, 2]
    assert (solver.num_splits, solver.most_rows) == (2, 12)


def test_one_row_that_does_not_fit_is_told(solver, monkeypatch):
    """As what the worker knows, with the device's own words."""

    def full(model, clues, *, halt, num_threads):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory")

    monkeypatch.setattr(recursion, "answer", full)
    monkeypatch.setattr(solver, "most_rows", None)
    with pytest.raises(OutOfMemoryError) as caught:
        solver.solve(grids(3))
    assert "DefaultCPUAllocator" in str(caught.value.cause)


@pytest.mark.parametrize("halt", ["fixed", "verifier"])
def test_a_row_that_says_no_numbers_has_no_score_in_any_company(tmp_path, halt):
    """Finite weights can still overflow; the rows beside it are answered as they are alone."""
    state = state_of()
    state["model.inner.embed_tokens.embedding_weight"][5].fill_(3e38)
    checkpoint = read_checkpoint(write_checkpoint(tmp_path, state=state))
    tokens = grids(6)
    tokens[tokens == 5] = 4
    tokens[2, 0] = 5
    with Solver(checkpoint, device="cpu") as opened:
        together = opened.solve(tokens, halt=halt)
        alone = [opened.solve(tokens[row : row + 1], halt=halt) for row in range(6)]
    assert np.flatnonzero(np.isnan(together.scores)).tolist() == [2]
    for row, one in enumerate(alone):
        assert np.array_equal(together.tokens[row], one.tokens[0])
        assert np.array_equal(together.scores[row], one.scores[0], equal_nan=True)


@pytest.mark.parametrize(
    "tokens",
    [np.ones((2, 81), np.uint8), np.ones((2, 16), np.int64), np.full((1, 16), 6, np.uint8), np.ones(16, np.uint8)],
    ids=["cells", "dtype", "token", "flat"],
)
def test_grids_that_the_model_does_not_take_are_refused(solver, tokens):
    """Before anything is computed."""
    with pytest.raises(ValueError, match=r"not uint8|token 6"):
        solver.solve(tokens)


def test_the_device_that_was_asked_for_or_none(tmp_path):
    """Never a processor in the place of a GPU."""
    checkpoint = read_checkpoint(write_checkpoint(tmp_path))
    for device in ("cuda:99", "tpu", "cpu:1", "cuda:x"):
        with pytest.raises(UsageError, match="no device"):
            Solver(checkpoint, device=device).__enter__()
    for share in (0.0, 1.5, -1.0):
        with pytest.raises(UsageError, match="gpu-memory-limit"):
            Solver(checkpoint, device="cpu", memory_limit=share).__enter__()
    with pytest.raises(UsageError, match="dtype"):
        Solver(checkpoint, device="cpu", dtype="int8").__enter__()


def test_another_dtype_gives_answers_too(tmp_path):
    """In bfloat16, on a processor as well."""
    checkpoint = read_checkpoint(write_checkpoint(tmp_path))
    with Solver(checkpoint, device="cpu", dtype="bfloat16") as opened:
        assert opened.solve(grids(5)).tokens.max() < 6


@pytest.mark.parametrize("halt", ["fixed", "q"])
def test_peak_memory_holds_one_carry(monkeypatch, halt):
    """However many steps are made: states of earlier ones are gone when a later one begins."""
    import gc

    counts, calls = [], []
    step = Inner.step

    def counting(self, carry, x):
        calls.append(len(x))
        if len(calls) in (2, 6):
            gc.collect()
            states = [one for one in gc.get_objects() if type(one) is torch.Tensor and one.dim() == 3]
            counts.append(sum(one.numel() for one in states))
        return step(self, carry, x)

    monkeypatch.setattr(Inner, "step", counting)
    monkeypatch.setattr(Hrm, "has_answered", lambda self, said: torch.zeros(len(said.q_halt), dtype=torch.bool))
    answer(model(replace(TINY, halt_max_steps=6)), grids(32), halt=halt)
    assert len(calls) == 6
    assert counts[0] == counts[1] > 0


def test_where_no_row_leaves_early_one_chunk_is_in_memory(monkeypatch):
    """However many rows are asked together: of the first chunk all steps are made before the second one begins."""
    seen = []
    step = Inner.step

    def counting(self, carry, x):
        seen.append(len(x))
        return step(self, carry, x)

    monkeypatch.setattr(Inner, "step", counting)
    begun = Hrm.begun
    monkeypatch.setattr(Hrm, "begun", lambda self, num_rows: seen.append(-num_rows) or begun(self, num_rows))
    answer(model(replace(TINY, halt_max_steps=3)), grids(100))
    chunk = seen[1]
    assert seen == [-chunk, chunk, chunk, chunk] * -(-100 // chunk)
    assert chunk < 100


@pytest.mark.parametrize("num_threads", [2, 5])
def test_an_answer_does_not_depend_on_the_number_of_threads(num_threads):
    """To the bit, and row for row, though chunks end in another order."""
    clues = grids(300)
    toy = model(replace(TINY, halt_max_steps=3))
    assert bits(answer(toy, clues, num_threads=num_threads)) == bits(answer(toy, clues))


def test_what_goes_wrong_in_a_thread_is_raised(monkeypatch):
    """In the thread that asked, which waits neither for an earlier chunk nor for those that are not begun."""
    begun, is_left = [], threading.Event()

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait=True, *, cancel_futures=False):
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            is_left.set()
            super().shutdown(wait=wait)

    def failing(self, num_rows):
        begun.append(num_rows)
        assert len(begun) == 2 or is_left.wait(60)
        raise MemoryError("no room for a chunk")

    monkeypatch.setattr(recursion, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr(Hrm, "begun", failing)
    with pytest.raises(MemoryError, match="no room"):
        answer(model(TINY), grids(3_200), num_threads=2)
    assert len(begun) <= 3  # of a hundred chunks
