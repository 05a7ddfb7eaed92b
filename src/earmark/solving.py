"""Solving one shard of a sweep: puzzles shown to a member in a variant, its answers turned back, checked and kept.

The only place where a solver, the variants and the store meet. Whatever goes wrong with a member becomes failed rows of
its own cells, with the reason; what goes wrong with the store (a full disk) goes up. Knows no order of cells and no
label.
"""

from __future__ import annotations

import gc
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from earmark import schema
from earmark.errors import CheckpointError, EarmarkError, OutOfMemoryError, StoreError, UsageError, sentence_of
from earmark.puzzles.rules import are_solved
from earmark.puzzles.variants import Variant, variants_of
from earmark.records import Batch, Probe, Receipt, Shard, StopCheck
from earmark.store.folder import Folder
from earmark.store.parts import encodable, installed_versions, part_name, write_part_table
from earmark.store.probe import probing
from earmark.store.run import RunStore

if TYPE_CHECKING:
    from numpy.typing import NDArray

Halt = Literal["fixed", "verifier", "q"]
"""When a row has answered: after all steps, when its answer keeps the rules, or when the solver's own score says so."""

PUZZLES = "puzzles.parquet"
"""The table of schema.PUZZLES in a sweep's folder, from which workers take what they solve."""
_VERSIONED = ("earmark", "numpy", "pyarrow")


class Answers(Protocol):
    """What a solver found, row for row: ``tokens`` uint8 (rows, cells), ``scores`` float32, steps taken (int16)."""

    @property
    def tokens(self) -> NDArray[np.uint8]: ...
    @property
    def scores(self) -> NDArray[np.float32]: ...
    @property
    def is_halted(self) -> NDArray[np.bool_]: ...
    @property
    def num_steps(self) -> NDArray[np.int16]: ...


class Solver(Protocol):
    """A member that is loaded. The answer to a row must not depend on the rows beside it."""

    def solve(self, tokens: NDArray[np.uint8], *, halt: Halt) -> Answers:
        """Answer grids of shape ``(rows, cells)``, in their order. Raises OutOfMemoryError where a row is too much."""
        ...


OpenSolver = Callable[[int], AbstractContextManager[Solver]]
"""Opens the member of that number; it travels to workers by pickle. Entering the block loads the member."""


class CellBatch(Batch):
    """A batch of one cell. What kills its workers is the member, not one of its puzzles: it is given up as a whole.

    A batch that does not fit into a device's memory is not lost: the solver halves it by itself.
    """

    __slots__ = ()

    def halves(self) -> tuple[Batch, ...]:
        """None: see above."""
        return ()


LOST = "worker_died"
"""The kind of failure of rows whose workers died of them."""


