"""The rows of a staging, in its parts: which of them count, and how some are withdrawn.

Knows parts; decodes nothing. A success beats a failure, then the least part name wins, so the rows are the same
whatever the number of workers and the kills. In memory are a few numbers for each row, and the rows of a few parts.
A part may come from anybody: one that does not hold what a worker writes, of these very utterances, is damaged.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark import schema
from earmark.errors import DamagedPartError
from earmark.formats.staged import is_audio_name
from earmark.records import Receipt
from earmark.store.folder import Folder
from earmark.store.parts import DamagedPart, read_part, receipts, write_part_table

_ROWS_AT_ONCE = 2_048
_READERS = 4
_BLOCK_BYTES = 1 << 20
_KEYS = pa.schema([("index", pa.int64()), ("is_failed", pa.bool_()), ("part", pa.int32()), ("row", pa.int32())])
_OF_A_FILE = ("num_samples", "size_bytes", "sha256", "coding", "is_exact")  # known of every file that was staged
_COUNTS = ("num_samples", "size_bytes", "num_clipped", "source_sample_rate", "source_num_channels")
_SHA256 = r"\A[0-9a-f]{64}\z"


@dataclass(frozen=True)
class StagedParts:
    """The parts of the staged set whose identity has ``fingerprint``, of utterances with ``ids`` in their order."""

    folder: Folder
    fingerprint: str
    ids: pa.ChunkedArray

    def rows(self) -> StagedRows:
        """Look at every part. Raises StoreError where bytes cannot be read."""
        names: list[str] = []
        damaged: list[str] = []
        keys = [_KEYS.empty_table()]
        for found, rows in self._all():
            if rows is None:
                damaged.append(found.name if isinstance(found, DamagedPart) else found.part)
            elif isinstance(found, Receipt):
                place = np.full(len(rows), len(names), np.int32)
                columns = [rows["index"], pc.is_valid(rows["error_kind"]), place, np.arange(len(rows), dtype=np.int32)]
                keys.append(pa.table(columns, schema=_KEYS))
                names.append(found.part)
        return StagedRows(self, tuple(names), _winners(pa.concat_tables(keys)), tuple(damaged))

    def withdraw(self, index: Collection[int]) -> None:
        """Take the rows of some utterances out of every part that holds one, so that their work counts as not done.

        A row that stayed in any part would count beside the one of the next attempt. Raises StoreError.
        """
        withdrawn = pa.array(index, pa.int64())
        for receipt, rows in self._all():
            if rows is None or isinstance(receipt, DamagedPart):
                continue
            kept = rows.filter(pc.invert(pc.is_in(rows["index"], value_set=withdrawn)))
            if len(kept) < len(rows):
                batches = tuple(kept["index"].to_pylist())  # an utterance is a batch
                num_failed = len(kept) - kept["error_kind"].null_count
                less = replace(receipt, batches=batches, num_rows=len(kept), num_failed=num_failed)
                write_part_table(self.folder, kept, less)

    def read(self, name: str) -> pa.Table:
        """The rows (schema.STAGED_PARTS) of a part. Raises DamagedPartError, else StoreError."""
        rows = read_part(self.folder, name, schema.STAGED_PARTS.names).replace_schema_metadata(None)
        if problem := _problem(rows, self.ids):
            raise DamagedPartError(f"the part {name} in {self.folder.url} is damaged", cause=problem)
        return rows

    def _all(self) -> Iterator[tuple[Receipt | DamagedPart, pa.Table | None]]:
        """Each part with its rows, in the order of names; None where they cannot be read."""
        for found in receipts(self.folder, self.fingerprint):
            rows = None
            if isinstance(found, Receipt):
                with contextlib.suppress(DamagedPartError):
                    rows = self.read(found.part)
            yield found, rows


@dataclass(frozen=True)
class StagedRows:
    """Where the row that counts stands for each utterance that has one, by index; and the damaged parts.

    ``keys`` has the columns index, is_failed, part (a place in ``names``) and row (a place in that part).
    """

    parts: StagedParts
    names: tuple[str, ...]
    keys: pa.Table
    damaged: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.keys)

    def is_done(self, *, retry_failed: bool) -> NDArray[np.bool_]:
        """Of each utterance, whether it has a row; with ``retry_failed`` one that did not fail."""
        keys = self._staged().keys if retry_failed else self.keys
        done = np.zeros(len(self.parts.ids), dtype=bool)
        done[keys["index"].to_numpy()] = True
        return done

    def failed(self) -> StagedRows:
        """Those that failed."""
        return replace(self, keys=self.keys.filter(self.keys["is_failed"]))

    def _staged(self) -> StagedRows:
        return replace(self, keys=self.keys.filter(pc.invert(self.keys["is_failed"])))

    def without(self, index: pa.Array) -> StagedRows:
        """Those of other utterances."""
        return replace(self, keys=self.keys.filter(pc.invert(pc.is_in(self.keys["index"], value_set=index))))

    def pieces(self) -> Iterator[pa.Table]:
        """The rows (schema.STAGED_PARTS), by index, some at a time. Raises StoreError."""
        for start in range(0, len(self.keys), _ROWS_AT_ONCE):
            keys = self.keys.slice(start, _ROWS_AT_ONCE)
            tables = [
                self.parts.read(self.names[part]).take(keys.filter(pc.equal(keys["part"], part))["row"])
                for part in pc.unique(keys["part"]).to_pylist()
            ]
            rows = pa.concat_tables(tables)
            yield rows.take(pc.sort_indices(rows, sort_keys=[("index", "ascending")]))

    def damaged_files(self) -> Iterator[tuple[int, str]]:
        """The index and path of each staged file that is gone, or has other bytes than its row says. Reads them all."""
        with ThreadPoolExecutor(_READERS, thread_name_prefix="verify") as threads:
            for piece in self._staged().pieces():
                index, paths, hashes = (piece[name].to_pylist() for name in ("index", "path", "sha256"))
                found = threads.map(lambda path: sha256_of(self.parts.folder, path), paths)
                for one, path, there, here in zip(index, paths, hashes, found, strict=True):
                    if there != here:
                        yield one, path

    def misfits(self) -> Iterator[tuple[int, str]]:
        """The index and path of each staged file that is gone, or has another size than its row says. Reads none."""
        for piece in self._staged().pieces():
            paths = piece["path"].to_pylist()
            here: dict[str, int] = {}
            for prefix in {path.rpartition("/")[0] for path in paths}:
                here |= self.parts.folder.sizes(prefix)
            for one, path, size_bytes in zip(
                piece["index"].to_pylist(), paths, piece["size_bytes"].to_pylist(), strict=True
            ):
                if here.get(path) != size_bytes:
                    yield one, path


def _winners(keys: pa.Table) -> pa.Table:
    """The keys of the row that counts of each utterance, by index."""
    keys = keys.take(pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names]))
    index = keys["index"].to_numpy()
    is_first = np.append(np.ones(min(1, len(index)), dtype=bool), index[1:] != index[:-1])
    return keys.filter(pa.array(is_first)).combine_chunks()


def _problem(rows: pa.Table, ids: pa.ChunkedArray) -> str | None:
    """What tells that a worker of this staging did not write these rows; None where nothing does."""
    if not rows.schema.equals(schema.STAGED_PARTS):
        return "its columns are not those of a staging"
    least, most = pc.min_max(rows["index"]).as_py().values()
    if len(rows) and not 0 <= least <= most < len(ids):
        return f"it has rows {least} to {most} of data with {len(ids)} utterances"
    if not rows["id"].equals(ids.take(rows["index"])):
        return "it has rows of other utterances"
    return _problem_of_files(rows.filter(pc.is_null(rows["error_kind"])))


def _problem_of_files(staged: pa.Table) -> str | None:
    """The same of rows that did not fail."""
    if any(staged[name].null_count for name in _OF_A_FILE):
        return "it does not say what a file is"
    for name in _COUNTS:
        least = pc.min(staged[name]).as_py()
        if least is not None and least < 0:
            return f"it has a {name} of {least}"
    if not pc.all(pc.match_substring_regex(staged["sha256"], _SHA256), min_count=0).as_py():
        return "it has a sha256 that is none"
    for path, index in zip(staged["path"].to_pylist(), staged["index"].to_pylist(), strict=True):
        if not is_audio_name(path, index):  # what a row names is read, and removed when it is damaged
            return f"it names {path!r}"
    return None


def sha256_of(folder: Folder, name: str) -> str | None:
    """Hex SHA-256 of a file; None where it is gone. Raises StoreError."""
    digest = hashlib.sha256()
    try:
        with folder.open(name) as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    except FileNotFoundError:
        return None
    return digest.hexdigest()
