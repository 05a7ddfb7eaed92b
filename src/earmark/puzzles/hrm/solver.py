"""A checkpoint as a solver: entered, it is in memory on its device; then it answers grids.

Knows what to do where a device's memory is full. On a processor in float32 the answer to a row does not depend on the
rows beside it, to the bit: ``recursion`` says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from earmark.errors import OutOfMemoryError, UsageError, first_line
from earmark.puzzles.grids import Tokens
from earmark.puzzles.hrm.checkpoint import Checkpoint
from earmark.puzzles.hrm.device import DtypeName, device_of, one_thread_in_a_worker

if TYPE_CHECKING:
    from earmark.puzzles.hrm.model import Hrm
    from earmark.puzzles.hrm.recursion import Answers, Halt


class Solver:
    """Answers grids with the model of a checkpoint. Made cheaply; entering loads the model, leaving frees it.

    ``memory_limit`` is the share of a GPU's memory that this process may take. After a batch did not fit,
    ``most_rows`` is the number of rows that are tried at once, None before; ``num_splits`` counts how often it shrank.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        device: str = "auto",
        dtype: DtypeName = "float32",
        memory_limit: float | None = None,
    ) -> None:
        self._checkpoint = checkpoint
        self._device, self._dtype, self._memory_limit = device, dtype, memory_limit
        self._model: Hrm | None = None
        self.most_rows: int | None = None
        self.num_splits = 0

    def __enter__(self) -> Self:
        """Load the model. Raises CheckpointError, UsageError where the device is not there, MissingExtraError."""
        device = device_of(self._device, memory_limit=self._memory_limit)
        import torch

        if device.type == "cpu":
            one_thread_in_a_worker()

        from earmark.puzzles.hrm.weights import load_model

        if self._dtype not in ("float32", "bfloat16", "float16"):
            raise UsageError(f"there is no dtype {self._dtype!r}", hint="--dtype float32, bfloat16 or float16")
        self._model = load_model(self._checkpoint, device=device, dtype=getattr(torch, self._dtype))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._model = None
        _free()

    def solve(self, tokens: Tokens, *, halt: Halt = "fixed") -> Answers:
        """Answer ``tokens``, uint8 (rows, cells), row for row.

        Where the rows do not fit into the device's memory, half of them are tried, and so many from then on. Raises
        OutOfMemoryError where one row does not fit, and ValueError for grids that the model does not take. Where the
        model says what is no number, the row's score is NaN.
        """
        if self._model is None:
            raise ValueError("a solver answers within its block")
        _check_tokens(tokens, self._checkpoint)
        parts: list[Answers] = []
        done = 0
        while done < len(tokens) or not parts:
            num_rows = min(self.most_rows or len(tokens), len(tokens) - done)
            part = self._tried(self._model, tokens[done : done + num_rows], halt)
            if part is not None:
                parts.append(part)
                done += num_rows
        return _joined(parts)

    def _tried(self, model: Hrm, tokens: Tokens, halt: Halt) -> Answers | None:
        """The answers; None where they did not fit, and fewer rows are to be tried."""
        import torch

        from earmark.puzzles.hrm.recursion import answer

        try:
            with _one_thread_a_product(model) as num_threads:
                return answer(model, tokens, halt=halt, num_threads=num_threads)
        except RuntimeError as error:  # a GPU's has a class of its own, a processor's is told by its words
            if not isinstance(error, torch.OutOfMemoryError) and "DefaultCPUAllocator" not in str(error):
                raise
            full = first_line(error)
        # Out of the handler by now: its traceback held the tensors of the failed call.
        _free()
        if len(tokens) <= 1:
            raise OutOfMemoryError("one puzzle does not fit", cause=full)
        self.most_rows = len(tokens) // 2
        self.num_splits += 1
        return None


@contextmanager
def _one_thread_a_product(model: Hrm) -> Iterator[int]:
    """On a processor, no product of matrices is shared among threads within the block; yields how many torch has.

    Products this small cost more when they are shared out, and sums in another order could round in another way. The
    threads have rows of their own instead.
    """
    import torch

    before = torch.get_num_threads()
    if model.inner.lm_head.weight.device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield before
    finally:
        torch.set_num_threads(before)


def _check_tokens(tokens: Tokens, checkpoint: Checkpoint) -> None:
    settings = checkpoint.settings
    if tokens.dtype != np.uint8 or tokens.ndim != 2 or tokens.shape[1] != settings.seq_len:  # noqa: PLR2004
        raise ValueError(f"{tokens.dtype} of shape {tokens.shape}, not uint8 of {settings.seq_len} columns")
    if tokens.size and int(tokens.max()) >= settings.vocab_size:
        raise ValueError(f"token {int(tokens.max())} is none of the {settings.vocab_size} of {checkpoint.path}")


def _joined(parts: list[Answers]) -> Answers:
    if len(parts) == 1:
        return parts[0]
    fields = ("tokens", "scores", "is_halted", "num_steps")
    return type(parts[0])(*(np.concatenate([getattr(part, field) for part in parts]) for field in fields))


def _free() -> None:
    import gc

    import torch

    if torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()
