"""From a source to the table of utterances: every one has an index, an audio file that is there, and a length.

Reads file headers where the source does not know a length; decodes nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from earmark import schema
from earmark.audio.probe import probe
from earmark.audio.segment import cut_points
from earmark.errors import AudioError, DuplicateIdError, MissingAudioError, UsageError
from earmark.records import AudioRef, Utterance
from earmark.sources.base import Source

MissingAudio = Literal["error", "fail", "skip"]
"""What to do with utterances whose audio file is not there: refuse to begin, let each one fail, or leave them out."""

MISSING_AUDIO_RULE = "audio file missing (--missing-audio skip)"
_CHUNK = 65_536


def index_source(source: Source, *, missing_audio: MissingAudio = "error") -> pa.Table:
    """The table of schema.UTTERANCES, in the source's order.

    Raises DuplicateIdError, MissingAudioError (with ``missing_audio="error"``), UsageError for data without
    utterances, and what the source raises.
    """
    indexer = _Indexer(source, missing_audio)
    stream = source.utterances()
    chunks = []
    while chunk := list(islice(stream, _CHUNK)):
        chunks.append(indexer.record_batch(chunk))
    if not chunks:
        raise UsageError(f"no utterances in {source.name}", hint="earmark needs at least one")
    if indexer.num_missing and missing_audio == "error":
        raise MissingAudioError(
            source.name, indexer.num_missing, indexer.num_seen, indexer.first_missing, root=source.root
        )
    table = pa.Table.from_batches(chunks, schema.UTTERANCES)
    _check_ids(table, source.name)
    return table


class _Indexer:
    """Turns utterances into record batches, and counts the audio files that are not there."""

    def __init__(self, source: Source, missing_audio: MissingAudio) -> None:
        self._root = source.root
        self._skips_missing = missing_audio == "skip"
        self.num_seen = 0
        self.num_missing = 0
        self.first_missing = ""
        # Many utterances can be pieces of one file.
        self._exists = lru_cache(maxsize=_CHUNK)(os.path.isfile)  # see below
        self._header_duration_s = lru_cache(maxsize=_CHUNK)(_header_duration_s)
        self._counted_duration_s = lru_cache(maxsize=_CHUNK)(_counted_duration_s)

    def record_batch(self, chunk: list[Utterance]) -> pa.RecordBatch:
        start = self.num_seen
        self.num_seen += len(chunk)
        rows = list(self._rows(chunk))
        columns: list[Any] = [range(start, self.num_seen), *zip(*rows, strict=True)]
        try:
            arrays = [pa.array(column, field.type) for column, field in zip(columns, schema.UTTERANCES, strict=True)]
        except UnicodeEncodeError as error:
            raise UsageError(
                f"a text that no file can hold: {error.object!r:.80}", cause="it holds half a surrogate pair"
            ) from error
        return pa.record_batch(arrays, schema=schema.UTTERANCES)

    def _rows(self, chunk: list[Utterance]) -> Iterator[tuple[Any, ...]]:
        for utterance in chunk:
            audio = utterance.audio
            path = os.path.join(self._root, audio.uri)  # noqa: PTH118  # a Path costs ten times as much, a million times
            is_there = self._exists(path)
            if not is_there:
                self._note_missing(path)
            yield (
                utterance.id,
                audio.uri,
                audio.start_s,
                audio.duration_s,
                self._duration_s(audio, path) if is_there else audio.duration_s or 0.0,
                audio.channel,
                utterance.reference,
                utterance.language,
                utterance.speaker,
                json.dumps(dict(utterance.extra), ensure_ascii=False) if utterance.extra else None,
                None if is_there or not self._skips_missing else MISSING_AUDIO_RULE,
            )

    def _duration_s(self, audio: AudioRef, path: str) -> float:
        if audio.duration_s is not None:
            return audio.duration_s
        length_s = self._header_duration_s(path)
        if audio.start_s is None:
            return length_s
        return max(0.0, (length_s or self._counted_duration_s(path)) - audio.start_s)

    def _note_missing(self, path: str) -> None:
        if not self.num_missing:
            self.first_missing = path
        self.num_missing += 1


def _header_duration_s(path: str) -> float:
    """What the file's header says; 0 where it cannot be read (decoding will say why)."""
    try:
        return probe(path).duration_s
    except AudioError:
        return 0.0


def _counted_duration_s(path: str) -> float:
    """What decodes, where the header does not say; a piece to the end needs it. 0 where nothing does."""
    try:
        return sum(
            length_s for _, length_s in cut_points(path, start_s=0.0, duration_s=None, channel=None, max_piece_s=1e9)
        )
    except AudioError:
        return 0.0


def _check_ids(table: pa.Table, name: str) -> None:
    num_distinct = pc.count_distinct(table["id"]).as_py()
    if num_distinct == len(table):
        return
    counts = pc.value_counts(table["id"])
    first = counts.filter(pc.greater(counts.field("counts"), 1))[0]["values"].as_py()
    raise DuplicateIdError(name, len(table) - num_distinct, first)
