"""Doing one shard: the only place where audio, recognizer and store meet.

Turns whatever goes wrong with an utterance into a failed row with its reason, so that one bad utterance never ends a
run. What goes wrong with the store (a full disk) is not an utterance's fault, and goes up.
"""

from __future__ import annotations

import gc
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from earmark.audio.decode import decode
from earmark.audio.level import rms_dbfs
from earmark.errors import AudioError, EarmarkError, OutOfMemoryError, RecognizerError
from earmark.recognizers.base import Recognizer
from earmark.records import Batch, Hypothesis, Receipt, Segment, Shard, StopCheck, Waveform
from earmark.spec import RunSpec
from earmark.store.folder import Folder
from earmark.store.parts import PartRow, installed_versions, part_name, write_part

_BATCHES_AHEAD = 2
_DECODING_THREADS = 2
_LENGTH_TOLERANCE_S = 1.0
_VERSIONED = ("earmark", "numpy", "soundfile", "soxr", "pyarrow", "pocketsphinx", "torch", "transformers")


@dataclass(frozen=True, slots=True)
class _Failure:
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Decoded:
    segment: Segment
    outcome: Waveform | _Failure
    level_dbfs: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a row needs. It holds no samples, so a shard's audio is freed batch by batch."""

    segment: Segment
    audio_s: float
    decode_s: float
    outcome: Hypothesis | _Failure
    compute_s: float
    is_split: bool
    level_dbfs: float | None = None


