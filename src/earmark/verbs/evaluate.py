"""``evaluate``: transcribe, score and summarize, or go on where an earlier attempt stopped."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np
import pyarrow.compute as pc

from earmark.engines import ENGINES
from earmark.errors import InterruptedRunError, UsageError
from earmark.planning.index import MissingAudio
from earmark.planning.plan import shards
from earmark.recognizers import Recognizer, load_recognizer
from earmark.records import Engine
from earmark.reports.live import LiveScores
from earmark.reports.mistakes import MistakesExport
from earmark.reports.summary import Attempt, RunSummary, summarize
from earmark.sources import open_source
from earmark.sources.base import Source
from earmark.spec import DEFAULT_MAX_BATCH_S, BatchingSpec, OptionValue
from earmark.store import layout
from earmark.store.folder import LocalFolder
from earmark.store.reader import done_batches
from earmark.store.run import RunStore
from earmark.text import load_normalizer
from earmark.text.base import Normalizer
from earmark.verbs.events import Observer, RunBegan, RunProgressed, StopAsked, nobody
from earmark.verbs.interrupt import StopRequest, stop_on_signals
from earmark.verbs.merge import merge_run
from earmark.verbs.prepare import PreparedRun, default_out, indexed, prepare
from earmark.worker import Transcription

EngineName = Literal["auto", "inline", "processes"]

_log = logging.getLogger("earmark")


def evaluate(
    model: str | Recognizer,
    data: str | os.PathLike[str] | Source,
    *,
    out: str | os.PathLike[str] | None = None,
    normalizer: str = "basic",
    options: Mapping[str, OptionValue] | None = None,
    engine: EngineName = "auto",
    workers: int = 1,
    audio_root: str | None = None,
    text_column: str | None = None,
    channel: int | None = None,
    language: str | None = None,
    limit: str | int | None = None,
    seed: int | None = None,
    missing_audio: MissingAudio = "error",
    max_batch_s: float = DEFAULT_MAX_BATCH_S,
    batch_size: int | None = None,
    retry_failed: bool = False,
    fresh: bool = False,
    auto_merge: bool = False,
    cleanup: bool = False,
    observer: Observer = nobody,
    began: float | None = None,
) -> RunSummary:
    """Transcribe ``data`` with ``model``, score it, and keep everything in the folder ``out``.

    Called again with the same arguments it does what is left, and nothing where nothing is left. ``model`` is a
    recognizer's name or an object with earmark's Recognizer contract; ``data`` is what ``earmark.open_source`` takes,
    or a Source. ``workers`` is the number of processes (with more than one, call this under
    ``if __name__ == "__main__":``, since they are spawned). ``out`` defaults to a folder under ``runs/`` that is named
    after the model, the data and what can change the answer. ``began`` is the ``time.monotonic()`` that the wall time
    counts from (now).

    Returns the summary, which is also in ``out``. Failed utterances do not raise: see ``RunSummary.num_failed``.

    Raises UsageError (and its kinds) before anything is begun, RunLockedError if the folder is in use, StoreError when
    results cannot be written, EngineError, InterruptedRunError after Ctrl-C or SIGTERM.
    """
    began = time.monotonic() if began is None else began
    out = os.fspath(out) if out is not None else None
    for_sources = (audio_root, text_column, channel, language, limit, seed)
    _check_arguments(model, data, options, for_sources, cleanup=cleanup, auto_merge=auto_merge)
    if seed is not None and limit is None:
        raise UsageError("--seed chooses a random sample, and nothing says of what size", hint="--limit 5% --seed 0")
    if channel is not None and channel < 0:
        raise UsageError(f"--channel {channel} is no channel", hint="--channel 0 is the first one")
    recognizer = load_recognizer(model, options) if isinstance(model, str) else model
    if isinstance(data, str | os.PathLike):
        data = open_source(
            os.fspath(data),
            audio_root=audio_root,
            text_column=text_column,
            channel=channel,
            language=language,
            limit=str(limit) if limit is not None else None,
            seed=seed,
        )
    rules = load_normalizer(normalizer)
    batching = BatchingSpec(max_batch_s=max_batch_s, max_batch_size=batch_size)
    workforce = _Workforce.of(engine, workers)
    stop = StopRequest(lambda: observer(StopAsked()))
    # Before the lock, so that data which cannot be used leave no folder behind.
    kept = RunStore.at(out) if out and not fresh else None
    utterances = indexed(kept, data, missing_audio=missing_audio)
    store = RunStore.at(out or default_out(recognizer, data, utterances, batching))
    with ExitStack() as stack:
        stack.enter_context(store.locked())
        stack.enter_context(_logged(store))
        stack.enter_context(stop_on_signals(stop))
        if fresh:
            store.clear()
        store.sweep()
        run = prepare(store, recognizer, data, utterances, batching)
        attempt = _Attempt(run, workforce, rules, began=began, retry_failed=retry_failed, observer=observer)
        attempt.transcribe(recognizer, stop)
        summary = summarize(store, run.spec, rules)
        attempt.check(summary)
        if auto_merge and store.folder.names(layout.MISTAKES):
            merge_run(store.folder, cleanup=cleanup)
    return summary


def _check_arguments(
    model: object,
    data: object,
    options: Mapping[str, OptionValue] | None,
    for_sources: Sequence[object],
    *,
    cleanup: bool,
    auto_merge: bool,
) -> None:
    if not isinstance(model, str) and (isinstance(model, type) or not hasattr(model, "spec")):
        raise UsageError(f"model is a recognizer's name or a recognizer, not {model!r}", hint="earmark ls models")
    if not isinstance(data, str | os.PathLike) and not hasattr(data, "utterances"):
        raise UsageError(f"data are a path, a name or a Source, not {type(data).__name__}")
    if not isinstance(model, str) and options:
        raise UsageError("options are for a recognizer's name; this one is made already", hint="give it its options")
    if hasattr(data, "utterances") and any(value is not None for value in for_sources):
        raise UsageError("limit, seed, channel and the like choose from a path; a Source is chosen from already")
    if cleanup and not auto_merge:
        raise UsageError("--cleanup removes what was merged, and nothing is merged", hint="--auto-merge --cleanup")


@dataclass(frozen=True, slots=True)
class _Workforce:
    """An engine, what it is called, and its number of workers."""

    engine: Engine
    name: str
    num_workers: int

    @classmethod
    def of(cls, name: EngineName, num_workers: int) -> _Workforce:
        chosen = ("inline" if num_workers == 1 else "processes") if name == "auto" else name
        return cls(ENGINES.load(chosen)(num_workers), chosen, num_workers)


class _RunLog(logging.FileHandler):
    """A log that is silent where the disk is full: it must not hide the error that it should record."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the name is logging's
        del record


