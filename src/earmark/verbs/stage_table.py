"""What became of the utterances of a staging, as counts, as the table of the staged set and as the list of failures.

Knows tables, a piece at a time; decodes nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from earmark import schema
from earmark.errors import StoreError
from earmark.formats import staged
from earmark.formats.staged import StagedCounts
from earmark.records import SAMPLE_RATE_HZ
from earmark.store.run import RunStore
from earmark.verbs.stage_rows import StagedRows, sha256_of


def counts_of(rows: StagedRows, num_utterances: int, num_skipped: int) -> StagedCounts:
    """What became of the utterances, from the rows that count. Raises StoreError."""
    sums: Counter[str] = Counter()
    codings: Counter[str] = Counter()
    for piece in rows.pieces():
        codings.update(piece["coding"].drop_null().to_pylist())
        sums["failed"] += len(piece) - piece["error_kind"].null_count
        sums["clipped"] += pc.sum(pc.greater(piece["num_clipped"], 0)).as_py() or 0
        for name in ("is_exact", "num_samples", "size_bytes"):
            sums[name] += pc.sum(piece[name]).as_py() or 0
    return StagedCounts(
        num_utterances=num_utterances,
        num_staged=len(rows) - sums["failed"],
        num_failed=sums["failed"],
        num_skipped=num_skipped,
        num_exact=sums["is_exact"],
        num_clipped_files=sums["clipped"],
        audio_s=sums["num_samples"] / SAMPLE_RATE_HZ,
        size_bytes=sums["size_bytes"],
        codings=dict(sorted(codings.items())),
    )


def check_sum(counts: StagedCounts, target: str) -> None:
    """Raise StoreError unless staged, failed and skipped are all of the utterances."""
    num_known = counts.num_staged + counts.num_failed + counts.num_skipped
    if num_known != counts.num_utterances:
        raise StoreError(
            f"{target} is not whole: rows for {num_known:,} of {counts.num_utterances:,} utterances",
            cause=f"{counts.num_staged:,} staged, {counts.num_failed:,} failed, {counts.num_skipped:,} left out",
            hint="the same command does what is left",
        )


def write_table(store: RunStore, utterances: pa.Table, rows: StagedRows, source: str) -> str:
    """Commit the table of the staged set; its SHA-256. ``rows`` are all utterances that were not skipped."""
    with store.table_writer(staged.TABLE, schema.STAGED) as writer:
        for piece in rows.pieces():
            writer.write_table(_joined(utterances.take(piece["index"]), piece, _word(source)))
    return str(sha256_of(store.folder, staged.TABLE))


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


def write_errors(store: RunStore, utterances: pa.Table, rows: StagedRows) -> None:
    """Commit the list of what failed or was skipped; none where nothing did. Raises StoreError."""
    failed = [piece.select(["index", "id", "error_kind", "error"]) for piece in rows.failed().pieces()]
    skipped = utterances.filter(pc.is_valid(utterances["skip_reason"])).select(["index", "id", "skip_reason"])
    lines = [{"status": schema.FAILED, **row} for piece in failed for row in piece.to_pylist()]
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
