"""Reading a run's parts back: which work is done, and the one row that counts for each segment.

A segment can be in several parts (work done twice, a retry). A success beats a failure, then the least part name wins,
so any order, duplication or prefix of parts gives the same rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark import schema
from earmark.errors import DamagedPartError
from earmark.records import Receipt
from earmark.store.folder import Folder
from earmark.store.parts import DamagedPart, read_part, receipts

READ_COLUMNS = (
    "index",
    "segment",
    "num_segments",
    "hypothesis",
    "error_kind",
    "error",
    "audio_s",
    "is_split",
    "rank",
    "level_dbfs",
    "is_unfinished",
)

WINDOW = 65_536
"""Utterances that are looked at together: there is a temporary file for each window, so not too few."""


@dataclass(frozen=True)
class Progress:
    """What a folder's parts hold: their receipts, and the parts that cannot be read."""

    receipts: tuple[Receipt, ...]
    damaged: tuple[DamagedPart, ...]

    @property
    def part_names(self) -> tuple[str, ...]:
        """The readable parts, in the order of names."""
        return tuple(receipt.part for receipt in self.receipts)


def progress(folder: Folder, spec_fingerprint: str) -> Progress:
    """Look at every part, its rows too, so that one whose pages are damaged counts as damaged.

    A part is read at a time: memory grows with the number of parts, not of rows. Raises StoreError for a part whose
    bytes cannot be read.
    """
    found = [_looked_at(folder, one) for one in receipts(folder, spec_fingerprint)]
    return Progress(
        receipts=tuple(one for one in found if isinstance(one, Receipt)),
        damaged=tuple(one for one in found if isinstance(one, DamagedPart)),
    )


def _looked_at(folder: Folder, found: Receipt | DamagedPart) -> Receipt | DamagedPart:
    if isinstance(found, Receipt):
        try:
            read_part(folder, found.part, READ_COLUMNS)
        except DamagedPartError as error:
            return DamagedPart(found.part, error.cause or error.what)
    return found


def done_batches(folder: Folder, plan: pa.Table, done: Progress, *, retry_failed: bool = False) -> NDArray[np.bool_]:
    """For each batch number of the plan, whether every one of its segments has a row.

    With ``retry_failed``, a batch with a failed segment does not count as done. ``plan`` is a table of schema.PLAN.
    """
    num_batches = _num_batches(plan)
    answer = np.zeros(num_batches, dtype=bool)
    for receipt in done.receipts:
        answer[list(receipt.batches)] = True
    pieces = [receipt.part for receipt in done.receipts if receipt.num_piece_rows]
    if pieces:
        answer |= _covered_by_pieces(folder, plan, pieces, num_batches)
    if retry_failed:
        with_failures = [receipt.part for receipt in done.receipts if receipt.num_failed]
        answer[_batches_with_failures(folder, done, with_failures)] = False
    return answer


def winning_rows(folder: Folder, parts: Sequence[str], start: int, stop: int, more: Sequence[str] = ()) -> pa.Table:
    """One row a segment for the utterances ``start <= index < stop``, ordered by index and segment.

    Columns: READ_COLUMNS, and ``more``. Raises StoreError on a part whose rows cannot be read.
    """
    inside = (pc.field("index") >= start) & (pc.field("index") < stop)
    found = (rows.filter(inside) for rows in _numbered(folder, parts, more))
    return _winners(pa.concat_tables([_no_rows(more), *found]))


