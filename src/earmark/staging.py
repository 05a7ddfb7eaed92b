"""Staging one shard: each utterance decoded as a run would, encoded, checked and written; then the shard's part.

The only place where audio, a staged set's names and the store meet. Whatever goes wrong with an utterance becomes a
failed row with its reason; what goes wrong with the store (a full disk) goes up. Knows no source and no recognizer.
"""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from earmark import schema
from earmark.audio.decode import decode_with_info
from earmark.audio.encode import LIBSNDFILE_VERSION, AudioFormat, EncodedAudio, check_decoded, encode
from earmark.audio.level import num_clipped, peak_dbfs, rms_dbfs
from earmark.errors import AudioError, sentence_of
from earmark.formats.staged import audio_name
from earmark.records import SAMPLE_RATE_HZ, Batch, Probe, Receipt, Segment, Shard, StopCheck
from earmark.store.folder import Folder
from earmark.store.group import FileGroup, committing
from earmark.store.parts import encodable, installed_versions, part_name, write_part_table
from earmark.store.probe import probing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from earmark.audio.probe import AudioInfo

_VERSIONED = ("earmark", "numpy", "soundfile", "soxr", "pyarrow")


@dataclass
class Staging:
    """The work of staging: audio into ``folder``, for the staged set whose identity has ``fingerprint``.

    ``retry`` is the time of a retry of failed work, as in ``worker.Transcription``. The first file of each coding that
    a worker writes is decoded and compared; the others are checked as ``encode`` does.
    """

    folder: Folder
    fingerprint: str
    audio_format: AudioFormat
    max_decoded_s: float
    attempt: str
    retry: str = ""
    _proved: set[str] = field(default_factory=set, init=False, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing was loaded."""

    def __call__(self, shard: Shard, *, rank: int, stop: StopCheck) -> Receipt | None:
        """Stage the shard's utterances and commit its part; after a stop, those that are done. Raises StoreError.

        The audio is safe on the disk before the part that names it is written.
        """
        started = time.perf_counter()
        done: list[Batch] = []
        rows: list[dict[str, Any]] = []
        with committing(self.folder) as files:
            for batch in shard.batches:
                if stop():
                    break
                rows += [self._row(segment, files) for segment in batch.segments]
                done.append(batch)
            committing_since = time.perf_counter()
        if not done:
            return None
        ended = time.perf_counter()
        return self._commit(
            Shard(tuple(done)), rows, rank, compute_s=committing_since - started, wait_s=ended - committing_since
        )

    def give_up(self, shard: Shard, *, rank: int, reason: str) -> Receipt:
        """Commit the shard's utterances as failed, for ``reason``. Raises StoreError."""
        rows = [_failed(segment, "worker_died", reason) for batch in shard.batches for segment in batch.segments]
        return self._commit(shard, rows, rank, compute_s=0.0, wait_s=0.0, is_given_up=True)

    def probing(self) -> AbstractContextManager[Probe]:
        """A probe in the staged set's folder. Raises StoreError."""
        return probing(self.folder)

    def _row(self, segment: Segment, files: FileGroup) -> dict[str, Any]:
        try:
            row, encoded = self._staged(segment)
        except AudioError as error:
            return _failed(segment, error.kind, error.what)
        except Exception as error:  # noqa: BLE001  # whatever a hostile file does to a decoder is that file's failure
            return _failed(segment, "unreadable", sentence_of(error))
        files.add(row["path"], encoded.data)
        return row

    def _staged(self, segment: Segment) -> tuple[dict[str, Any], EncodedAudio]:
        audio = segment.audio
        samples, source = decode_with_info(
            audio.uri,
            start_s=audio.start_s or 0.0,
            duration_s=audio.duration_s if audio.start_s is not None else None,
            channel=audio.channel,
            max_decoded_s=self.max_decoded_s,
        )
        encoded = encode(samples, self.audio_format)
        if encoded.coding not in self._proved:
            check_decoded(encoded, samples)
            self._proved.add(encoded.coding)
        return {**_named(segment, encoded), **_measured(samples), **_original(source)}, encoded

    def _commit(
        self,
        shard: Shard,
        rows: Sequence[dict[str, Any]],
        rank: int,
        *,
        compute_s: float,
        wait_s: float,
        is_given_up: bool = False,
    ) -> Receipt:
        receipt = Receipt(
            part=part_name(self.fingerprint, shard, retry=self.retry, is_given_up=is_given_up),
            spec_fingerprint=self.fingerprint,
            batches=tuple(batch.id for batch in shard.batches),
            num_piece_rows=0,  # an utterance is a batch, and no batch is cut
            num_rows=len(rows),
            num_failed=sum("error" in row for row in rows),
            num_splits=0,
            audio_s=sum(row.get("num_samples", 0) for row in rows) / SAMPLE_RATE_HZ,
            compute_s=compute_s,
            wait_s=wait_s,
            worker_s=compute_s + wait_s,
            rank=rank,
            device="cpu",
            host=socket.gethostname(),
            attempt=self.attempt,
            versions=versions(),
        )
        write_part_table(self.folder, pa.Table.from_pylist(list(rows), schema.STAGED_PARTS), receipt)
        return receipt


def _named(segment: Segment, encoded: EncodedAudio) -> dict[str, Any]:
    return {
        "index": segment.index,
        "id": segment.id,
        "path": audio_name(segment.index, encoded.suffix),
        "size_bytes": len(encoded.data),
        "sha256": hashlib.sha256(encoded.data).hexdigest(),
        "coding": encoded.coding,
        "is_exact": encoded.is_exact,
    }


def _measured(samples: NDArray[np.float32]) -> dict[str, Any]:
    return {
        "num_samples": len(samples),
        "level_dbfs": rms_dbfs(samples),
        "peak_dbfs": peak_dbfs(samples),
        "num_clipped": num_clipped(samples),
    }


def _original(source: AudioInfo) -> dict[str, Any]:
    return {
        "source_sample_rate": source.sample_rate_hz,
        "source_num_channels": source.num_channels,
        "source_coding": source.format,
    }


def versions() -> dict[str, str]:
    """Of what decodes, resamples, encodes and writes."""
    return {**installed_versions(_VERSIONED), "libsndfile": LIBSNDFILE_VERSION}


def _failed(segment: Segment, kind: str, reason: str) -> dict[str, Any]:
    return {"index": segment.index, "id": segment.id, "error_kind": kind, "error": encodable(reason)}