@dataclass
class Transcription:
    """The work of an evaluation: ``recognizer`` over shards, into the run's ``folder``.

    ``retry`` is the time of a retry of failed work, whose parts stand beside those of the first attempt.
    """

    recognizer: Recognizer
    spec: RunSpec
    folder: Folder
    attempt: str
    retry: str = ""
    device: str = "cpu"
    _decoders: ThreadPoolExecutor | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> Self:
        """Load the recognizer. Raises RecognizerError."""
        try:
            self.recognizer.__enter__()
        except EarmarkError:
            raise
        except Exception as error:  # a recognizer may raise anything while it loads
            raise RecognizerError(f"cannot load {self.spec.recognizer.name}", cause=_sentence(error)) from error
        self._decoders = ThreadPoolExecutor(_DECODING_THREADS, thread_name_prefix="decode")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free the recognizer."""
        if self._decoders is not None:
            self._decoders.shutdown(cancel_futures=True)
        self.recognizer.__exit__(kind, error, trace)

    def __call__(self, shard: Shard, *, rank: int, stop: StopCheck) -> Receipt | None:
        """Transcribe the shard's batches and commit its part; after a stop, those that are done. Raises StoreError."""
        started = time.perf_counter()
        wait_s = 0.0
        done: list[Batch] = []
        answers: list[_Answer] = []
        for batch, decoding in self._ahead(shard.batches):
            if stop():
                break
            waiting = time.perf_counter()
            decoded = [future.result() for future in decoding]
            wait_s += time.perf_counter() - waiting
            answers += self._batch(decoded, is_split=batch.is_split)
            done.append(batch)
        if not done:
            return None
        return self._commit(Shard(tuple(done)), answers, rank, wait_s=wait_s, worker_s=time.perf_counter() - started)

    def give_up(self, shard: Shard, *, rank: int, reason: str) -> Receipt:
        """Commit the shard's segments as failed, for ``reason``. Raises StoreError."""
        failure = _Failure("worker_died", reason)
        answers = [
            _Answer(segment, 0.0, 0.0, failure, 0.0, is_split=batch.is_split)
            for batch in shard.batches
            for segment in batch.segments
        ]
        return self._commit(shard, answers, rank, wait_s=0.0, worker_s=0.0, is_given_up=True)

    def _ahead(self, batches: Sequence[Batch]) -> Iterator[tuple[Batch, list[Future[_Decoded]]]]:
        """Each batch with its decoding under way; a few batches further on decode meanwhile."""
        assert self._decoders is not None, "enter the work before calling it"  # noqa: S101  # a programmer's error
        waiting: list[list[Future[_Decoded]]] = []
        for number, batch in enumerate(batches):
            while len(waiting) <= _BATCHES_AHEAD and number + len(waiting) < len(batches):
                following = batches[number + len(waiting)]
                waiting.append([self._decoders.submit(self._decode, segment) for segment in following.segments])
            yield batch, waiting.pop(0)

    def _decode(self, segment: Segment) -> _Decoded:
        started = time.perf_counter()
        outcome: Waveform | _Failure
        try:
            outcome = self._waveform(segment)
        except AudioError as error:
            outcome = _Failure(error.kind, error.what)
        except Exception as error:  # noqa: BLE001  # whatever a hostile file does to a decoder is that file's failure
            outcome = _Failure("unreadable", _sentence(error))
        level_dbfs = rms_dbfs(outcome.samples) if isinstance(outcome, Waveform) else None
        return _Decoded(segment, outcome, level_dbfs, time.perf_counter() - started)

    def _waveform(self, segment: Segment) -> Waveform:
        audio = segment.audio
        is_piece = audio.start_s is not None
        samples = decode(
            audio.uri,
            start_s=audio.start_s or 0.0,
            duration_s=audio.duration_s if is_piece else None,
            channel=audio.channel,
            max_decoded_s=self.spec.audio.max_decoded_s,
        )
        waveform = Waveform(segment.id, samples)
        longest_s = self.spec.recognizer.max_audio_s
        if longest_s is not None and waveform.duration_s > longest_s + _LENGTH_TOLERANCE_S:
            raise AudioError(
                "longer_than_claimed",
                f"it decodes to {waveform.duration_s:.1f} s, the data claim {audio.duration_s or 0.0:.1f} s, "
                f"and {self.spec.recognizer.name} takes at most {longest_s:g} s in one piece",
            )
        return waveform

    def _batch(self, decoded: Sequence[_Decoded], *, is_split: bool) -> list[_Answer]:
        """Answers in the order of ``decoded``; what did not decode is answered without troubling the recognizer."""
        good = [one for one in decoded if isinstance(one.outcome, Waveform)]
        answers = {id(one): answer for one, answer in self._halving(good, is_split=is_split)}
        for one in decoded:
            if isinstance(one.outcome, _Failure):
                answers[id(one)] = _answer(one, one.outcome, 0.0, is_split=is_split)
        return [answers[id(one)] for one in decoded]

    def _halving(self, good: Sequence[_Decoded], *, is_split: bool) -> Iterator[tuple[_Decoded, _Answer]]:
        """Transcribe, and where a batch cannot be done, its halves, down to the one utterance that fails."""
        pending = [(list(good), is_split)] if good else []
        failed_s = 0.0
        while pending:
            piece, was_split = pending.pop()
            outcomes, compute_s = self._try(piece)
            if isinstance(outcomes, _Failure) and len(piece) > 1:
                # Out of the handler by now, so the traceback no longer holds what the failed batch allocated.
                gc.collect()
                failed_s += compute_s
                middle = len(piece) // 2
                pending += [(piece[middle:], True), (piece[:middle], True)]
                continue
            texts: Sequence[Hypothesis | _Failure] = [outcomes] if isinstance(outcomes, _Failure) else outcomes
            compute_s, failed_s = compute_s + failed_s, 0.0  # a try that failed was time inside it as well
            audio_s = sum(_audio_s(one) for one in piece)
            for one, text in zip(piece, texts, strict=True):
                share = _audio_s(one) / audio_s if audio_s else 1.0 / len(piece)
                yield one, _answer(one, text, compute_s * share, is_split=was_split)

    def _try(self, piece: Sequence[_Decoded]) -> tuple[Sequence[Hypothesis] | _Failure, float]:
        waveforms = [one.outcome for one in piece if isinstance(one.outcome, Waveform)]
        started = time.perf_counter()
        outcome: Sequence[Hypothesis] | _Failure
        try:
            outcome = self.recognizer.transcribe(waveforms)
            if problem := _broken_contract(outcome, len(waveforms)):
                outcome = _Failure("recognizer", problem)
        except (OutOfMemoryError, MemoryError) as error:
            outcome = _Failure("out_of_memory", _sentence(error))
        except EarmarkError as error:
            outcome = _Failure("recognizer", error.what)
        except Exception as error:  # noqa: BLE001  # the one place where a recognizer's exception becomes a failed row
            outcome = _Failure("recognizer", _sentence(error))
        return outcome, time.perf_counter() - started

    def _commit(
        self,
        shard: Shard,
        answers: Sequence[_Answer],
        rank: int,
        *,
        wait_s: float,
        worker_s: float,
        is_given_up: bool = False,
    ) -> Receipt:
        rows = [self._row(answer, batch.id, rank) for answer, batch in zip(answers, _batch_of_each(shard), strict=True)]
        fingerprint = self.spec.fingerprint()
        receipt = Receipt(
            part=part_name(fingerprint, shard, retry=self.retry, is_given_up=is_given_up),
            spec_fingerprint=fingerprint,
            batches=tuple(batch.id for batch in shard.batches if not batch.is_split),
            num_piece_rows=sum(len(batch.segments) for batch in shard.batches if batch.is_split),
            num_rows=len(rows),
            num_failed=sum(row.error is not None for row in rows),
            num_splits=sum(row.is_split for row in rows),
            audio_s=sum(row.audio_s for row in rows),
            compute_s=sum(row.compute_s for row in rows),
            wait_s=wait_s,
            worker_s=worker_s,
            rank=rank,
            device=self.device,
            host=socket.gethostname(),
            attempt=self.attempt,
            versions=installed_versions(_VERSIONED),
        )
        write_part(self.folder, rows, receipt)
        return receipt

    def _row(self, answer: _Answer, batch: int, rank: int) -> PartRow:
        segment, outcome = answer.segment, answer.outcome
        failure = outcome if isinstance(outcome, _Failure) else None
        return PartRow(
            index=segment.index,
            segment=segment.segment,
            num_segments=segment.num_segments,
            id=segment.id,
            hypothesis=_encodable(outcome.text) if isinstance(outcome, Hypothesis) else None,
            error_kind=failure.kind if failure else None,
            error=_encodable(failure.reason) if failure else None,
            audio_s=answer.audio_s,
            decode_s=answer.decode_s,
            compute_s=answer.compute_s,
            batch=batch,
            is_split=answer.is_split,
            rank=rank,
            device=self.device,
            level_dbfs=None if failure else answer.level_dbfs,
        )


