"""From a source to the table of utterances: every one has an index, an audio file that is there, and a length.

Reads file headers where the source does not know a length; decodes nothing.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import PurePath
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from earmark import schema
from earmark.audio.probe import probe
from earmark.audio.segment import cut_points
from earmark.errors import AudioError, DuplicateIdError, MissingAudioError, UsageError
from earmark.planning.gathering import Column
from earmark.planning.presence import AudioFiles, why_not_fetched
from earmark.records import Utterance
from earmark.sources.base import STATED, ColumnSource, DerivedSource, LinedSource, Source

MissingAudio = Literal["error", "fail", "skip"]
"""What to do with utterances whose audio file is not there: refuse to begin, let each one fail, or leave them out."""

MISSING_AUDIO_RULE = "audio file missing (--missing-audio skip)"
_CHUNK = 65_536
_PIECE = ("audio", "start_s", "stated_duration_s", "channel")
_ROWS_A_RELEASE = 250_000


def index_source(source: Source, *, missing_audio: MissingAudio = "error") -> pa.Table:
    """The table of schema.UTTERANCES, in the source's order, each column in one piece where Arrow can hold it so.

    Raises DuplicateIdError, MissingAudioError (with ``missing_audio="error"``), UsageError for data without
    utterances, and what the source raises.
    """
    indexer = _Indexer(source, missing_audio)
    for chunk in source.chunks() if isinstance(source, ColumnSource) else _chunks(source):
        indexer.take(_stated(chunk) if isinstance(chunk, list) else chunk)
    if not indexer.num_seen:
        raise UsageError(f"no utterances in {source.name}", hint="earmark needs at least one")
    if indexer.num_missing and missing_audio == "error":
        first = indexer.first_missing
        why = (source.why_missing(first) if isinstance(source, DerivedSource) else None) or why_not_fetched(first)
        raise MissingAudioError(source.name, indexer.num_missing, indexer.num_seen, first, root=source.root, why=why)
    table = indexer.table()
    _check_ids(table, source)
    return table


def _chunks(source: Source) -> Iterator[list[Utterance]]:
    stream = source.utterances()
    while chunk := list(islice(stream, _CHUNK)):
        yield chunk


def _stated(chunk: list[Utterance]) -> pa.RecordBatch:
    """What the source says of some utterances, as columns ``STATED``."""
    rows = (
        (
            utterance.id,
            utterance.audio.uri,
            utterance.audio.start_s,
            utterance.audio.duration_s,
            utterance.audio.channel,
            utterance.reference,
            utterance.language,
            utterance.speaker,
            json.dumps(dict(utterance.extra), ensure_ascii=False) if utterance.extra else None,
        )
        for utterance in chunk
    )
    try:
        columns = zip(STATED, zip(*rows, strict=True), strict=True)
        arrays = [pa.array(column, schema.UTTERANCES.field(name).type) for name, column in columns]
    except UnicodeEncodeError as error:
        raise UsageError(
            f"a text that no file can hold: {error.object!r:.80}", cause="it holds half a surrogate pair"
        ) from error
    return pa.record_batch(arrays, names=list(STATED))


class _Indexer:
    """Gathers columns, adds what the source does not say, and counts the audio files that are not there."""

    def __init__(self, source: Source, missing_audio: MissingAudio) -> None:
        self._files = AudioFiles(source.root)
        self._skips_missing = missing_audio == "skip"
        self._columns = {name: Column(schema.UTTERANCES.field(name).type) for name in (*STATED, "skip_reason")}
        self.num_seen = 0
        self.num_missing = 0
        self.first_missing = ""
        # Many utterances can be pieces of one file.
        self._header_duration_s = lru_cache(maxsize=_CHUNK)(_header_duration_s)
        self._counted_duration_s = lru_cache(maxsize=_CHUNK)(_counted_duration_s)

    def take(self, batch: pa.RecordBatch) -> None:
        """Add some utterances, as columns ``STATED``."""
        self.num_seen += len(batch)
        if self.num_seen % _ROWS_A_RELEASE < len(batch):
            pa.default_memory_pool().release_unused()  # what reading leaves behind grows to a tenth of the columns
        is_there = self._is_there(batch["audio"])
        self._take_durations(batch, is_there)
        for name in STATED:
            self._columns[name].add(batch[name])
        rule = pa.scalar(MISSING_AUDIO_RULE if self._skips_missing else None, pa.string())
        all_there = pc.all(is_there, min_count=0).as_py()
        self._columns["skip_reason"].add(pa.nulls(len(batch)) if all_there else pc.if_else(is_there, None, rule))

    def table(self) -> pa.Table:
        """All of them."""
        pa.default_memory_pool().release_unused()
        whole = {name: self._columns.pop(name).whole() for name in list(self._columns)}
        whole.setdefault("duration_s", whole["stated_duration_s"])
        whole["index"] = pa.chunked_array([np.arange(self.num_seen, dtype=np.int64)])
        return pa.table([whole[name] for name in schema.UTTERANCES.names], schema=schema.UTTERANCES)

    def _take_durations(self, batch: pa.RecordBatch, is_there: pa.Array) -> None:
        """Add the lengths, in a column of their own from the first one on that the source does not state."""
        if "duration_s" not in self._columns:
            if not batch["stated_duration_s"].null_count:
                return
            self._columns["duration_s"] = copy.deepcopy(self._columns["stated_duration_s"])
        self._columns["duration_s"].add(self._durations_s(batch, is_there))

    def _is_there(self, audio: pa.Array) -> pa.Array:
        """Whether each row's file is there; it is asked for once, however many rows it has."""
        coded = audio if pa.types.is_dictionary(audio.type) else audio.dictionary_encode()
        uris = coded.dictionary.to_pylist()
        is_there = self._files.are_there(uris)
        rows = pa.array(is_there, pa.bool_()).take(coded.indices)
        num_missing = len(audio) - (pc.sum(rows).as_py() or 0)
        if num_missing and not self.num_missing:
            self.first_missing = self._files.shown(audio[pc.index(rows, value=False).as_py()].as_py())
        self.num_missing += num_missing
        return rows

    def _durations_s(self, batch: pa.RecordBatch, is_there: pa.Array) -> pa.Array:
        """What the source states, else what the file says; 0 where there is no file."""
        stated = batch["stated_duration_s"]
        if not stated.null_count:
            return stated
        found = stated.cast(pa.float64()).fill_null(0.0).to_numpy().copy()
        unknown = np.flatnonzero(pc.and_(pc.is_null(stated), is_there).to_numpy(zero_copy_only=False))
        rows = batch.select(["audio", "start_s"]).take(unknown)
        for row, uri, start_s in zip(unknown, rows["audio"].to_pylist(), rows["start_s"].to_pylist(), strict=True):
            found[row] = self._file_duration_s(self._files.path(uri), start_s)
        return pa.array(found)

    def _file_duration_s(self, path: str, start_s: float | None) -> float:
        length_s = self._header_duration_s(path)
        if start_s is None:
            return length_s
        return max(0.0, (length_s or self._counted_duration_s(path)) - start_s)


