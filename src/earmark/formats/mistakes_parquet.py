"""The utterances with errors as one Parquet table, in the columns that ``earmark merge`` and its readers know.

Of columns that a merge adds it has none: nothing was merged. ``read_parquet`` of ``named`` reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from earmark.formats.exported_run import ExportedRun

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_AT_ONCE = 4_096


def write_mistakes(run: ExportedRun) -> Iterator[bytes]:
    """Yield the table: index, texts as they were scored, diff, error rates as fractions, and rank."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, _schema(), compression="zstd") as writer:
        rows = _rows(run)
        while chunk := list(islice(rows, _ROWS_AT_ONCE)):
            writer.write_table(pa.Table.from_pylist(chunk, schema=_schema()))
    yield bytes(sink.getvalue())


def _schema() -> pa.Schema:
    import pyarrow as pa

    texts = [pa.field(name, pa.string(), nullable=False) for name in ("reference", "prediction", "diff")]
    rates = [pa.field(name, pa.float64()) for name in ("sample_wer", "sample_cer")]
    return pa.schema([pa.field("index", pa.int64(), nullable=False), *texts, *rates, pa.field("gpu_rank", pa.int32())])


def _rows(run: ExportedRun) -> Iterator[dict[str, Any]]:
    for index, one in enumerate(run):
        errors = (one.substitutions or 0) + (one.deletions or 0) + (one.insertions or 0)
        words = (one.hits or 0) + (one.substitutions or 0) + (one.deletions or 0)
        if not errors:
            continue
        characters = one.reference_characters
        yield {
            "index": index,
            "reference": one.reference_normalized or "",
            "prediction": one.hypothesis_normalized or "",
            "diff": run.diff(one),
            "sample_wer": errors / words if words else None,
            "sample_cer": (one.character_errors or 0) / characters if characters else None,
            "gpu_rank": one.rank,
        }
