"""The live mistakes export: one small Parquet file for every 250 utterances that a rank has evaluated.

Knows its own files and nothing else of a run: who evaluated, in which order and on which engine is the caller's. The
files are the only state. Each one says which utterances it covers, also those without a mistake, so an export that is
built anew after a kill goes on exactly where the files end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from earmark.schema import MISTAKES
from earmark.store import layout

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.store.folder import Folder

UTTERANCES_PER_FILE = 250
COVERED_KEY = b"earmark.covered"
"""In a file's Parquet metadata: the indices that it covers, as ranges."""
NORMALIZER_KEY = b"earmark.normalizer"
"""Likewise: the hash of the normalizer whose texts it holds. In a merged file both keys end with ``.<run8>``."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """An utterance with errors. The rates are fractions, None where the reference is empty."""

    index: int
    reference: str
    prediction: str
    diff: str
    sample_wer: float | None
    sample_cer: float | None
    gpu_rank: int


class Coverage:
    """A set of utterance indices (from 0) that takes one byte for each index up to the largest."""

    def __init__(self) -> None:
        self._is_covered = bytearray()
        self._size = 0

    def __contains__(self, index: int) -> bool:
        return index < len(self._is_covered) and bool(self._is_covered[index])

    def __len__(self) -> int:
        return self._size

    def count(self, indices: NDArray[np.int64]) -> int:
        """How many of ``indices`` are in the set."""
        known = np.frombuffer(self._is_covered, dtype=np.uint8)
        return int(np.count_nonzero(known[indices[indices < len(known)]]))

    def add(self, index: int) -> bool:
        """Take an index in. False if it was there."""
        if index in self:
            return False
        if index >= len(self._is_covered):
            self._is_covered.extend(bytes(index + 1 - len(self._is_covered)))
        self._is_covered[index] = True
        self._size += 1
        return True


@dataclass(slots=True)
class _Waiting:
    """What a rank has evaluated and no file holds yet, in the order evaluated."""

    indices: list[int] = field(default_factory=list)
    mistakes: dict[int, Mistake] = field(default_factory=dict)
    name: str | None = None  # kept over a failed write, which may have left the file: the next try replaces it


class MistakesExport:
    """The mistakes files of one run, in the folder ``batch_mistakes_parquet`` of the run's folder.

    A file is named ``mistakes_batch_XXXX_YYYYMMDD_HHMMSS_<run8>[_rankN].parquet``: its number among the files of the
    rank, the local time, the run, and the rank where there are several. It covers 250 evaluated utterances of the rank,
    fewer after a ``flush``, and holds the rows (``earmark.schema.MISTAKES``) of those with errors, in the order
    evaluated. Building the export reads what is there; a damaged file is passed over, so its utterances come again in
    a new one.
    """

    def __init__(
        self,
        folder: Folder,
        *,
        run8: str,
        num_ranks: int,
        normalizer: str = "",
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self._folder = folder
        self._run8 = run8
        self._has_rank_in_names = num_ranks > 1
        self._normalizer = normalizer
        self._now = now
        self._covered = Coverage()
        self._waiting: dict[int, _Waiting] = {}
        self._next_number: dict[int, int] = {}
        self._read_exported()

    @property
    def covered(self) -> Coverage:
        """The utterances that are exported, or wait for the next file."""
        return self._covered

    def add(self, rank: int, indices: Sequence[int], mistakes: Sequence[Mistake]) -> None:
        """Take in utterances that ``rank`` has evaluated, and the mistakes among them.

        Utterances that are covered already are passed over. A file is written whenever 250 have come together. Raises
        ValueError for a mistake whose index is not in ``indices``, or comes twice, and StoreError if a file cannot be
        written; then its utterances wait for the next try.
        """
        mistake_of = {mistake.index: mistake for mistake in mistakes}
        if len(mistake_of) < len(mistakes) or not mistake_of.keys() <= set(indices):
            raise ValueError("each mistake belongs to one of the utterances, and an utterance has at most one")
        key = self._key(rank)
        waiting = self._waiting.setdefault(key, _Waiting())
        for index in indices:
            if self._covered.add(index):
                waiting.indices.append(index)
                if index in mistake_of:
                    waiting.mistakes[index] = mistake_of[index]
                if len(waiting.indices) >= UTTERANCES_PER_FILE:
                    self._write_next(key)

    def flush(self) -> None:
        """Write what waits, fewer than 250 utterances of each rank. Raises StoreError."""
        for key, waiting in self._waiting.items():
            while waiting.indices:
                self._write_next(key)

    def _key(self, rank: int) -> int:
        """Whose sequence of files: the rank's, or the only one where names carry no rank."""
        return rank if self._has_rank_in_names else 0

    def _write_next(self, key: int) -> None:
        waiting = self._waiting[key]
        covered = waiting.indices[:UTTERANCES_PER_FILE]
        rows = [waiting.mistakes[index] for index in covered if index in waiting.mistakes]
        waiting.name = waiting.name or self._next_name(key)
        self._folder.write(waiting.name, _encoded(rows, covered, self._normalizer))
        waiting.name = None
        del waiting.indices[: len(covered)]
        for row in rows:
            del waiting.mistakes[row.index]

    def _next_name(self, key: int) -> str:
        number = self._next_number.get(key, 0)
        self._next_number[key] = number + 1
        suffix = f"_rank{key}" if self._has_rank_in_names else ""
        return f"{layout.MISTAKES}/mistakes_batch_{number:04d}_{self._now():%Y%m%d_%H%M%S}_{self._run8}{suffix}.parquet"

    def _read_exported(self) -> None:
        pattern = re.compile(
            rf"{layout.MISTAKES}/mistakes_batch_(\d{{4,}})_\d{{8}}_\d{{6}}_{re.escape(self._run8)}(?:_rank(\d+))?\.parquet"
        )
        for name in self._folder.names(layout.MISTAKES):
            if match := pattern.fullmatch(name):
                key = self._key(int(match[2] or 0))
                # A damaged file keeps its number: the new one must not be taken for it.
                self._next_number[key] = max(self._next_number.get(key, 0), int(match[1]) + 1)
                self._take_in(name, covered_by(self._folder.read(name)))
        if self._folder.has(layout.MERGED):
            self._take_in(layout.MERGED, covered_by(self._folder.read(layout.MERGED), run8=self._run8))

    def _take_in(self, name: str, found: tuple[list[tuple[int, int]], str] | None) -> None:
        """Count what a file covers. One made with another normalizer goes: its rows are exported anew."""
        if found is None:
            return
        ranges, normalizer = found
        if normalizer != self._normalizer:
            self._folder.remove(name)
            return
        for start, stop in ranges:
            for index in range(start, stop):
                self._covered.add(index)


