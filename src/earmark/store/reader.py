"""Reading a run's parts back: which work is done, and the one row that counts for each segment.

A segment can be in several parts (work done twice, a retry). A success beats a failure, then the least part name wins,
so any order, duplication or prefix of parts gives the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark import schema
from earmark.records import Receipt
from earmark.store.folder import Folder
from earmark.store.parts import DamagedPart, read_part, receipts

READ_COLUMNS = ("index", "segment", "num_segments", "hypothesis", "error_kind", "error", "audio_s", "is_split", "rank")


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
    """Look at every part's footer. Memory grows with the number of parts, not of rows."""
    found = list(receipts(folder, spec_fingerprint))
    return Progress(
        receipts=tuple(one for one in found if isinstance(one, Receipt)),
        damaged=tuple(one for one in found if isinstance(one, DamagedPart)),
    )


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


def winning_rows(folder: Folder, parts: Sequence[str], start: int, stop: int) -> pa.Table:
    """One row a segment for the utterances ``start <= index < stop``, ordered by index and segment.

    Columns: READ_COLUMNS. ``parts`` in the order of names. Raises OSError or pyarrow.ArrowException on a damaged part.
    """
    tables = [_slice(folder, name, number, start, stop) for number, name in enumerate(sorted(parts))]
    if not tables:
        return pa.table({name: pa.array([], schema.PARTS.field(name).type) for name in READ_COLUMNS})
    rows = pa.concat_tables(tables)
    order = [("index", "ascending"), ("segment", "ascending"), ("failed", "ascending"), ("part", "ascending")]
    rows = rows.take(pc.sort_indices(rows, sort_keys=order))
    return rows.filter(pa.array(_is_first(rows))).select(list(READ_COLUMNS))


def _slice(folder: Folder, name: str, number: int, start: int, stop: int) -> pa.Table:
    rows = read_part(folder, name, READ_COLUMNS)
    inside = pc.and_(pc.greater_equal(rows["index"], start), pc.less(rows["index"], stop))
    rows = rows.filter(inside)
    rows = rows.append_column("failed", pc.is_valid(rows["error"]))
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
