"""A run as a whole, by one driver: its folder is held, its batches settled, its rest done, its numbers made."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from earmark.reports.summarize import summarize
from earmark.reports.summary import RunSummary
from earmark.sources.base import DistantSource
from earmark.spec import BatchingSpec
from earmark.store import layout
from earmark.store.run import RunStore
from earmark.verbs.attempt import RunAttempt
from earmark.verbs.audit import audit_once
from earmark.verbs.budget import settled_batching
from earmark.verbs.evaluation import Evaluation
from earmark.verbs.events import Observer
from earmark.verbs.interrupt import StopRequest, stop_on_signals
from earmark.verbs.learning import learned_batching
from earmark.verbs.merge import merge_run
from earmark.verbs.prepare import PreparedRun, prepare
from earmark.verbs.ranks import with_ranks
from earmark.verbs.requests import keep_requests
from earmark.verbs.run_log import logged
from earmark.verbs.throughput import keep_throughput
from earmark.verbs.tracking import tracked


@dataclass(frozen=True, kw_only=True)
class Whole:
    """What is asked of a run beside its evaluation: the arguments of ``evaluate`` of these names."""

    fresh: bool
    audit: int | None
    seed: int | None
    track: Sequence[str]
    track_texts: bool
    auto_merge: bool
    cleanup: bool
    job_id: str | None

    def evaluate(self, evaluation: Evaluation, store: RunStore) -> RunSummary:
        """Do what is left of the run in ``store``, and summarize it. Raises what ``evaluate`` raises."""
        with (
            _held(store, evaluation.stop, fresh=self.fresh),
            tracked(store, self.track, evaluation.observer, texts=self.track_texts) as observer,
        ):
            evaluation.meter.check(store)
            aside = _Aside()
            run = self._prepared(evaluation, store, aside)
            return self._done(evaluation, run, observer, began=evaluation.began + aside.seconds)

    def _prepared(self, evaluation: Evaluation, store: RunStore, aside: _Aside) -> PreparedRun:
        with aside:
            batching = _batching(evaluation, store)
        run = prepare(
            store, evaluation.recognizer, evaluation.source, evaluation.utterances, batching, evaluation.segmentation,
            evaluation.audio, asked=evaluation.asked, stop=evaluation.stop, observer=evaluation.observer,
        )  # fmt: skip
        if self.audit is not None:
            with aside:
                audit_once(
                    run, evaluation.recognizer, evaluation.workforce.alone(), evaluation.normalizer,
                    sample=self.audit, seed=self.seed, stop=evaluation.stop, observer=evaluation.observer,
                )  # fmt: skip
        return run

    def _done(self, evaluation: Evaluation, run: PreparedRun, observer: Observer, *, began: float) -> RunSummary:
        store, workforce = run.store, evaluation.workforce
        attempt = RunAttempt(
            run, workforce, evaluation.normalizer, evaluation.scorer,
            began=began, retry_failed=evaluation.retry_failed, meter=evaluation.meter, observer=observer,
        )  # fmt: skip
        try:
            attempt.transcribe(evaluation.recognizer, evaluation.stop)
        finally:  # a run that was stopped was as fast as it was
            keep_throughput(evaluation.recognizer, run.spec, evaluation.meter, evaluation.cache)
        summary = summarize(store, run.spec, evaluation.normalizer, evaluation.scorer)
        attempt.check(summary)
        if self.auto_merge and store.folder.names(layout.MISTAKES):
            merge_run(store.folder, cleanup=self.cleanup)
        keep_requests(store, run.spec, workforce, self.job_id)
        return with_ranks(store, run.spec, summary, workforce)


class _Aside:
    """Adds up what is done beside a run, to measure or to try: its wall time is of the run alone."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began_s = 0.0

    def __enter__(self) -> None:
        self._began_s = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.monotonic() - self._began_s


def _batching(evaluation: Evaluation, store: RunStore) -> BatchingSpec:
    """What was asked for, what the run began with, what is known of the workers' machine, or found out now."""
    declared = evaluation.batching
    if evaluation.is_batching_said:
        return declared
    settled = settled_batching(declared, evaluation.recognizer, store.spec(), evaluation.cache, evaluation.workforce)
    if settled is not None or isinstance(evaluation.source, DistantSource):  # nothing of that can be tried here
        return settled or declared
    return learned_batching(
        declared, evaluation.recognizer, evaluation.utterances, evaluation.source.root,
        worker=evaluation.workforce.alone(), cache=evaluation.cache, stop=evaluation.stop,
        observer=evaluation.observer,
    )  # fmt: skip


@contextmanager
def _held(store: RunStore, stop: StopRequest, *, fresh: bool) -> Iterator[None]:
    """The run's folder is ours for the length of the block, swept, and empty if ``fresh``. Raises RunLockedError."""
    with store.locked(), logged(store), stop_on_signals(stop):
        if fresh:
            store.clear()
        store.sweep()
        yield
