"""What a file of transcripts holds, whatever its format: a row an utterance, with texts and where they are from.

The rows are kept in Arrow columns and made a piece at a time, so that no Python object stays for an utterance. It knows
no format and reads no file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple

import pyarrow as pa

from earmark.errors import ManifestError, UsageError

Role = Literal["both", "reference", "hypothesis"]
"""What is wanted of a file: its references with their hypotheses, or one of the two."""

Kind = Literal["texts", "segments", "words"]
"""What a row is: an utterance, an utterance whose times are known, or one timed word."""

_ROWS_AT_ONCE = 4096  # more of them would cost the garbage collector more than they save

ROWS = pa.schema(
    [
        pa.field("line", pa.int64()),  # of the file, or the number of the row, from 1
        pa.field("id", pa.string()),
        pa.field("reference", pa.string()),
        pa.field("audio", pa.string()),  # "" where the file does not name it
        pa.field("start_s", pa.float64()),
        pa.field("duration_s", pa.float64()),
        pa.field("channel", pa.int32()),
        pa.field("language", pa.string()),
        pa.field("speaker", pa.string()),
        pa.field("extra", pa.string()),  # a JSON object of other columns
        pa.field("skip_reason", pa.string()),  # the rule by which the row is not scored
        pa.field("track", pa.string()),  # of what is timed: the file and channel on which the times count
    ]
)


class Row(NamedTuple):
    """One row, in the order of ``ROWS``; ``hypotheses`` has a text for each system, None where it has none."""

    line: int
    id: str
    reference: str | None = None
    audio: str = ""
    start_s: float | None = None
    duration_s: float | None = None
    channel: int | None = None
    language: str | None = None
    speaker: str | None = None
    extra: str | None = None
    skip_reason: str | None = None
    track: str | None = None
    hypotheses: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user says of a file: its part, and the columns that hold id, reference and hypotheses (None: by name).

    ``id_column`` "none" means that rows have no ids and are matched by their number.
    """

    role: Role
    id_column: str | None = None
    text_column: str | None = None
    hyp_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """A file that was read: ``rows`` (ROWS), and a column of texts for each system.

    ``is_keyed`` says whether ids are the file's own; else they are the numbers of the rows. ``notes`` are sentences on
    what was left out in reading. ``stand_in`` is the column of hypotheses that has the name of a reference, for want of
    another; ``predicted`` are the columns of a file of references that only a file with hypotheses has.
    """

    path: str
    rows: pa.Table
    hypotheses: dict[str, pa.ChunkedArray]
    is_keyed: bool = True
    kind: Kind = "texts"
    notes: tuple[str, ...] = ()
    stand_in: str | None = None
    predicted: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)


def gather(
    path: str,
    rows: Iterable[Row],
    systems: tuple[str, ...],
    *,
    is_keyed: bool = True,
    kind: Kind = "texts",
    may_be_empty: bool = False,
) -> Transcript:
    """Keep rows in columns. Raises ManifestError where there is none, unless that may be."""
    schema = pa.schema([*ROWS, *(pa.field(f"hypothesis {number}", pa.string()) for number in range(len(systems)))])
    tables = [_table(chunk, schema) for chunk in _chunks(iter(rows))]
    if not tables and not may_be_empty:
        raise ManifestError(path, "holds no utterance")
    table = pa.concat_tables([schema.empty_table(), *tables])
    columns = {system: table.column(len(ROWS) + number) for number, system in enumerate(systems)}
    return Transcript(path, table.select(list(range(len(ROWS)))), columns, is_keyed, kind)


def one_text(wanted: Wanted, path: str, text: str) -> tuple[str | None, tuple[str | None, ...]]:
    """Put the only text of a row where it belongs: (reference, hypotheses). Raises UsageError where both are wanted."""
    if wanted.role == "both":
        raise UsageError(
            f"{path} has one text for each utterance, and a score is of two",
            hint=f"earmark score -r {path} -h HYPOTHESES, or the other way round",
        )
    return (text, ()) if wanted.role == "reference" else (None, (text,))


def _chunks(stream: Iterator[Row]) -> Iterator[list[Row]]:
    while chunk := list(islice(stream, _ROWS_AT_ONCE)):
        yield chunk


def _table(chunk: list[Row], schema: pa.Schema) -> pa.Table:
    *columns, hypotheses = zip(*chunk, strict=True)
    columns += zip(*hypotheses, strict=True)
    arrays = [_array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(column: tuple[object, ...], kind: pa.DataType) -> pa.Array:
    """Most columns of most files hold nothing, which is quickly said."""
    return pa.nulls(len(column), kind) if column.count(None) == len(column) else pa.array(column, kind)
