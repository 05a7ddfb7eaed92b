"""A run's folder as a whole: its identity, its tables, and what is left to do.

Knows how the files depend on each other: the identity is written once and refuses another; parts count only under it.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from earmark.errors import FolderError, RunMismatchError, StoreError
from earmark.schema import REPEATED
from earmark.spec import RunSpec
from earmark.store import layout, reader
from earmark.store.folder import Folder, LocalFolder, open_folder
from earmark.store.lock import alone


class RunStore:
    """The files of one run, in ``folder``."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder

    @classmethod
    def at(cls, url: str) -> RunStore:
        """The run at a local path or an ``s3://`` or ``gs://`` URL; it need not exist yet."""
        return cls(open_folder(url))

    @property
    def url(self) -> str:
        """What the user calls the folder."""
        return self.folder.url

    def locked(self) -> AbstractContextManager[None]:
        """Be the only one who drives this run. Raises RunLockedError."""
        return alone(self.folder)

    def spec(self) -> RunSpec | None:
        """The run's identity, or None where no run has begun. Raises FolderError if it cannot be read."""
        try:
            data = self.folder.read(layout.SPEC)
        except FileNotFoundError:
            return None
        except StoreError as error:
            raise FolderError(self.url, f"{error.what}: {error.cause}") from error
        try:
            return RunSpec.from_json(data.decode())
        except (KeyError, TypeError, ValueError) as error:
            raise FolderError(
                self.url, f"its {layout.SPEC} is not ours: {error!r}", hint="--out OTHER_FOLDER"
            ) from error

    def adopt(self, spec: RunSpec) -> None:
        """Make this the folder of ``spec``. Raises RunMismatchError, with the fields that differ, if it is not.

        What it was ``asked`` for may be said anew: other references, say, which a column holds. A model or data that
        come without a name, from Python, leave the words that named them: the identity says that they are the same.
        """
        if self.folder.create(layout.SPEC, spec.to_json().encode()):
            return
        found = self.spec()
        if found is None:
            return
        if differences := found.differences(spec):
            raise RunMismatchError(self.url, differences)
        asked = spec.asked.after(found.asked)
        if found.asked != asked:
            self.folder.write(layout.SPEC, dataclasses.replace(found, asked=asked).to_json().encode())

    def clear(self) -> None:
        """Throw a run's results away. The spec goes last, so that a kill in between leaves a run that resumes."""
        for prefix in (layout.PARTS, layout.MISTAKES, layout.ATTEMPTS, layout.RESULTS, layout.RESULTS_SUMMARIES):
            for name in self.folder.names(prefix):
                self.folder.remove(name)
        for name in (
            layout.SUMMARY,
            layout.RANKS,
            layout.REPORT,
            layout.AUDIT,
            layout.ELSEWHERE,
            layout.TRACKING,
            layout.MERGED,
            layout.SCORES,
            layout.ERRORS,
            layout.PLAN,
            layout.SEGMENTS,
            layout.UTTERANCES,
            layout.SPEC,
        ):
            self.folder.remove(name)

    def sweep(self) -> None:
        """Remove what killed writers left behind."""
        if isinstance(self.folder, LocalFolder):
            self.folder.sweep()

    @contextlib.contextmanager
    def table_writer(self, name: str, schema: pa.Schema) -> Iterator[Any]:
        """A Parquet writer for the table ``name``, committed when the block ends well."""
        repeated = [column for column in schema.names if column in REPEATED]
        with (
            self.folder.replacing(name) as stream,
            pq.ParquetWriter(stream, schema, compression="zstd", use_dictionary=repeated) as writer,
        ):
            yield writer

    def write_table(self, name: str, table: pa.Table) -> None:
        """Commit a whole table."""
        with self.table_writer(name, table.schema) as writer:
            writer.write_table(table)

    def read_table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        """A whole table. Raises StoreError where it is missing or damaged."""
        with self._table(name) as file:
            return pq.read_table(file, columns=columns)

    def table(self, name: str) -> pa.Table | None:
        """A whole table, or None where it is missing or damaged, and so to be made again."""
        try:
            return self.read_table(name)
        except StoreError:
            return None

    def metadata(self, name: str) -> dict[bytes, bytes] | None:
        """What is written beside a table's columns, or None where it is missing or damaged."""
        try:
            with self._table(name) as file:
                return dict(pq.read_schema(file).metadata or {})
        except StoreError:
            return None

    @contextlib.contextmanager
    def _table(self, name: str) -> Iterator[Any]:
        hint = "type the command that made the run: it makes the table again"
        try:
            file = self.folder.open(name)
        except FileNotFoundError as error:
            raise StoreError(f"{self.url} has no {name}", hint=hint) from error
        try:
            with file:
                yield file
        except pa.ArrowException as error:
            raise StoreError(f"{name} in {self.url} is damaged", cause=str(error).splitlines()[0], hint=hint) from error

    def batches(self, name: str, num_rows: int, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Yield a table in pieces of ``num_rows`` rows, the last one fewer; of an empty table one empty piece.

        Of the ``columns`` alone where they are named. Raises FileNotFoundError.
        """
        with self._table(name) as file, pq.ParquetFile(file) as table:
            if table.metadata.num_rows == 0:
                empty = table.schema_arrow.empty_table()
                yield empty if columns is None else empty.select(columns)
            for batch in table.iter_batches(num_rows, columns=columns):
                yield pa.Table.from_batches([batch])

    def rows(self, name: str, positions: list[int], columns: list[str]) -> pa.Table:
        """The rows of a table at ``positions``, which ascend from 0; groups of rows that hold none are not read."""
        found = []
        with self._table(name) as file, pq.ParquetFile(file) as table:
            first = 0
            for group in range(table.num_row_groups):
                end = first + table.metadata.row_group(group).num_rows
                wanted = [position - first for position in positions if first <= position < end]
                if wanted:
                    found.append(table.read_row_group(group, columns=columns).take(wanted))
                first = end
            return pa.concat_tables(found) if found else table.schema_arrow.empty_table().select(columns)

    def progress(self, spec: RunSpec) -> reader.Progress:
        """What the parts hold so far."""
        return reader.progress(self.folder, spec.fingerprint())
