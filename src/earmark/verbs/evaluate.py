"""``evaluate``: transcribe, score and summarize, or go on where an earlier attempt stopped."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from earmark.errors import UsageError
from earmark.planning.index import MissingAudio
from earmark.planning.segmenting import segmentation_of
from earmark.recognizers import Recognizer
from earmark.reports.summarize import summarize
from earmark.reports.summary import RunSummary
from earmark.scoring import DEFAULT_SCORER, load_scorer
from earmark.sources.base import Source
from earmark.spec import OptionValue, SegmenterName
from earmark.store import layout
from earmark.store.run import RunStore
from earmark.text import load_normalizer
from earmark.verbs.attempt import RunAttempt
from earmark.verbs.audit import audit_once, check_sample
from earmark.verbs.budget import declared_batching, settled_batching
from earmark.verbs.events import Observer, StopAsked, nobody
from earmark.verbs.inputs import check_seed, fetch_options, recognizer_of, source_of, tell_language, tell_loss
from earmark.verbs.interrupt import StopRequest, stop_on_signals
from earmark.verbs.learning import learned_batching
from earmark.verbs.merge import merge_run
from earmark.verbs.prepare import default_out, indexed, prepare
from earmark.verbs.run_log import logged
from earmark.verbs.segments import check_fits
from earmark.verbs.workforce import EngineName, Workforce


def evaluate(
    model: str | Recognizer,
    data: str | os.PathLike[str] | Source,
    *,
    out: str | os.PathLike[str] | None = None,
    normalizer: str = "basic",
    scorer: str = DEFAULT_SCORER,
    options: Mapping[str, OptionValue] | None = None,
    trust: bool = False,
    gpu_memory_limit: float | None = None,
    engine: EngineName = "auto",
    workers: int = 1,
    audio_root: str | None = None,
    text_column: str | None = None,
    channel: int | None = None,
    language: str | None = None,
    limit: str | int | None = None,
    seed: int | None = None,
    missing_audio: MissingAudio = "error",
    max_batch_s: float | None = None,
    batch_size: int | None = None,
    segmenter: SegmenterName = "energy",
    audit: int | None = None,
    offline: bool = False,
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
    after the model, the data and what can change the answer. ``trust`` lets code run that the model brings, and
    ``gpu_memory_limit`` is the share of a GPU's memory for each worker. ``max_batch_s`` of padded audio meet in a
    batch (None: what the run began with, else what is fastest as far as this machine knows). ``segmenter`` cuts audio
    that is longer than the model takes: ``energy``, ``vad`` (long silences are left out) or ``none`` (it fails).
    ``audit`` is the size of a sample that is audited before the run, as ``earmark.audit`` does; an answer that is
    kept stands for the same draw. ``offline`` fetches nothing: of what is not on this machine, what is kept of it is
    used. ``began`` is the ``time.monotonic()`` that the wall time counts from (now).

    Returns the summary, which is also in ``out``. Failed utterances do not raise: see ``RunSummary.num_failed``.

    Raises UsageError (and its kinds) before anything is begun, RunLockedError if the folder is in use, StoreError when
    results cannot be written, EngineError, InterruptedRunError after Ctrl-C or SIGTERM.
    """
    began = time.monotonic() if began is None else began
    _check_together(auto_merge=auto_merge, cleanup=cleanup, limit=limit, seed=seed, audit=audit)
    fetching = fetch_options(observer, offline=offline)
    recognizer = recognizer_of(
        model, options, fetching=fetching, trust=trust, gpu_memory_limit=gpu_memory_limit, observer=observer
    )
    data = source_of(
        data,
        audio_root=audio_root,
        text_column=text_column,
        channel=channel,
        language=language,
        limit=limit,
        seed=seed,
        fetching=fetching,
    )
    tell_loss(data, observer)
    rules = load_normalizer(normalizer)
    counting = load_scorer(scorer)
    workforce = Workforce.of(engine, workers)
    stop = StopRequest(lambda: observer(StopAsked()))
    # Before the lock, so that data which cannot be used leave no folder behind.
    out = os.fspath(out) if out is not None else None
    kept = RunStore.at(out) if out and not fresh else None
    utterances = indexed(kept, data, missing_audio=missing_audio)
    _ = recognizer.spec  # where its files are elsewhere, they are fetched now: before the lock, too
    tell_language(model, options, language, recognizer, observer)
    batching = declared_batching(recognizer, max_batch_s, batch_size)
    segmentation = segmentation_of(segmenter, recognizer.spec)
    check_fits(utterances, recognizer.spec, segmentation)
    store = RunStore.at(out or default_out(recognizer, data, utterances, batching, segmentation))
    with _held(store, stop, fresh=fresh):
        if max_batch_s is None:
            settled = settled_batching(batching, recognizer, store.spec(), fetching.folder)
            measuring_began = time.monotonic()
            batching = settled or learned_batching(
                batching, recognizer, utterances, data.root,
                engine=engine, cache=fetching.folder, stop=stop, observer=observer,
            )  # fmt: skip
            began += time.monotonic() - measuring_began  # the attempt's wall time is of the run alone
        run = prepare(store, recognizer, data, utterances, batching, segmentation, stop=stop, observer=observer)
        if audit is not None:
            audit_began = time.monotonic()
            audit_once(run, recognizer, engine, rules, sample=audit, seed=seed, stop=stop, observer=observer)
            began += time.monotonic() - audit_began  # the attempt's wall time is of the run alone
        attempt = RunAttempt(run, workforce, rules, counting, began=began, retry_failed=retry_failed, observer=observer)
        attempt.transcribe(recognizer, stop)
        summary = summarize(store, run.spec, rules, counting)
        attempt.check(summary)
        if auto_merge and store.folder.names(layout.MISTAKES):
            merge_run(store.folder, cleanup=cleanup)
    return summary


def _check_together(
    *, auto_merge: bool, cleanup: bool, limit: str | int | None, seed: int | None, audit: int | None
) -> None:
    """Raise UsageError for arguments that mean nothing without another."""
    if cleanup and not auto_merge:
        raise UsageError("--cleanup removes what was merged, and nothing is merged", hint="--auto-merge --cleanup")
    if audit is None:
        check_seed(seed, limit)
    check_sample(audit)


@contextmanager
def _held(store: RunStore, stop: StopRequest, *, fresh: bool) -> Iterator[None]:
    """The run's folder is ours for the length of the block, swept, and empty if ``fresh``. Raises RunLockedError."""
    with store.locked(), logged(store), stop_on_signals(stop):
        if fresh:
            store.clear()
        store.sweep()
        yield
