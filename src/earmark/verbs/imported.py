"""Outputs from elsewhere as runs: the same tables, parts and receipts as if they had been transcribed here.

So whatever works on a run works on them. What nobody measured stays unmeasured: the receipts hold no seconds, and there
is no attempt, so every RTFx is None. It reads no file of transcripts and counts no error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from earmark import schema
from earmark.errors import RunMismatchError
from earmark.formats.matching import MISSING_HYP_RULE, Outputs
from earmark.planning.identity import data_fingerprint, hash_column
from earmark.records import Batch, Receipt, Shard
from earmark.spec import DataSpec, RecognizerSpec, RunSpec
from earmark.store import layout
from earmark.store.parts import IMPORT, part_name, write_part_table
from earmark.store.run import RunStore

_ROWS_AT_ONCE = 16_384
_DEVICE = "elsewhere"
_IMPORTED = "imported-"
_NOT_SCORED = "not_scored"
_RESULTS = (layout.PARTS, layout.SUMMARY, layout.SCORES)
_WHAT = {"data.": "utterances", "recognizer.": "hypotheses"}


@dataclass(frozen=True)
class Import:
    """A system's outputs as a run would hold them."""

    spec: RunSpec
    utterances: pa.Table
    texts: pa.Array | pa.ChunkedArray

    @classmethod
    def of(cls, outputs: Outputs, system: str) -> Self:
        """Take one system's."""
        texts = outputs.hypotheses[system]
        utterances = _utterances(outputs, texts)
        return cls(_spec(outputs.name, system, utterances, texts), utterances, texts)


def check_folder(store: RunStore, given: Import) -> None:
    """Raise RunMismatchError where the folder of ``store`` holds results of another run."""
    stored = store.spec()
    if stored is None or not (differences := stored.differences(given.spec)):
        return
    if not any(store.folder.names(name) if name == layout.PARTS else store.folder.has(name) for name in _RESULTS):
        return
    here, there = (f"{one.recognizer.name} of {one.data.name}" for one in (stored, given.spec))
    other = " and ".join(what for name, what in _WHAT.items() if any(field.startswith(name) for field in differences))
    raise RunMismatchError(
        store.url,
        differences,
        cause=f"{store.url} holds {here}; these are other {other}" + ("" if here == there else f", {there}"),
        hint="--out ANOTHER_FOLDER",
    )


def keep(store: RunStore, given: Import) -> RunSpec:
    """Make the folder of ``store``, whose lock is held, the run of one system. The same outputs again change nothing.

    The answers of such a run are its hypotheses, so these are what its version is a hash of. References are no part of
    it: corrected ones replace those that were kept. The utterances are written before the spec and the parts last, so
    that a kill at any moment leaves a folder that the same call completes.

    Raises RunMismatchError where the folder holds another run, and StoreError.
    """
    check_folder(store, given)
    spec, utterances = given.spec, given.utterances
    stored = store.spec()
    if stored is not None and stored.differences(spec):
        store.clear()  # it came to nothing
    if store.metadata(layout.UTTERANCES) != utterances.schema.metadata:
        store.write_table(layout.UTTERANCES, utterances)
    store.adopt(spec)
    if store.table(layout.PLAN) is None:
        store.write_table(layout.PLAN, _plan(utterances))
    whole = set(store.progress(spec).part_names)
    for rows, receipt in _parts(spec, utterances, given.texts):
        if receipt.part not in whole:
            write_part_table(store.folder, rows, receipt)
    return spec


def is_imported(spec: RunSpec) -> bool:
    """Whether the hypotheses of a run came from elsewhere."""
    return spec.recognizer.version.startswith(_IMPORTED)


def _spec(data: str, system: str, utterances: pa.Table, texts: pa.Array) -> RunSpec:
    content = _content_hash(utterances["id"], texts)
    return RunSpec(
        recognizer=RecognizerSpec(
            name=system, version=f"{_IMPORTED}{content[:12]}", content_hash=content, batching="any"
        ),
        data=DataSpec(
            name=data,
            fingerprint=data_fingerprint(utterances),
            audio_sample="",
            num_utterances=len(utterances),
        ),
    )