@dataclass
class Solving:
    """The work of a sweep over puzzles, into ``folder``, whose identity has ``fingerprint``.

    A segment's ``index`` is the puzzle, its ``segment`` the cell: ``member * len(variants) + variant``. One member at a
    time is in memory. ``retry`` is the time of a retry of failed work, as in ``worker.Transcription``.
    """

    folder: Folder
    fingerprint: str
    size: int
    variants: tuple[str, ...]
    open_solver: OpenSolver
    halt: Halt
    attempt: str
    retry: str = ""
    device: str = "cpu"
    _maps: tuple[Variant, ...] = field(default=(), init=False, repr=False)
    _clues: NDArray[np.uint8] | None = field(default=None, init=False, repr=False)
    _member: int = field(default=-1, init=False, repr=False)
    _solver: Solver | None = field(default=None, init=False, repr=False)
    _opened: AbstractContextManager[Solver] | None = field(default=None, init=False, repr=False)
    _broken: dict[int, tuple[str, str]] = field(default_factory=dict, init=False, repr=False)

    def __enter__(self) -> Self:
        """Read the puzzles. Raises StoreError."""
        clues = RunStore(self.folder).read_table(PUZZLES, ["clues"])["clues"]
        self._clues = grids_of(clues, self.size)
        self._maps = variants_of(self.variants, self.size)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free the member that is in memory."""
        self._close()
        self._clues = None

    def __call__(self, shard: Shard, *, rank: int, stop: StopCheck) -> Receipt | None:
        """Solve the shard's batches, each of one cell, and commit its part; after a stop, those that are done.

        Raises StoreError.
        """
        started = time.perf_counter()
        done: list[Batch] = []
        tables: list[pa.Table] = []
        for batch in shard.batches:
            if stop():
                break
            tables.append(self._batch(batch))
            done.append(batch)
        if not done:
            return None
        return self._commit(Shard(tuple(done)), tables, rank, worker_s=time.perf_counter() - started)

    def give_up(self, shard: Shard, *, rank: int, reason: str) -> Receipt:
        """Commit the shard's rows as failed, for ``reason``. Raises StoreError."""
        tables = [_failed(batch, LOST, reason, 0.0) for batch in shard.batches]
        return self._commit(shard, tables, rank, worker_s=0.0, is_given_up=True)

    def probing(self) -> AbstractContextManager[Probe]:
        """A probe in the sweep's folder. Raises StoreError."""
        return probing(self.folder)

    def _batch(self, batch: Batch) -> pa.Table:
        """The rows (schema.CELL_PARTS) of a batch."""
        assert self._clues is not None, "enter the work before calling it"  # noqa: S101  # a programmer's error
        member, variant = divmod(batch.segments[0].segment, len(self.variants))
        clues = self._clues[[segment.index for segment in batch.segments]]
        if (solver := self._opened_solver(member)) is None:
            return _failed(batch, *self._broken[member], 0.0)
        started = time.perf_counter()
        try:
            found = solver.solve(self._maps[variant].forward(clues), halt=self.halt)
            _check(found, clues)
        except (OutOfMemoryError, MemoryError) as error:
            kind, reason = "out_of_memory", f"{sentence_of(error)} (a batch of {len(clues):,} was tried)"
        except Exception as error:  # noqa: BLE001  # whatever a member does while it solves fails its own rows
            kind, reason = "solver", _reason(error)
        else:
            answers = self._maps[variant].inverse(found.tokens)
            is_valid = are_solved(clues, answers, self.size)
            return _answered(batch, found, answers, is_valid, time.perf_counter() - started)
        gc.collect()  # out of the handler, so the traceback no longer holds what the failed batch allocated
        return _failed(batch, kind, reason, time.perf_counter() - started)

    def _opened_solver(self, member: int) -> Solver | None:
        """The member, loaded in the place of the one before; None where it cannot be, which is tried once."""
        if member == self._member or member in self._broken:
            return None if member in self._broken else self._solver
        self._close()
        try:
            opened = self.open_solver(member)
            self._solver = opened.__enter__()
        except CheckpointError as error:
            self._broken[member] = ("member", _reason(error))
            return None
        except (StoreError, UsageError):
            raise  # no package, no such device: what one member lacks, all do
        except Exception as error:  # noqa: BLE001  # a member that cannot be loaded fails its own cells
            self._broken[member] = ("member", _reason(error))
            return None
        self._opened, self._member = opened, member
        return self._solver

    def _close(self) -> None:
        opened, self._opened, self._solver, self._member = self._opened, None, None, -1
        if opened is not None:
            opened.__exit__(None, None, None)

    def _commit(
        self, shard: Shard, tables: Sequence[pa.Table], rank: int, *, worker_s: float, is_given_up: bool = False
    ) -> Receipt:
        rows = pa.concat_tables(tables)
        receipt = Receipt(
            part=part_name(self.fingerprint, shard, retry=self.retry, is_given_up=is_given_up),
            spec_fingerprint=self.fingerprint,
            batches=tuple(batch.id for batch in shard.batches if not batch.is_split),
            num_piece_rows=sum(len(batch.segments) for batch in shard.batches if batch.is_split),
            num_rows=len(rows),
            num_failed=len(rows) - rows["error_kind"].null_count,
            num_splits=0,
            audio_s=0.0,
            compute_s=float(np.sum(rows["compute_s"].to_numpy())),
            wait_s=0.0,
            worker_s=worker_s,
            rank=rank,
            device=self.device,
            host=socket.gethostname(),
            attempt=self.attempt,
            versions=installed_versions((*_VERSIONED, *(("torch",) if "torch" in sys.modules else ()))),
        )
        write_part_table(self.folder, rows, receipt)
        return receipt


