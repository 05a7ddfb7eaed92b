"""Parts: the committed results of a shard, one Parquet file each, with the receipt in its own metadata.

Knows the rows of a part and their receipt; does not know what made them.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from earmark import schema
from earmark.errors import DamagedPartError, StoreError
from earmark.records import Alternative, Receipt, Shard, Usage, Word
from earmark.store.folder import Folder
from earmark.store.layout import PARTS

_RECEIPT = b"earmark.receipt"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """One row of a part, in the order of the schema. ``hypothesis`` is None exactly where ``error`` is not.

    ``level_dbfs`` is the root mean square of the samples that the recognizer was given, in dB to full scale; None where
    the row failed or nobody measured it. ``words`` is None where there are no times; the times of the others are
    counted from the segment's start.
    """

    index: int
    segment: int
    num_segments: int
    id: str
    hypothesis: str | None
    error_kind: str | None
    error: str | None
    audio_s: float
    decode_s: float
    compute_s: float
    batch: int
    is_split: bool
    rank: int
    device: str
    level_dbfs: float | None = None
    words: tuple[Word, ...] | None = None
    confidence: float | None = None
    alternatives: tuple[Alternative, ...] = ()
    usage: Usage | None = None
    is_unfinished: bool | None = None


@dataclass(frozen=True, slots=True)
class DamagedPart:
    """A part that cannot be read: its work counts as not done."""

    name: str
    problem: str


IMPORT = "import"
"""The attempt of receipts whose hypotheses came from elsewhere: there were no batches, and nobody measured anything."""


def encodable(text: str) -> str:
    """The text with lone surrogates, which no file can hold, replaced by question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


@functools.cache
def installed_versions(packages: tuple[str, ...]) -> Mapping[str, str]:
    """The versions of Python and of those ``packages`` that are installed, for a receipt."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def part_name(spec_fingerprint: str, shard: Shard, *, retry: str = "", is_given_up: bool = False) -> str:
    """Where the shard's part lies: a function of the spec and the work, so that doing it again overwrites itself.

    A ``retry`` (a time, so that later ones sort later) stands beside the first attempt, and by its name after it; rows
    that were given up stand beside what a worker may have committed before it died. A success beats both.
    """
    content = [
        [batch.id, [[s.index, s.segment] for s in batch.segments] if batch.is_split else []] for batch in shard.batches
    ]
    digest = hashlib.blake2b(json.dumps([spec_fingerprint, content, is_given_up]).encode(), digest_size=12).hexdigest()
    return f"{PARTS}/retry-{retry}-{digest}.parquet" if retry else f"{PARTS}/{digest}.parquet"


def write_part(folder: Folder, rows: Sequence[PartRow], receipt: Receipt) -> None:
    """Commit a part under ``receipt.part``: rows and receipt in one file, so that neither exists without the other."""
    columns = {field.name: [getattr(row, field.name) for row in rows] for field in schema.PARTS}
    columns["words"] = [None if row.words is None else [*map(dataclasses.asdict, row.words)] for row in rows]
    columns["alternatives"] = [[*map(dataclasses.asdict, row.alternatives)] or None for row in rows]
    columns["usage"] = [dataclasses.asdict(row.usage) if row.usage else None for row in rows]
    write_part_table(folder, pa.table(columns, schema=schema.PARTS), receipt)


def write_part_table(folder: Folder, rows: pa.Table, receipt: Receipt) -> None:
    """The same for a table of schema.PARTS, or of another work's rows."""
    table = rows.replace_schema_metadata({_RECEIPT: json.dumps(dataclasses.asdict(receipt)).encode()})
    sink = pa.BufferOutputStream()
    repeated = [name for name in table.column_names if name in schema.REPEATED]
    pq.write_table(table, sink, compression="zstd", use_dictionary=repeated, write_page_checksum=True)
    folder.write(receipt.part, sink.getvalue().to_pybytes())


def receipts(folder: Folder, spec_fingerprint: str) -> Iterator[Receipt | DamagedPart]:
    """What every part says of itself, in the order of names, reading only the parts' footers.

    A part of another run (somebody copied it here) counts as damaged: its rows answer another question. Raises
    StoreError where the bytes cannot be read, which says nothing about the part.
    """
    for name in folder.names(PARTS):
        try:
            found = _receipt(folder, name)
        except FileNotFoundError:
            continue  # removed since it was listed
        if isinstance(found, Receipt) and found.spec_fingerprint != spec_fingerprint:
            found = DamagedPart(name, "belongs to another run")
        yield found


def is_part_with(folder: Folder, name: str, rows: pa.Schema) -> bool:
    """Whether the file is a part with a receipt, and has the columns of ``rows``. Raises StoreError."""
    try:
        found = _parsed(folder, name, pq.read_schema)
    except (pa.ArrowException, OSError):
        return False
    return _RECEIPT in (found.metadata or {}) and set(rows.names) <= set(found.names)


def read_part(folder: Folder, name: str, columns: Iterable[str] | None = None) -> pa.Table:
    """The rows of one part. Raises DamagedPartError for rows that are not as they were written, else StoreError.

    A nullable column that the part lacks, because an earlier version wrote it, comes back as nulls.
    """
    wanted = list(columns) if columns is not None else schema.PARTS.names

    def rows(file: Any) -> pa.Table:  # noqa: ANN401  # see _parsed
        with pq.ParquetFile(file, page_checksum_verification=True) as part:
            return _with_later_columns(part.read(columns=wanted, use_threads=False), wanted)

    try:
        return _parsed(folder, name, rows)
    except FileNotFoundError as error:
        raise StoreError(f"the part {name} in {folder.url} is gone", cause="somebody removed it just now") from error
    except (pa.ArrowException, OSError, KeyError) as error:  # KeyError: a column that is not there
        problem = f"the part {name} in {folder.url} is damaged"
        hint = "remove it and type the same command: its work is done again"
        raise DamagedPartError(problem, cause=_one_line(error), hint=hint) from error


def _parsed(folder: Folder, name: str, parse: Callable[[Any], _T]) -> _T:
    """What ``parse`` makes of a part's file, a pyarrow NativeFile, which has no type.

    pyarrow says OSError for a broken page and for a broken cable. So after one the bytes are read whole and parsed
    again: what is still an OSError then is the bytes' fault. Raises StoreError where they cannot be read.
    """
    with folder.open(name) as file:
        try:
            return parse(file)
        except FileNotFoundError:
            raise
        except OSError:
            pass
    return parse(pa.BufferReader(folder.read(name)))


def _with_later_columns(rows: pa.Table, wanted: Sequence[str]) -> pa.Table:
    for name in wanted:
        if name not in rows.column_names and schema.PARTS.field(name).nullable:
            rows = rows.append_column(schema.PARTS.field(name), pa.nulls(len(rows), schema.PARTS.field(name).type))
    return rows.select(wanted)


def _receipt(folder: Folder, name: str) -> Receipt | DamagedPart:
    try:
        facts: dict[str, Any] = json.loads((_parsed(folder, name, pq.read_schema).metadata or {})[_RECEIPT])
        if "usage" in facts and facts["usage"] is not None:  # older receipts have none
            facts["usage"] = Usage(**facts["usage"])
        return Receipt(**{**facts, "part": name, "batches": tuple(facts["batches"])})
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError, RecursionError) as error:
        return DamagedPart(name, _one_line(error))


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
