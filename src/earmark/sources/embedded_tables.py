"""Tables that can hold audio, a group of rows at a time: Parquet, and Arrow as ``datasets`` saves it to disk.

It knows files and columns, and no utterance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, Self

import pyarrow as pa
import pyarrow.parquet as pq

ARROW_SUFFIX = ".arrow"

_BUFFER_BYTES = 1 << 20


class EmbeddedTable(AbstractContextManager["EmbeddedTable"], Protocol):
    """A table whose rows lie in groups. What cannot be read raises OSError or ArrowException."""

    schema: pa.Schema
    num_groups: int

    def num_rows(self, group: int) -> int:
        """Rows of a group."""
        ...

    def batches(self, group: int, columns: Sequence[str], size: int) -> Iterator[pa.RecordBatch]:
        """The rows of a group, at most ``size`` at a time, with these columns only."""
        ...


def open_table(path: str) -> EmbeddedTable:
    """Open a table by its ending. Raises OSError and ArrowException."""
    return ArrowTable(path) if path.endswith(ARROW_SUFFIX) else ParquetTable(path)


class ParquetTable:
    """A group is a row group."""

    def __init__(self, path: str) -> None:
        # The buffer keeps the reader from taking in all of a row group's audio at once.
        self._file = pq.ParquetFile(path, buffer_size=_BUFFER_BYTES)
        self.schema: pa.Schema = self._file.schema_arrow
        self.num_groups: int = self._file.num_row_groups

    def num_rows(self, group: int) -> int:
        """Rows of a row group."""
        return int(self._file.metadata.row_group(group).num_rows)

    def batches(self, group: int, columns: Sequence[str], size: int) -> Iterator[pa.RecordBatch]:
        """Decode pages as they are needed."""
        yield from self._file.iter_batches(batch_size=size, row_groups=[group], columns=list(columns))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


class ArrowTable:
    """A stream of Arrow's; a group is a record batch. The file is mapped, so only what is looked at is read."""

    def __init__(self, path: str) -> None:
        self._map = pa.memory_map(path)
        with pa.ipc.open_stream(self._map) as reader:
            self.schema: pa.Schema = reader.schema
            self._batches = list(reader)
        self.num_groups = len(self._batches)

    def num_rows(self, group: int) -> int:
        """Rows of a record batch."""
        return len(self._batches[group])

    def batches(self, group: int, columns: Sequence[str], size: int) -> Iterator[pa.RecordBatch]:
        """Slices of the map."""
        rows = self._batches[group].select(list(columns))
        for start in range(0, len(rows), size):
            yield rows.slice(start, size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._map.close()
