"""Many small mistakes files into one Parquet file, in memory that does not grow with their number.

Knows the files by their names and columns alone, so those that other programs wrote under the same names (with pandas,
with an index column, without ranks) merge as well. Knows nothing of the run that they came from.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from earmark.errors import StoreError, UsageError
from earmark.reports.mistakes import COVERED_KEY, NORMALIZER_KEY, from_ranges, ranges_of
from earmark.schema import MISTAKES
from earmark.store.folder import Folder, open_folder

ROWS_PER_GROUP = 65_536

MERGED = pa.schema(
    [
        *(column.with_nullable(True) for column in MISTAKES),  # other programs' files may have gaps
        pa.field("source_file", pa.string(), nullable=False),  # base name
        pa.field("batch_id", pa.string(), nullable=False),  # XXXX as the name has it, "0000"
    ]
)
"""The merged file's columns: those of the mistakes files, and where each row came from."""

_OUR_INPUT = re.compile(r"mistakes_batch_\d+_\d+_\d+_(\w+?)(?:_rank\d+)?\.parquet")
_INPUT = re.compile(r"mistakes_batch_.*\.parquet", re.DOTALL)
_NAMES, _TYPES = MERGED.names, MERGED.types
_NEEDED = frozenset(MISTAKES.names) - {"gpu_rank"}


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What a merge did. ``damaged`` names the files that were left out, and left alone, because no rows can be read."""

    num_files: int
    num_rows: int
    damaged: tuple[str, ...]
    num_removed: int
    output: str


@dataclass(slots=True)
class _Inputs:
    """The input files, read one after the other in the order of their names; remembers which of them merged."""

    folder: Folder
    names: Sequence[str]
    merged: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    covered: dict[str, bytearray] = field(default_factory=dict)  # of each run, by its eight digits: a byte an index
    normalizer: dict[str, str] = field(default_factory=dict)

    def tables(self) -> Iterator[pa.Table]:
        for name in self.names:
            found = _read_rows(self.folder, name)
            if found is None:
                self.damaged.append(name)
            else:
                self.merged.append(name)
                self._cover(name, found[1])
                yield found[0]

    def _cover(self, name: str, metadata: dict[bytes, bytes]) -> None:
        """Add what a file covers to what is covered of its run."""
        match = _OUR_INPUT.fullmatch(name)
        if match and COVERED_KEY in metadata:
            self.cover(match[1], metadata[COVERED_KEY], metadata.get(NORMALIZER_KEY, b""))

    def cover(self, run8: str, ranges: bytes, normalizer: bytes) -> None:
        """Add indices, as the export writes them, to what is covered of a run."""
        is_covered = self.covered.setdefault(run8, bytearray())
        for start, stop in from_ranges(ranges):
            is_covered.extend(bytes(max(0, stop - len(is_covered))))
            is_covered[start:stop] = b"\x01" * (stop - start)
        self.normalizer[run8] = normalizer.decode()

    def coverage(self) -> dict[str, str]:
        """What the merged file covers, for its metadata."""
        facts = {}
        for run8, is_covered in self.covered.items():
            facts[f"{COVERED_KEY.decode()}.{run8}"] = ranges_of(np.frombuffer(is_covered, dtype=bool))
            facts[f"{NORMALIZER_KEY.decode()}.{run8}"] = self.normalizer[run8]
        return facts


def merge_mistakes(inputs: Folder, output: str, *, cleanup: bool = False, run8: str | None = None) -> MergeReport:
    """Merge every ``mistakes_batch_*.parquet`` of ``inputs`` (of the run ``run8`` alone, if given) into ``output``.

    ``output`` is a local path or an ``s3://`` or ``gs://`` URL. Rows stand in the order of the file names, and within a
    file as they were, with the columns ``MERGED``; where a file has no gpu_rank, it is the rank that its name ends
    with, or 0. Files without these columns, and damaged ones, are skipped and named in the report. The output replaces
    an older one in one step, and keeps its rows from files that are gone (a cleanup removed them); ``cleanup`` then
    removes exactly the files that were merged.

    Raises UsageError if there is no file to merge or the output is named like an input, and StoreError if a file cannot
    be read from where it lies or the output cannot be written: then an older output and every input still stand.
    """
    parent, slash, name = output.rpartition("/")
    return merge_into(inputs, open_folder(parent or slash or "."), name, cleanup=cleanup, run8=run8)


def merge_into(
    inputs: Folder, target: Folder, output: str, *, cleanup: bool = False, run8: str | None = None
) -> MergeReport:
    """Do what ``merge_mistakes`` does, with the output named ``output`` in the folder ``target``."""
    _refuse_name_of_input(output)
    read = _Inputs(inputs, _input_names(inputs, run8))
    with _earlier(target, output, read) as kept, target.replacing(output) as stream:
        num_rows = _write_merged(read, kept, stream)
    removed = read.merged if cleanup else []
    for name in removed:
        inputs.remove(name)
    return MergeReport(len(read.merged), num_rows, tuple(read.damaged), len(removed), f"{target.url}/{output}")


def _refuse_name_of_input(output: str) -> None:
    if _INPUT.fullmatch(output):
        raise UsageError(
            f"{output} is the name of a mistakes file, not of a merged one",
            cause="the next merge of its folder would take it for an input",
            hint="merged_mistakes.parquet is a good name",
        )


def _input_names(inputs: Folder, run8: str | None) -> list[str]:
    pattern = _INPUT
    if run8 is not None:
        pattern = re.compile(rf"mistakes_batch_\d+_\d+_\d+_{re.escape(run8)}(_rank\d+)?\.parquet")
    names = [name for name in inputs.names() if pattern.fullmatch(name)]
    if not names:
        of_run = f" of the run {run8}" if run8 is not None else ""
        raise UsageError(
            f"no mistakes files{of_run} in {inputs.url}",
            cause="they are named mistakes_batch_*.parquet; after a merge with --cleanup they are gone",
        )
    return names


@contextlib.contextmanager
def _earlier(target: Folder, output: str, read: _Inputs) -> Iterator[Iterator[pa.Table]]:
    """The rows of an older output whose files are not among the inputs any more, and what it covers."""
    try:
        file = target.open(output)
    except FileNotFoundError:
        yield iter(())
        return
    with file:
        try:
            older = pq.ParquetFile(file)
        except (pa.ArrowException, OSError):  # damaged, or no table: it is replaced
            yield iter(())
            return
        if older.schema_arrow.names != _NAMES:
            yield iter(())
            return
        metadata = older.metadata.metadata or {}
        for key, ranges in metadata.items():
            if key.startswith(COVERED_KEY + b"."):
                run8 = key.removeprefix(COVERED_KEY + b".")
                read.cover(run8.decode(), ranges, metadata.get(NORMALIZER_KEY + b"." + run8, b""))
        inputs = pa.array(read.names, pa.string())
        groups = (pa.Table.from_batches([batch]) for batch in older.iter_batches(ROWS_PER_GROUP))
        yield (rows.filter(pc.invert(pc.is_in(rows["source_file"], value_set=inputs))).cast(MERGED) for rows in groups)


def _write_merged(read: _Inputs, kept: Iterator[pa.Table], stream: BinaryIO) -> int:
    num_rows = 0
    with pq.ParquetWriter(
        stream, MERGED, compression="zstd", use_dictionary=["source_file"], write_page_checksum=True
    ) as writer:
        for group in _groups(chain(kept, read.tables())):
            writer.write_table(group, row_group_size=ROWS_PER_GROUP)
            num_rows += group.num_rows
        writer.add_key_value_metadata(read.coverage())
    if not read.merged:  # leaving the caller's block with an error keeps an older output
        raise UsageError(
            f"none of the {len(read.damaged):,} mistakes files in {read.folder.url} can be read",
            cause=f"damaged, or with other columns, first: {read.damaged[0]}",
        )
    return num_rows


def _groups(tables: Iterator[pa.Table], rows_per_group: int = ROWS_PER_GROUP) -> Iterator[pa.Table]:
    """Join tables into ones of ``rows_per_group`` rows, the last one fewer."""
    waiting: list[pa.Table] = []
    num_waiting = 0
    for table in tables:
        waiting.append(table)
        num_waiting += table.num_rows
        while num_waiting >= rows_per_group:
            joined = pa.concat_tables(waiting)
            yield joined.slice(0, rows_per_group)
            waiting = [joined.slice(rows_per_group)]
            num_waiting -= rows_per_group
    if num_waiting:
        yield pa.concat_tables(waiting)


def _read_rows(folder: Folder, name: str) -> tuple[pa.Table, dict[bytes, bytes]] | None:
    """One file's rows with the columns ``MERGED``, and its metadata. None if damaged, or with other columns."""
    try:
        data = folder.read(name)
    except OSError as error:  # the disk's or the network's fault, which says nothing about the file
        raise StoreError(f"cannot read {name} in {folder.url}", cause=error.strerror or str(error)) from error
    try:
        with pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True) as file:
            columns = set(file.schema_arrow.names)
            # A merged file has all the columns too; merging it with its own inputs would double its rows.
            if not columns >= _NEEDED or "source_file" in columns:
                return None
            rows = file.read(columns=[column for column in MISTAKES.names if column in columns], use_threads=False)
            metadata = file.metadata.metadata or {}
        return _with_origin(rows, name), metadata
    except (pa.ArrowException, OSError):  # pyarrow says OSError for damaged pages; the reading from disk is done
        return None


def _with_origin(rows: pa.Table, name: str) -> pa.Table:
    columns = dict(zip(rows.column_names, rows.columns, strict=True))
    if "gpu_rank" not in columns:
        rank = re.search(r"_rank(\d+)\.parquet$", name)
        columns["gpu_rank"] = pa.repeat(pa.scalar(int(rank[1]) if rank else 0, pa.int32()), len(rows))
    columns["source_file"] = pa.repeat(name, len(rows))
    columns["batch_id"] = pa.repeat(name.removesuffix(".parquet").split("_")[2], len(rows))
    ordered = [columns[column] for column in _NAMES]
    if [column.type for column in ordered] != _TYPES:  # never so for our own files, and casting takes its time
        ordered = [column.cast(kind) for column, kind in zip(ordered, _TYPES, strict=True)]
    return pa.Table.from_arrays(ordered, schema=MERGED)