def _header_duration_s(path: str) -> float:
    """What the file's header says; 0 where it cannot be read (decoding will say why)."""
    try:
        return probe(path).duration_s
    except AudioError:
        return 0.0


def _counted_duration_s(path: str) -> float:
    """What decodes, where the header does not say; a piece to the end needs it. 0 where nothing does."""
    try:
        return cut_points(path, start_s=0.0, duration_s=None, channel=None, max_piece_s=1e9).length_s
    except AudioError:
        return 0.0


def _check_ids(table: pa.Table, source: Source) -> None:
    if _are_distinct(table["id"]):
        return
    counts = pc.value_counts(table["id"])
    num_distinct = len(counts)
    if num_distinct == len(table):
        return
    first = counts.filter(pc.greater(counts.field("counts"), 1))[0]["values"].as_py()
    lines = source.lines_with(first) if isinstance(source, LinedSource) else []
    is_made = _is_made(first, table.filter(pc.equal(table["id"], first)))
    raise DuplicateIdError(source.name, len(table) - num_distinct, first, lines=lines, is_made=is_made)


def _is_made(utterance_id: str, rows: pa.Table) -> bool:
    """Whether all these rows, which share the id, are one piece of one file, after which the id is called."""
    pieces = {tuple(row.values()) for row in rows.select(list(_PIECE)).to_pylist()}
    return len(pieces) == 1 and utterance_id.startswith(str(PurePath(rows["audio"][0].as_py()).with_suffix("")))


def _are_distinct(ids: pa.ChunkedArray) -> bool:
    """Whether no two are the same; False also where only their hashes of 8 bytes are.

    Sorted hashes need a tenth of the memory of a table of the ids.
    """
    hashes = np.empty(len(ids), np.int64)
    for start in range(0, len(ids), _CHUNK):
        some = ids.slice(start, _CHUNK)
        hashes[start : start + len(some)] = np.fromiter(map(hash, some.to_numpy()), np.int64, len(some))
    hashes.sort()
    return not (hashes[1:] == hashes[:-1]).any()
