"""Puzzles through the recursion: so many steps, which rows leave before, and what each row answered.

Of all the steps one carry is kept, that of the rows that still think. On a processor the rows go through the network in
chunks of one fixed number of rows, the last one filled up: a product of matrices of another shape may be computed by
another routine, with another rounding, and then an answer would depend on how many rows were asked together. One row
alone gets other scores of halting than the same row among others, for example. Where no row leaves early, a chunk makes
all its steps before the next one begins, and several threads have a chunk each. On a GPU all rows go at once, and an
answer may depend on their number.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from earmark.puzzles.grids import Tokens
from earmark.puzzles.hrm.model import Carry, Hrm, Said
from earmark.puzzles.rules import are_solved

Halt = Literal["fixed", "verifier", "q"]
"""When a row leaves: after all steps, once its answer keeps rules and clues, or once the model says so."""
_TOKENS_IN_CHUNK = 544
"""Fills a core's cache; 32 grids of 4 x 4 with the puzzle's token, 6 of 9 x 9."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What came of each row, in the order of the rows.

    ``tokens`` uint8 (rows, cells); ``scores`` float32 (rows,): the score of halting at the step of the answer, NaN
    where the model said something that is no number;
    ``is_halted`` bool (rows,): whether the model itself would have stopped there; ``num_steps`` int16 (rows,).
    """

    tokens: Tokens
    scores: NDArray[np.float32]
    is_halted: NDArray[np.bool_]
    num_steps: NDArray[np.int16]


@torch.no_grad()
def answer(model: Hrm, clues: Tokens, *, halt: Halt = "fixed", num_threads: int = 1) -> Answers:
    """Answer ``clues``, uint8 (rows, cells). The model is in its evaluation mode, on the device where it works.

    On a processor, where no row leaves early, ``num_threads`` work at once; answers do not depend on their number.
    Where rows leave, a step ends with a look at all of them, and one thread works.

    Raises ValueError where ``verifier`` is asked of a model whose data are no Sudoku.
    """
    size = model.settings.grid_size
    if halt == "verifier" and size is None:
        raise ValueError("the rules of Sudoku say nothing about these grids")
    num_rows = _chunk_of(model)
    if halt == "fixed" and num_rows is not None:
        return _all_steps(model, clues, num_rows, num_threads)
    thinking = _Thinking(model, clues, num_rows)
    for step in range(1, model.settings.halt_max_steps + 1):
        if not len(thinking.rows):
            break
        is_last = step == model.settings.halt_max_steps
        if halt == "fixed" and not is_last:
            thinking.step()
            continue
        said = thinking.spoken_step()
        thinking.keep(said, step, _leaving(said, thinking.clues, halt, size, is_last=is_last))
    return thinking.answers


def _chunk_of(model: Hrm) -> int | None:
    """How many rows go through the network at once; None where all of them do."""
    is_on_processor = model.inner.lm_head.weight.device.type == "cpu"
    return max(1, _TOKENS_IN_CHUNK // model.settings.num_tokens) if is_on_processor else None


def _all_steps(model: Hrm, clues: Tokens, size: int, num_threads: int) -> Answers:
    """Chunks of ``size`` rows, each through all steps, so that one a thread is in memory, and in the caches."""
    answers = _no_answers(clues)
    answers.num_steps[:] = model.settings.halt_max_steps

    @torch.no_grad()  # counts for the thread that says it
    def chunk_from(start: int) -> None:
        rows = slice(start, min(start + size, len(clues)))
        ids = _filled(torch.from_numpy(clues[rows].astype(np.int32)), size)
        x, carry = model.inner.embedded(ids), model.begun(size)
        for _ in range(model.settings.halt_max_steps):
            carry = model.inner.step(carry, x)
        said = _here(model, _first(model.inner.said(carry), rows.stop - start))
        answers.tokens[rows], answers.scores[rows], answers.is_halted[rows] = said.tokens, said.scores, said.is_halted

    threads = ThreadPoolExecutor(max(1, num_threads))
    try:
        for done in as_completed([threads.submit(chunk_from, start) for start in range(0, len(clues), size)]):
            done.result()
    finally:
        threads.shutdown(cancel_futures=True)  # after an error no other chunk is begun
    return answers


def _no_answers(clues: Tokens) -> Answers:
    num = len(clues)
    tokens, scores = np.zeros(clues.shape, np.uint8), np.zeros(num, np.float32)
    return Answers(tokens, scores, np.zeros(num, np.bool_), np.zeros(num, np.int16))


@dataclass(frozen=True, slots=True)
class _SaidHere:
    """What was said, as arrays: tokens (rows, cells), scores float32 (rows,), whether the model would stop."""

    tokens: Tokens
    scores: NDArray[np.float32]
    is_halted: NDArray[np.bool_]


def _leaving(said: _SaidHere, clues: Tokens, halt: Halt, size: int | None, *, is_last: bool) -> NDArray[np.bool_]:
    if is_last:
        return np.ones(len(clues), np.bool_)
    if halt == "q":
        return said.is_halted
    return are_solved(clues, said.tokens, size or 0)


class _Thinking:
    """The rows that have no answer yet, with their carry, and the answers of the others."""

    def __init__(self, model: Hrm, clues: Tokens, chunk: int | None) -> None:
        self._model = model
        self._chunk = chunk
        self.rows = np.arange(len(clues))
        self.clues = clues
        self._device = model.inner.lm_head.weight.device
        self._ids = torch.from_numpy(clues.astype(np.int32)).to(self._device)
        self._carry = model.begun(len(clues))
        self.answers = _no_answers(clues)

    def step(self) -> None:
        """One step of every row, all at once, after which nothing is said."""
        inner = self._model.inner
        self._carry = inner.step(self._carry, inner.embedded(self._ids))

    def spoken_step(self) -> _SaidHere:
        """One step of every row, and what they say after it."""
        if self._chunk is None:
            self.step()
            return _here(self._model, self._model.inner.said(self._carry))
        return _joined([self._chunk_step(start, self._chunk) for start in range(0, len(self.rows), self._chunk)])

    def keep(self, said: _SaidHere, step: int, leaving: NDArray[np.bool_]) -> None:
        """Write down the answers of the rows that leave, and go on with the others."""
        leavers = self.rows[leaving]
        self.answers.tokens[leavers] = said.tokens[leaving]
        self.answers.scores[leavers] = said.scores[leaving]
        self.answers.is_halted[leavers] = said.is_halted[leaving]
        self.answers.num_steps[leavers] = step
        if not leaving.any():
            return
        stays = torch.from_numpy(np.flatnonzero(~leaving)).to(self._device)
        self.rows, self.clues = self.rows[~leaving], self.clues[~leaving]
        self._ids = self._ids[stays]
        self._carry = Carry(self._carry.high[stays], self._carry.low[stays])

    def _chunk_step(self, start: int, size: int) -> _SaidHere:
        """One step of the rows from ``start``, always ``size`` of them: the last one stands in for those that lack."""
        num_rows = min(size, len(self.rows) - start)
        high, low, ids = (
            _filled(whole[start : start + num_rows], size) for whole in (self._carry.high, self._carry.low, self._ids)
        )
        after, said = self._model(Carry(high, low), ids)
        self._carry.high[start : start + num_rows] = after.high[:num_rows]
        self._carry.low[start : start + num_rows] = after.low[:num_rows]
        return _here(self._model, _first(said, num_rows))


def _first(said: Said, num_rows: int) -> Said:
    return Said(said.logits[:num_rows], said.q_halt[:num_rows], said.q_continue[:num_rows])


def _filled(rows: Tensor, size: int) -> Tensor:
    lacking = size - len(rows)
    return torch.cat((rows, rows[-1:].expand(lacking, *rows.shape[1:]))) if lacking else rows


def _here(model: Hrm, said: Said) -> _SaidHere:
    """As arrays; the score of a row that says anything which is no number is none either."""
    tokens = said.logits.argmax(dim=-1).to(torch.uint8).cpu().numpy()
    halted = model.has_answered(said).cpu().numpy()
    is_finite = torch.stack([torch.isfinite(one).flatten(1).all(dim=1) for one in _of_rows(said)]).all(dim=0)
    scores = torch.where(is_finite, said.q_halt.float(), torch.nan)
    return _SaidHere(tokens, scores.cpu().numpy(), halted)


def _of_rows(said: Said) -> tuple[Tensor, ...]:
    return said.logits, said.q_halt.unsqueeze(1), said.q_continue.unsqueeze(1)


def _joined(parts: list[_SaidHere]) -> _SaidHere:
    return _SaidHere(
        np.concatenate([part.tokens for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.is_halted for part in parts]),
    )
