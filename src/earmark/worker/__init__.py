"""Doing one shard: the only place where audio, recognizer and store meet.

Turns whatever goes wrong with an utterance into a failed row with its reason, so that one bad utterance never ends a
run. What goes wrong with the store (a full disk) is not an utterance's fault, and goes up.
"""

from __future__ import annotations

import gc
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self, cast

from earmark.errors import EarmarkError, OutOfMemoryError, RecognizerError, RecognizerGoneError, sentence_of
from earmark.recognizers import RECOGNIZERS
from earmark.recognizers.base import Preparing, Recognizer, UnansweredError
from earmark.records import Batch, Hypothesis, Probe, Receipt, Shard, StopCheck, Usage, Waveform
from earmark.spec import RunSpec
from earmark.store.folder import Folder, open_folder
from earmark.store.parts import installed_versions, part_name, write_part
from earmark.store.probe import probing
from earmark.worker.ahead import Ahead, Ready
from earmark.worker.answers import Answer, Decoded, Failure, answer_of, broken_contract, row_of
from earmark.worker.contract import broken_usage
from earmark.worker.hearing import in_recorded_time

_VERSIONED = ("earmark", "numpy", "soundfile", "soxr", "pyarrow")
_VERSIONED_IF_LOADED = {
    **{name: name for name in ("pocketsphinx", "torch", "torchaudio", "transformers", "tokenizers", "sentencepiece")},
    **{name: name for name in ("speechbrain", "ctranslate2", "onnxruntime")},
    "faster_whisper": "faster-whisper",
    "nemo": "nemo_toolkit",
}
"""What recognizers are made of: the module, and the package that it is of. What is not loaded had no part in it."""


@dataclass
class _Done:
    """What is done of a shard, and for how long its work waited for audio."""

    batches: list[Batch] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    wait_s: float = 0.0