def _broken_contract(outcome: Sequence[object], num_waveforms: int) -> str | None:
    """What is wrong with an answer, if anything: somebody else's recognizer may give whatever it likes."""
    if len(outcome) != num_waveforms:
        return f"it gave {len(outcome)} texts for {num_waveforms} waveforms"
    for one in outcome:
        if not isinstance(one, Hypothesis):
            return f"it gave {type(one).__name__} where a Hypothesis belongs"
        text: object = one.text
        if not isinstance(text, str):
            return f"it gave a Hypothesis of {type(text).__name__}, not of text"
    return None


def _batch_of_each(shard: Shard) -> Iterator[Batch]:
    for batch in shard.batches:
        for _ in batch.segments:
            yield batch


def _answer(decoded: _Decoded, outcome: Hypothesis | _Failure, compute_s: float, *, is_split: bool) -> _Answer:
    return _Answer(
        decoded.segment,
        _audio_s(decoded),
        decoded.seconds,
        outcome,
        compute_s,
        is_split,
        level_dbfs=decoded.level_dbfs,
    )


def _audio_s(decoded: _Decoded) -> float:
    return decoded.outcome.duration_s if isinstance(decoded.outcome, Waveform) else 0.0


def _sentence(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _encodable(text: str) -> str:
    """The text with lone surrogates, which no file can hold, replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")
