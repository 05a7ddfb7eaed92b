"""Rows of a Parquet table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from earmark.errors import ManifestError

ROWS_AT_ONCE = 4096


def parquet_rows(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
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