def _content_hash(*columns: pa.ChunkedArray | pa.Array) -> str:
    """Hex SHA-256 over columns, however they are chunked; a block of rows at a time, since blocks are copied."""
    digest = hashlib.sha256()
    for column in columns:
        for start in range(0, len(column), _ROWS_AT_ONCE):
            hash_column(digest, _one(column.slice(start, _ROWS_AT_ONCE)))
    return digest.hexdigest()


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _utterances(outputs: Outputs, texts: pa.Array) -> pa.Table:
    """The table of schema.UTTERANCES, with a hash of what was imported in its metadata."""
    rows = outputs.rows
    no_hypothesis = pc.if_else(pc.is_null(texts), MISSING_HYP_RULE, pa.scalar(None, pa.string()))
    columns = {name: rows[name] for name in schema.UTTERANCES.names if name in rows.column_names}
    columns |= {
        "index": np.arange(len(rows), dtype=np.int64),
        "stated_duration_s": rows["duration_s"],
        "duration_s": pc.fill_null(rows["duration_s"], 0.0),
        "skip_reason": pc.coalesce(rows["skip_reason"], no_hypothesis),
    }
    table = pa.table([columns[name] for name in schema.UTTERANCES.names], schema=schema.UTTERANCES)
    return table.replace_schema_metadata({"imported": _content_hash(*table.columns)})


def _plan(utterances: pa.Table) -> pa.Table:
    """A batch a part: nothing is batched any more, and a plan by lengths would shuffle the rows for nothing."""
    num_rows = len(utterances)
    index = np.arange(num_rows, dtype=np.int64)
    columns = {
        "index": index,
        "segment": np.zeros(num_rows, np.int32),
        "num_segments": np.ones(num_rows, np.int32),
        "start_s": utterances["start_s"],
        "duration_s": utterances["duration_s"],
        "batch": index // _ROWS_AT_ONCE,
        "cost": utterances["duration_s"],
    }
    return pa.table(columns, schema=schema.PLAN)


def _parts(spec: RunSpec, utterances: pa.Table, texts: pa.Array) -> Iterator[tuple[pa.Table, Receipt]]:
    fingerprint = spec.fingerprint()
    for batch, start in enumerate(range(0, len(utterances), _ROWS_AT_ONCE)):
        rows = _rows(utterances.slice(start, _ROWS_AT_ONCE), texts.slice(start, _ROWS_AT_ONCE), batch)
        yield (
            rows,
            Receipt(
                part=part_name(fingerprint, Shard((Batch(batch, ()),))),
                spec_fingerprint=fingerprint,
                batches=(batch,),
                num_piece_rows=0,
                num_rows=len(rows),
                num_failed=rows["hypothesis"].null_count,
                num_splits=0,
                audio_s=pc.sum(rows["audio_s"]).as_py(),
                compute_s=0.0,
                wait_s=0.0,
                worker_s=0.0,
                rank=0,
                device=_DEVICE,
                host=_DEVICE,
                attempt=IMPORT,
                versions={},
            ),
        )


def _rows(utterances: pa.Table, texts: pa.Array, batch: int) -> pa.Table:
    """The rows of schema.PARTS: the hypotheses as they are, and the rule where there is none.

    What else is not to be scored is said by the utterances alone: it can change while the hypotheses stay the same.
    """
    num_rows = len(utterances)
    has_text = pc.is_valid(texts)
    none = pa.scalar(None, pa.string())
    zeros = np.zeros(num_rows)
    unknown = {field.name: pa.nulls(num_rows, field.type) for field in schema.PARTS if field.nullable}
    columns = unknown | {
        "index": utterances["index"],
        "segment": np.zeros(num_rows, np.int32),
        "num_segments": np.ones(num_rows, np.int32),
        "id": utterances["id"],
        "hypothesis": texts,
        "error_kind": pc.if_else(has_text, none, _NOT_SCORED),
        "error": pc.if_else(has_text, none, MISSING_HYP_RULE),
        "audio_s": utterances["duration_s"],
        "decode_s": zeros,
        "compute_s": zeros,
        "batch": np.full(num_rows, batch, np.int64),
        "is_split": np.zeros(num_rows, np.bool_),
        "rank": np.zeros(num_rows, np.int32),
        "device": pa.array([_DEVICE] * num_rows, pa.string()),
    }
    return pa.table([columns[name] for name in schema.PARTS.names], schema=schema.PARTS)