@contextlib.contextmanager
def _logged(store: RunStore) -> Iterator[None]:
    """Keep what is logged within the block, and an error's traceback, in the log of a run on a local disk."""
    if not isinstance(store.folder, LocalFolder):
        yield
        return
    handler = _RunLog(store.folder.path / layout.LOG, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    try:
        yield
    except BaseException:
        _log.exception("the run ends with an error")
        raise
    finally:
        _log.removeHandler(handler)
        with contextlib.suppress(OSError):  # a full disk, which the run's own error says
            handler.close()


class _Attempt:
    """One go at what is left of a run: counts how far it is, and tells the observer."""

    def __init__(
        self,
        run: PreparedRun,
        workforce: _Workforce,
        normalizer: Normalizer,
        *,
        began: float,
        retry_failed: bool,
        observer: Observer,
    ) -> None:
        self._run = run
        self._workforce = workforce
        self._began = began
        self._started = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        self._observer = observer
        self._retry = self._started if retry_failed else ""
        self._before = run.store.progress(run.spec)
        self._done = done_batches(run.store.folder, run.plan, self._before, retry_failed=retry_failed)
        export = MistakesExport(
            run.store.folder,
            run8=run.spec.fingerprint()[:8],
            num_ranks=workforce.num_workers,
            normalizer=normalizer.content_hash,
        )
        self._live = LiveScores(run.store.folder, run.utterances, normalizer, export)
        is_done = self._done[run.plan["batch"].to_numpy()]
        self._num_done = int(np.count_nonzero(is_done))
        self._left_s = float(np.sum(run.plan["duration_s"].to_numpy()[~is_done]))
        self._audio_s = 0.0
        self._num_rows = 0

    def transcribe(self, recognizer: Recognizer, stop: StopRequest) -> None:
        """Do what is left of the plan. Raises InterruptedRunError, with all that was done committed."""
        run = self._run
        self._live.catch_up(self._before.receipts, run.plan)
        self._tell_began()
        work = Transcription(recognizer, run.spec, run.store.folder, run.attempt, retry=self._retry)
        queue = shards(run.utterances, run.plan, run.audio_root, self._done, num_workers=self._workforce.num_workers)
        outcome = "failed"
        try:
            for receipt in self._workforce.engine.run(work, queue, stop=stop):
                self._live.take(receipt)
                self._num_rows += receipt.num_rows
                self._num_done += receipt.num_rows
                self._audio_s += receipt.audio_s
                self._tell_progress()
            outcome = "interrupted" if stop() and self._num_done < len(run.plan) else "finished"
        finally:
            self._live.finish()
            self._save(outcome)
        if outcome == "interrupted":
            raise InterruptedRunError(self._num_done, len(run.plan))

    def check(self, summary: RunSummary) -> None:
        """Raise AssertionError where one attempt did the whole run and its live counts are not the summary's."""
        is_whole = not self._before.receipts and not summary.num_damaged_parts
        if is_whole and self._live.counts != summary.counts:
            raise AssertionError(f"live counts {self._live.counts} are not those of the summary, {summary.counts}")

    def _tell_began(self) -> None:
        run, before = self._run, self._before
        for part in before.damaged:
            _log.warning("damaged part %s counts as not done: %s", part.name, part.problem)
        _log.info("attempt %s: %d of %d segments are done", run.attempt, self._num_done, len(run.plan))
        self._observer(
            RunBegan(
                out=run.store.url,
                model=run.spec.recognizer.name,
                model_version=run.spec.recognizer.version,
                data=run.spec.data.name,
                num_utterances=len(run.utterances),
                audio_s=float(pc.sum(run.utterances["duration_s"]).as_py() or 0.0),
                num_segments=len(run.plan),
                num_segments_done=self._num_done,
                engine=self._workforce.name,
                num_workers=self._workforce.num_workers,
                num_references=len(run.utterances) - run.utterances["reference"].null_count,
                num_changed_audio=run.num_changed_audio,
                damaged_parts=tuple(part.name for part in before.damaged),
            )
        )

    def _tell_progress(self) -> None:
        self._observer(
            RunProgressed(
                num_segments=len(self._run.plan),
                num_segments_done=self._num_done,
                num_failed=self._live.num_failed,
                remaining_audio_s=max(0.0, self._left_s - self._audio_s),
                audio_s=self._audio_s,
                elapsed_s=time.monotonic() - self._began,
                wer=self._live.counts.wer,
            )
        )

    def _save(self, outcome: str) -> None:
        _log.info("attempt %s: %s, %d rows", self._run.attempt, outcome, self._num_rows)
        Attempt(
            attempt=self._run.attempt,
            started=self._started,
            wall_s=time.monotonic() - self._began,
            audio_s=self._audio_s,
            num_rows=self._num_rows,
            engine=self._workforce.name,
            num_workers=self._workforce.num_workers,
            outcome=outcome,
        ).save(self._run.store)