def windows(
    folder: Folder, parts: Sequence[str], num_utterances: int, size: int, more: Sequence[str] = ()
) -> Iterator[pa.Table]:
    """``winning_rows`` for the utterances 0 to ``size``, ``size`` to twice that, and so on, reading each part once.

    Memory grows with ``size``, not with the run: the rows are sorted into a temporary file for each window.
    """
    if num_utterances <= size:
        yield winning_rows(folder, parts, 0, num_utterances, more)
        return
    num_windows = -(-num_utterances // size)
    with tempfile.TemporaryDirectory(prefix="earmark-") as spill:
        paths = [Path(spill, str(window)) for window in range(num_windows)]
        with ExitStack() as stack:
            writers = [stack.enter_context(pa.ipc.new_file(str(path), _no_rows(more).schema)) for path in paths]
            for rows in _numbered(folder, parts, more):
                window_of = rows["index"].to_numpy() // size
                for window in np.unique(window_of):
                    writers[window].write_table(rows.filter(pa.array(window_of == window)))
        for path in paths:
            yield _winners(pa.ipc.open_file(str(path)).read_all())


def _numbered(folder: Folder, parts: Iterable[str], more: Sequence[str]) -> Iterator[pa.Table]:
    """The rows of each part in the order of names, with whether they failed and the part's place in that order."""
    for number, name in enumerate(sorted(parts)):
        yield _with_place(read_part(folder, name, (*READ_COLUMNS, *more)), number)


def _winners(rows: pa.Table) -> pa.Table:
    order = [("index", "ascending"), ("segment", "ascending"), ("failed", "ascending"), ("part", "ascending")]
    rows = rows.take(pc.sort_indices(rows, sort_keys=order))
    return rows.filter(pa.array(_is_first(rows))).drop_columns(["failed", "part"])


def winners_in_order(tables: Sequence[pa.Table]) -> pa.Table:
    """The winning row of each segment of tables of READ_COLUMNS, an earlier table counting as a lesser part name."""
    return _winners(pa.concat_tables([_with_place(rows, number) for number, rows in enumerate(tables)]))


def _no_rows(more: Sequence[str]) -> pa.Table:
    fields = [schema.PARTS.field(name) for name in (*READ_COLUMNS, *more)]
    return pa.schema([*fields, pa.field("failed", pa.bool_()), pa.field("part", pa.int32())]).empty_table()


def _with_place(rows: pa.Table, number: int) -> pa.Table:
    rows = rows.replace_schema_metadata(None).append_column("failed", pc.is_valid(rows["error"]))
    return rows.append_column("part", pa.array(np.full(len(rows), number, dtype=np.int32)))


def _is_first(rows: pa.Table) -> NDArray[np.bool_]:
    index, segment = rows["index"].to_numpy(), rows["segment"].to_numpy()
    first = np.ones(len(rows), dtype=bool)
    first[1:] = (index[1:] != index[:-1]) | (segment[1:] != segment[:-1])
    return first


def _num_batches(plan: pa.Table) -> int:
    return int(pc.max(plan["batch"]).as_py()) + 1 if len(plan) else 0


def _covered_by_pieces(folder: Folder, plan: pa.Table, parts: Iterable[str], num_batches: int) -> NDArray[np.bool_]:
    keys = [read_part(folder, name, ["index", "segment", "batch"]) for name in parts]
    rows = pa.concat_tables(keys).group_by(["index", "segment", "batch"]).aggregate([])
    have = np.bincount(rows["batch"].to_numpy(), minlength=num_batches)
    want = np.bincount(plan["batch"].to_numpy(), minlength=num_batches)
    return np.asarray(have >= want)


def _batches_with_failures(folder: Folder, done: Progress, parts: Iterable[str]) -> NDArray[np.int64]:
    failed = []
    for name in parts:
        rows = read_part(folder, name, ["index", "segment", "batch", "error"])
        failed.append(rows.filter(pc.is_valid(rows["error"])))
    if not failed:
        return np.zeros(0, dtype=np.int64)
    wanted = pa.concat_tables(failed)
    winners = winning_rows(
        folder, done.part_names, int(pc.min(wanted["index"]).as_py()), int(pc.max(wanted["index"]).as_py()) + 1
    )
    still = winners.filter(pc.is_valid(winners["error"])).select(["index", "segment"])
    joined = wanted.join(still, keys=["index", "segment"], join_type="inner")
    return np.unique(joined["batch"].to_numpy())
