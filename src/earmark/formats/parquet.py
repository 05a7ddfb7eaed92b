"""Rows of a Parquet table."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from earmark.errors import ManifestError
from earmark.formats.row_chunks import NumberedRow, RowChunk

ROWS_AT_ONCE = 4096
_ROWS_OF_COLUMNS = 65_536


def parquet_rows(path: str) -> Iterator[NumberedRow]:
    """Each row with its number, from 1. Raises ManifestError where the file is not whole or not Parquet."""
    number = 0
    try:
        with pq.ParquetFile(path) as table:
            for batch in table.iter_batches(batch_size=ROWS_AT_ONCE):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except UnicodeDecodeError as error:
        raise ManifestError(path, "not UTF-8", line=number + 1) from error
    except (OSError, pa.ArrowException) as error:
        raise ManifestError(path, f"cannot be read as Parquet: {str(error).splitlines()[0]}") from error


def parquet_chunks(path: str, *, repeated: Collection[str] = ()) -> Iterator[RowChunk]:
    """The same rows, thousands at a time, as Arrow columns.

    A column of texts whose name, in lower case, is among ``repeated`` comes as a dictionary of its values. Where Arrow
    fails, the last chunk is all the rest, to be read row by row: the slow reader knows at which row to tell it.
    """
    slow = _SlowRows(path)
    start = 0
    try:
        names = _repeated_texts(path, repeated)
        with pq.ParquetFile(path, read_dictionary=names) as table:
            # Threads would keep 75 MiB more, for columns that are taken apart by one thread.
            for batch in table.iter_batches(batch_size=_ROWS_OF_COLUMNS, use_threads=False):
                yield RowChunk(_columns(batch), partial(slow.rows, start, start + len(batch)))
                start += len(batch)
    except (OSError, pa.ArrowException):
        yield RowChunk(None, partial(slow.rows, start, None))


class _SlowRows:
    """Reads on row by row from where it was, for the chunks whose columns are in doubt."""

    def __init__(self, path: str) -> None:
        self._rows = parquet_rows(path)
        self._next = 0

    def rows(self, start: int, stop: int | None) -> Iterator[NumberedRow]:
        """The rows from ``start`` to ``stop``, which count from 0, or to the end. ``start`` is never before a stop."""
        skipped = start - self._next
        self._next = start if stop is None else stop
        return islice(self._rows, skipped, None if stop is None else skipped + stop - start)


def _repeated_texts(path: str, repeated: Collection[str]) -> list[str]:
    with pq.ParquetFile(path) as table:
        fields = table.schema_arrow
        return [field.name for field in fields if field.name.lower() in repeated and pa.types.is_string(field.type)]


def _columns(batch: pa.RecordBatch) -> dict[str, Any] | None:
    """None where two columns have one name, or a text is not UTF-8, which Parquet does not say."""
    names = batch.schema.names
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid:
        return None
    return dict(zip(names, batch.columns, strict=True)) if len(set(names)) == len(names) else None
