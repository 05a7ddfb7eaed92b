"""Doing one shard: the only place where audio, recognizer and store meet.

Turns whatever goes wrong with an utterance into a failed row with its reason, so that one bad utterance never ends a
run. What goes wrong with the store (a full disk) is not an utterance's fault, and goes up.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from earmark.errors import EarmarkError, RecognizerError, RecognizerGoneError, sentence_of
from earmark.recognizers import RECOGNIZERS
from earmark.recognizers.base import Recognizer
from earmark.records import Batch, Probe, Receipt, Shard, StopCheck, Usage
from earmark.spec import RunSpec
from earmark.store.folder import Folder, open_folder
from earmark.store.parts import installed_versions, part_name, write_part
from earmark.store.probe import probing
from earmark.worker.ahead import Ahead, Ready
from earmark.worker.answers import Answer, Failure, row_of
from earmark.worker.asking import Asking

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


@dataclass(frozen=True)
class _Threads:
    """What a recognizer has once it is entered: what is done before it hears a batch, and how it is asked."""

    ahead: Ahead
    asking: Asking


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
    _threads: _Threads | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> Self:
        """Load the recognizer. Raises RecognizerError."""
        try:
            self.recognizer.__enter__()
        except EarmarkError:
            raise
        except Exception as error:  # a recognizer may raise anything while it loads
            raise RecognizerError(f"cannot load {self.spec.recognizer.name}", cause=sentence_of(error)) from error
        self.device = getattr(self.recognizer, "device_kind", self.device)
        ahead = Ahead(self.recognizer, self.spec)
        self._threads = _Threads(ahead, Asking(self.recognizer, self.spec, ahead))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free the recognizer."""
        if self._threads is not None:
            self._threads.ahead.close()
            self._threads.asking.close()
            self._threads = None
        self.recognizer.__exit__(kind, error, trace)

    def __call__(self, shard: Shard, *, rank: int, stop: StopCheck) -> Receipt | None:
        """Transcribe the shard's batches and commit its part; after a stop, those that are done.

        Raises StoreError, and RecognizerGoneError with what was done committed.
        """
        gone: RecognizerGoneError | None = None
        started = time.perf_counter()
        done = _Done()
        try:
            for batch, answers in self._entered.asking.answers(self._ready(shard.batches, stop, done)):
                done.answers += answers
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
        for batch, ready in self._entered.ahead.batches(batches):
            if stop():
                return
            waiting = time.perf_counter()
            found = ready()
            done.wait_s += time.perf_counter() - waiting
            yield batch, found

    @property
    def _entered(self) -> _Threads:
        assert self._threads is not None, "enter the work before calling it"  # noqa: S101  # a programmer's error
        return self._threads

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
