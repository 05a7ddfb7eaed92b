"""From the parts of a staging to the rows that count, the table of the staged set, and the list of what failed.

Knows tables; decodes nothing. A success beats a failure, then the least part name wins, so the rows are the same
whatever the number of workers and the kills.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark import schema
from earmark.errors import DamagedPartError
from earmark.formats import staged
from earmark.formats.staged import StagedCounts
from earmark.records import SAMPLE_RATE_HZ
from earmark.store.folder import Folder
from earmark.store.parts import DamagedPart, read_part, receipts
from earmark.store.run import RunStore

_ROWS_AT_ONCE = 8_192
_READERS = 4


@dataclass(frozen=True)
class StagedRows:
    """The row that counts for each utterance that has one (schema.STAGED_PARTS, by index), and the damaged parts."""

    rows: pa.Table
    damaged: tuple[str, ...]

    @property
    def is_failed(self) -> NDArray[np.bool_]:
        """Of each row, whether it failed."""
        return np.asarray(pc.is_valid(self.rows["error_kind"]).to_numpy())

    def is_done(self, num_utterances: int, *, retry_failed: bool) -> NDArray[np.bool_]:
        """Of each utterance, whether it has a row; with ``retry_failed`` one that did not fail."""
        index = self.rows["index"].to_numpy()
        done = np.zeros(num_utterances, dtype=bool)
        done[index[~self.is_failed] if retry_failed else index] = True
        return done


def staged_rows(folder: Folder, fingerprint: str) -> StagedRows:
    """Read every part of the staging with ``fingerprint``. Raises StoreError where bytes cannot be read."""
    tables, damaged = [], []
    for found in receipts(folder, fingerprint):
        if isinstance(found, DamagedPart):
            damaged.append(found.name)
            continue
        try:
            tables.append(read_part(folder, found.part, schema.STAGED_PARTS.names).replace_schema_metadata(None))
        except DamagedPartError:
            damaged.append(found.part)
    rows = pa.concat_tables([schema.STAGED_PARTS.empty_table(), *tables])
    del tables
    return StagedRows(rows.take(_winners(rows)), tuple(damaged))


def _winners(rows: pa.Table) -> pa.Array:
    """Where the row that counts of each utterance stands, by index. Of several rows the first in their order counts."""
    place = pa.array(np.arange(len(rows)))
    keys = pa.table({"index": rows["index"], "failed": pc.is_valid(rows["error_kind"]), "place": place})
    order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names])
    index = rows["index"].take(order).to_numpy()
    is_first = np.append(np.ones(min(1, len(index)), dtype=bool), index[1:] != index[:-1])
    return order.filter(pa.array(is_first))


def damaged_files(folder: Folder, rows: pa.Table) -> Iterator[tuple[int, str]]:
    """The index and path of each staged file that is gone, or has other bytes than its row says. Reads them all."""
    kept = rows.filter(pc.is_valid(rows["path"])).select(["index", "path", "sha256"])
    with ThreadPoolExecutor(_READERS, thread_name_prefix="verify") as threads:
        for batch in kept.to_batches(max_chunksize=_ROWS_AT_ONCE):
            index, paths, hashes = (column.to_pylist() for column in batch.columns)
            found = threads.map(lambda path: _sha256(folder, path), paths)
            yield from ((i, p) for i, p, there, here in zip(index, paths, hashes, found, strict=True) if there != here)


def _sha256(folder: Folder, path: str) -> str | None:
    try:
        return hashlib.sha256(folder.read(path)).hexdigest()
    except FileNotFoundError:
        return None


def counts_of(rows: pa.Table, num_utterances: int, num_skipped: int) -> StagedCounts:
    """What became of the utterances, from the rows that count."""
    codings = Counter(rows["coding"].drop_null().to_pylist())
    num_failed = len(rows) - rows["error_kind"].null_count
    return StagedCounts(
        num_utterances=num_utterances,
        num_staged=len(rows) - num_failed,
        num_failed=num_failed,
        num_skipped=num_skipped,
        num_exact=int(pc.sum(rows["is_exact"]).as_py() or 0),
        num_clipped_files=int(pc.sum(pc.greater(rows["num_clipped"], 0)).as_py() or 0),
        audio_s=(pc.sum(rows["num_samples"]).as_py() or 0) / SAMPLE_RATE_HZ,
        size_bytes=int(pc.sum(rows["size_bytes"]).as_py() or 0),
        codings=dict(sorted(codings.items())),
    )


def write_table(store: RunStore, utterances: pa.Table, rows: pa.Table, source: str) -> str:
    """Commit the table of the staged set, a piece at a time, and the list of failures; the table's SHA-256.

    ``rows`` are all utterances that were not skipped, by index.
    """
    _write_errors(store, utterances, rows)
    with store.table_writer(staged.TABLE, schema.STAGED) as writer:
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            piece = rows.slice(start, _ROWS_AT_ONCE)
            writer.write_table(_joined(utterances.take(piece["index"]), piece, _word(source)))
    with store.folder.open(staged.TABLE) as file:
        return hashlib.sha256(file.read()).hexdigest()


def _joined(utterances: pa.Table, rows: pa.Table, source: str) -> pa.Table:
    extra = [json.loads(text) if text else {} for text in utterances["extra"].to_pylist()]
    num_samples = rows["num_samples"].fill_null(0).to_numpy()
    paths = [
        path or staged.missing_name(index, kind)
        for path, index, kind in zip(
            rows["path"].to_pylist(), rows["index"].to_pylist(), rows["error_kind"].to_pylist(), strict=True
        )
    ]
    columns: dict[str, Any] = {
        **{name: rows[name] for name in schema.STAGED_PARTS.names},
        "path": paths,
        "duration": num_samples / SAMPLE_RATE_HZ,
        "text": utterances["reference"],
        "dataset": [_text(one.get("dataset")) or source for one in extra],
        "split": [_text(one.get("split")) for one in extra],
        "language": utterances["language"],
        "speaker": utterances["speaker"],
        "sample_rate": np.full(len(rows), SAMPLE_RATE_HZ, dtype=np.int32),
        "source_audio": utterances["audio"],
        "source_start_s": utterances["start_s"],
        "source_channel": utterances["channel"],
        "extra": utterances["extra"],
    }
    return pa.table({name: columns[name] for name in schema.STAGED.names}, schema=schema.STAGED)


def _word(source: str) -> str:
    """What to call data that state no name: not where they were, which is another place on each machine."""
    return Path(source.partition("?")[0]).stem or "data"


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _write_errors(store: RunStore, utterances: pa.Table, rows: pa.Table) -> None:
    failed = rows.filter(pc.is_valid(rows["error_kind"])).select(["index", "id", "error_kind", "error"])
    skipped = utterances.filter(pc.is_valid(utterances["skip_reason"])).select(["index", "id", "skip_reason"])
    lines = [{"status": schema.FAILED, **row} for row in failed.to_pylist()]
    lines += [
        {"status": schema.SKIPPED, "index": row["index"], "id": row["id"], "error": row["skip_reason"]}
        for row in skipped.to_pylist()
    ]
    if not lines:
        store.folder.remove(staged.ERRORS)
        return
    lines.sort(key=lambda line: line["index"])
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    store.folder.write(staged.ERRORS, text.encode())