def _encoded(rows: Sequence[Mistake], covered: Sequence[int], normalizer: str) -> bytes:
    columns = {name: [getattr(row, name) for row in rows] for name in MISTAKES.names}
    sink = pa.BufferOutputStream()
    # A dictionary or statistics cost more than they save in so small a file.
    with pq.ParquetWriter(
        sink, MISTAKES, compression="zstd", use_dictionary=False, write_statistics=False, write_page_checksum=True
    ) as writer:
        writer.write_table(pa.table(columns, schema=MISTAKES))
        writer.add_key_value_metadata(
            {COVERED_KEY.decode(): ranges_of(_mask(covered)), NORMALIZER_KEY.decode(): normalizer}
        )
    return bytes(sink.getvalue())


def covered_by(data: bytes, *, run8: str | None = None) -> tuple[list[tuple[int, int]], str] | None:
    """Which utterances a file covers, and its normalizer; of a merged one, those of ``run8``.

    None if it is damaged anywhere, or was not written by an export.
    """
    end = f".{run8}".encode() if run8 is not None else b""
    try:
        with pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True) as file:
            file.read(use_threads=False)
            metadata = file.metadata.metadata or {}
    except (pa.ArrowException, OSError):  # pyarrow says OSError for damaged pages; the reading from disk is done
        return None
    if COVERED_KEY + end not in metadata:
        return None
    return from_ranges(metadata[COVERED_KEY + end]), metadata.get(NORMALIZER_KEY + end, b"").decode()


def ranges_of(is_covered: NDArray[np.bool_]) -> str:
    """Write which indices are covered as ``COVERED_KEY`` holds them: ``3-7 9-10`` are 3 to 6, and 9."""
    bordered = np.concatenate([[False], is_covered, [False]])  # of bytes: a run may have many millions
    edges = np.flatnonzero(bordered[1:] != bordered[:-1])
    return " ".join(f"{start}-{stop}" for start, stop in edges.reshape(-1, 2).tolist())


def from_ranges(ranges: bytes) -> list[tuple[int, int]]:
    """Read what ``ranges_of`` wrote: the first index of each range, and the one behind its last."""
    return [(int(start), int(stop)) for start, stop in re.findall(rb"(\d+)-(\d+)", ranges)]


def _mask(indices: Sequence[int]) -> NDArray[np.bool_]:
    mask = np.zeros(max(indices, default=-1) + 1, dtype=bool)
    mask[list(indices)] = True
    return mask