@dataclass
class Transcription:
    """The work of an evaluation: ``recognizer`` over shards, into the run's ``folder``.

    ``retry`` is the time of a retry of failed work, whose parts stand beside those of the first attempt. Where
    ``num_drivers`` share the run, the workers of the one with the place ``driver``, from 0, have ranks of their own.
    ``key`` is what the folder is called where workers cannot see it. ``device`` is what the one who made it believes: a
    worker asks its recognizer anew, since it may be on another machine.
    """

    recognizer: Recognizer
    spec: RunSpec
    folder: Folder
    attempt: str
    retry: str = ""
    device: str = "cpu"
    driver: int = 0
    num_drivers: int = 1
    key: str = ""
    _ahead: Ahead | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> Self:
        """Load the recognizer. Raises RecognizerError."""
        try:
            self.recognizer.__enter__()
        except EarmarkError:
            raise
        except Exception as error:  # a recognizer may raise anything while it loads
            raise RecognizerError(f"cannot load {self.spec.recognizer.name}", cause=sentence_of(error)) from error
        self.device = getattr(self.recognizer, "device_kind", self.device)
        self._ahead = Ahead(self.recognizer, self.spec)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free the recognizer."""
        if self._ahead is not None:
            self._ahead.close()
        self.recognizer.__exit__(kind, error, trace)

    def __call__(self, shard: Shard, *, rank: int, stop: StopCheck) -> Receipt | None:
        """Transcribe the shard's batches and commit its part; after a stop, those that are done.

        Raises StoreError, and RecognizerGoneError with what was done committed.
        """
        gone: RecognizerGoneError | None = None
        started = time.perf_counter()
        done = _Done()
        try:
            for batch, ready in self._ready(shard.batches, stop, done):
                done.answers += self._batch(ready, is_split=batch.is_split)
                done.batches.append(batch)
        except RecognizerGoneError as error:
            gone = error
        receipt = None
        if done.batches:
            worker_s = time.perf_counter() - started
            shard = Shard(tuple(done.batches))
            receipt = self._commit(shard, done.answers, rank, wait_s=done.wait_s, worker_s=worker_s)
        if gone is not None:
            raise gone
        return receipt

    @property
    def extra(self) -> str | None:
        """See engines.distant.MovableWork: what the recognizer's entry says."""
        module = type(self.recognizer).__module__
        entries = RECOGNIZERS.entries().values()
        return next((one.extra for one in entries if module.startswith(one.target.partition(":")[0])), None)

    def at(self, folder: str) -> Self:
        """See engines.distant.MovableWork."""
        return replace(self, folder=open_folder(folder))

    def part(self, receipt: Receipt) -> bytes:
        """See engines.distant.MovableWork."""
        return self.folder.read(receipt.part)

    def keep(self, receipt: Receipt, part: bytes) -> None:
        """See engines.distant.MovableWork."""
        self.folder.write(receipt.part, part)

    def _ready(self, batches: Sequence[Batch], stop: StopCheck, done: _Done) -> Iterator[tuple[Batch, Ready]]:
        """Each batch when it is ready, until a stop; what the wait for it took is added to what is done."""
        for batch, ready in self._entered.batches(batches):
            if stop():
                return
            waiting = time.perf_counter()
            found = ready()
            done.wait_s += time.perf_counter() - waiting
            yield batch, found

    @property
    def _entered(self) -> Ahead:
        assert self._ahead is not None, "enter the work before calling it"  # noqa: S101  # a programmer's error
        return self._ahead

    def give_up(self, shard: Shard, *, rank: int, reason: str) -> Receipt:
        """Commit the shard's segments as failed, for ``reason``. Raises StoreError."""
        failure = Failure("worker_died", reason)
        answers = [
            Answer(segment, 0.0, 0.0, failure, 0.0, is_split=batch.is_split)
            for batch in shard.batches
            for segment in batch.segments
        ]
        return self._commit(shard, answers, rank, wait_s=0.0, worker_s=0.0, is_given_up=True)

    def probing(self) -> AbstractContextManager[Probe]:
        """A probe in the run's folder. Raises StoreError."""
        return probing(self.folder)

    def _batch(self, ready: Ready, *, is_split: bool) -> list[Answer]:
        """Answers in the order of the batch; what did not decode is answered without troubling the recognizer."""
        halving = self._halving(ready.good, ready.taken(), ready.prepare_s, is_split=is_split)
        answers = {id(one): answer for one, answer in halving}
        for one in ready.decoded:
            if isinstance(one.outcome, Failure):
                answers[id(one)] = answer_of(one, one.outcome, 0.0, is_split=is_split)
        return [answers[id(one)] for one in ready.decoded]

    def _halving(
        self, good: Sequence[Decoded], prepared: object, prepare_s: float, *, is_split: bool
    ) -> Iterator[tuple[Decoded, Answer]]:
        """Transcribe, and where a batch cannot be done, its halves, down to the one utterance that fails.

        ``prepared`` is what was made ready of the whole batch, if anything, in ``prepare_s``.
        """
        pending = [(list(good), is_split)] if good else []
        failed_s = prepare_s  # was time inside the recognizer as well
        while pending:
            piece, was_split = pending.pop()
            outcomes, compute_s = self._try(piece, prepared)
            prepared = None
            if isinstance(outcomes, Failure) and len(piece) > 1:
                # Out of the handler by now, so the traceback no longer holds what the failed batch allocated.
                if outcomes.kind == "out_of_memory":
                    gc.collect()  # a second where much is loaded, which is long where one bad file fails batch by batch
                failed_s += compute_s
                middle = len(piece) // 2
                pending += [(piece[middle:], True), (piece[:middle], True)]
                continue
            texts: Sequence[Hypothesis | Failure] = [outcomes] if isinstance(outcomes, Failure) else outcomes
            compute_s, failed_s = compute_s + failed_s, 0.0  # a try that failed was time inside it as well
            audio_s = sum(one.audio_s for one in piece)
            for one, text in zip(piece, texts, strict=True):
                share = one.audio_s / audio_s if audio_s else 1.0 / len(piece)
                yield one, answer_of(one, text, compute_s * share, is_split=was_split)

    def _try(self, piece: Sequence[Decoded], prepared: object) -> tuple[Sequence[Hypothesis] | Failure, float]:
        waveforms = [one.outcome for one in piece if isinstance(one.outcome, Waveform)]
        started = time.perf_counter()
        outcome: Sequence[Hypothesis] | Failure
        try:
            outcome = self._answers(waveforms, prepared)
            if problem := broken_contract(outcome, len(waveforms)):
                outcome = Failure("recognizer", problem)
            else:
                outcome = [in_recorded_time(one, self.spec.audio) for one in outcome]
        except (OutOfMemoryError, MemoryError) as error:
            outcome = Failure("out_of_memory", sentence_of(error))
        except RecognizerGoneError:
            raise
        except UnansweredError as error:
            outcome = Failure("recognizer", error.what, None if broken_usage(error.usage) else error.usage)
        except EarmarkError as error:
            outcome = Failure("recognizer", error.what)
        except Exception as error:  # noqa: BLE001  # the one place where a recognizer's exception becomes a failed row
            outcome = Failure("recognizer", sentence_of(error))
        return outcome, time.perf_counter() - started

    def _answers(self, waveforms: Sequence[Waveform], prepared: object) -> list[Hypothesis]:
        if prepared is None:
            with self._entered.alone:
                return self.recognizer.transcribe(waveforms)
        return cast(Preparing, self.recognizer).answered(prepared)

    def _commit(
        self,
        shard: Shard,
        answers: Sequence[Answer],
        rank: int,
        *,
        wait_s: float,
        worker_s: float,
        is_given_up: bool = False,
    ) -> Receipt:
        rank = rank * self.num_drivers + self.driver
        rows = [
            row_of(answer, batch.id, rank, self.device)
            for answer, batch in zip(answers, _batch_of_each(shard), strict=True)
        ]
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
            versions=installed_versions(_versioned()),
            usage=sum(used, Usage()) if (used := [row.usage for row in rows if row.usage]) else None,
        )
        write_part(self.folder, rows, receipt)
        return receipt


def _versioned() -> tuple[str, ...]:
    """The packages that the work was done with."""
    loaded = (package for module, package in _VERSIONED_IF_LOADED.items() if module in sys.modules)
    return (*_VERSIONED, *loaded)


def _batch_of_each(shard: Shard) -> Iterator[Batch]:
    for batch in shard.batches:
        for _ in batch.segments:
            yield batch