def grids_of(column: pa.ChunkedArray, size: int) -> NDArray[np.uint8]:
    """The grids of a column of bytes without nulls, uint8 of shape ``(rows, size * size)``.

    Raises StoreError where one has another length.
    """
    data = b"".join(column.to_pylist())
    if len(data) != len(column) * size * size:
        raise StoreError(f"a grid of a table is not of {size * size} cells", hint="--fresh begins the sweep again")
    return np.frombuffer(data, np.uint8).reshape(len(column), size * size)


def bytes_of(grids: NDArray[np.uint8]) -> pa.Array:
    """The column of bytes that ``grids_of`` reads."""
    num, width = grids.shape
    ends = np.arange(0, (num + 1) * width, width, dtype=np.int32)
    buffers = [None, pa.py_buffer(ends.tobytes()), pa.py_buffer(np.ascontiguousarray(grids).tobytes())]
    return pa.Array.from_buffers(pa.binary(), num, buffers)


def _check(found: Answers, clues: NDArray[np.uint8]) -> None:
    """Raise ValueError where a solver did not answer what it was asked."""
    num = len(clues)
    shapes = [len(found.scores), len(found.is_halted), len(found.num_steps)]
    if found.tokens.shape != clues.shape or found.tokens.dtype != np.uint8 or shapes != [num] * len(shapes):
        raise ValueError(f"{found.tokens.dtype} answers of shape {found.tokens.shape} to {clues.shape}")


def _answered(
    batch: Batch, found: Answers, answers: NDArray[np.uint8], is_valid: NDArray[np.bool_], compute_s: float
) -> pa.Table:
    """The rows of a batch; a row whose score is no number has failed, since its answer is made of none either."""
    is_lost = ~np.isfinite(found.scores)
    return _rows(
        batch,
        compute_s,
        answer=pc.if_else(pa.array(is_lost), None, bytes_of(answers)),
        score=pa.array(np.asarray(found.scores, np.float32), mask=is_lost),
        is_halted=pa.array(np.asarray(found.is_halted, np.bool_), mask=is_lost),
        num_steps=pa.array(np.asarray(found.num_steps, np.int16), mask=is_lost),
        is_valid=pa.array(is_valid, mask=is_lost),
        error_kind=_where(is_lost, "not_finite"),
        error=_where(is_lost, "the solver's score is not finite"),
    )


def _failed(batch: Batch, kind: str, reason: str, compute_s: float) -> pa.Table:
    everywhere = np.ones(len(batch.segments), np.bool_)
    return _rows(batch, compute_s, error_kind=_where(everywhere, kind), error=_where(everywhere, encodable(reason)))


def _rows(batch: Batch, compute_s: float, **columns: Any) -> pa.Table:  # noqa: ANN401  # pyarrow has no types
    num = len(batch.segments)
    found = {
        "index": [segment.index for segment in batch.segments],
        "cell": [segment.segment for segment in batch.segments],
        "compute_s": np.full(num, compute_s / num),
        **columns,
    }
    nothing = {name: pa.nulls(num, schema.CELL_PARTS.field(name).type) for name in schema.CELL_PARTS.names}
    return pa.table({**nothing, **found}, schema=schema.CELL_PARTS)


def _where(mask: NDArray[np.bool_], text: str) -> pa.Array:
    """The text in each row of the mask, and null elsewhere."""
    return pa.array([text if is_here else None for is_here in mask.tolist()], pa.string())


def _reason(error: Exception) -> str:
    if isinstance(error, EarmarkError):
        return f"{error.what}: {error.cause}" if error.cause else error.what
    return sentence_of(error)
