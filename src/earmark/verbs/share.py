"""A share of a run, by hand: one of several drivers, on one machine or many, that do it together in one folder.

Nobody hands work out: each driver does the batches that its selector chooses, whenever it comes. The plan is made by
whoever is first, the summary by whoever finds nothing left when it ends. Knows no engine.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from earmark.errors import UsageError
from earmark.planning.selector import Selector
from earmark.reports.summarize import summarize
from earmark.reports.summary import RunSummary
from earmark.store import layout
from earmark.store.folder import LocalFolder
from earmark.store.lock import Sharing
from earmark.store.reader import done_batches
from earmark.store.run import RunStore
from earmark.verbs.attempt import RunAttempt, export_left
from earmark.verbs.evaluation import Evaluation
from earmark.verbs.events import Observer, ShareEnded, Warned
from earmark.verbs.interrupt import stop_on_signals
from earmark.verbs.prepare import PreparedRun, prepare
from earmark.verbs.requests import keep_requests
from earmark.verbs.run_log import logged
from earmark.verbs.workforce import Workforce

_ENGINES = ("inline", "processes")


def selector_of(
    shard: str | None,
    workforce: Workforce,
    *,
    fresh: bool,
    audit: int | None,
    budget: float | None,
    auto_merge: bool,
    track: Sequence[str],
) -> Selector | None:
    """What ``--shard`` says. Raises UsageError where it is no share, or does not go with what else is asked for."""
    if shard is None:
        return None
    selector = Selector.parse(shard)
    if workforce.name not in _ENGINES:
        problem = f"--shard and --engine {workforce.name} both spread a run over machines"
        raise UsageError(problem, hint="leave --shard out")
    if fresh:
        hint = "remove the folder, or type the line once without --shard"
        raise UsageError("--fresh throws away what the other drivers of a --shard have done", hint=hint)
    if audit is not None:
        raise UsageError("an audit is of a whole run, and --shard is a part of one", hint="earmark audit MODEL DATA")
    if auto_merge:
        raise UsageError("nobody can merge before all of a --shard are done", hint="earmark merge RUN, at the end")
    if track:
        hint = f"earmark track RUN --to {track[0]}, when all are done"
        raise UsageError("a tracker is told of a run by one driver, and a --shard has several", hint=hint)
    if budget is not None:
        raise UsageError("no driver of a --shard knows what the others cost", hint="leave --budget out")
    return selector


@dataclass(frozen=True)
class Share:
    """What one driver does of a run. ``job_id`` is that of ``evaluate``: whoever makes the summary writes its files."""

    selector: Selector
    job_id: str | None

    def evaluate(self, evaluation: Evaluation, store: RunStore) -> RunSummary:
        """Do the share, and what is to be done when it ends. Returns the run's summary as far as the run is.

        It is written to the folder by the driver that finds nothing left. Raises what ``evaluate`` raises.
        """
        name = f"{self.selector.number}-of-{self.selector.num_drivers}"
        with (
            logged(store, f"{Path(layout.LOG).stem}-{name}.log"),
            stop_on_signals(evaluation.stop),
            Sharing(store.folder, name, stop=evaluation.stop, on_wait=_telling(evaluation.observer)) as sharing,
        ):
            with sharing.beginning():
                store.sweep()
                run = _prepared(evaluation, store)
            attempt = RunAttempt(
                run, evaluation.workforce, evaluation.normalizer, evaluation.scorer,
                began=evaluation.began, retry_failed=evaluation.retry_failed, meter=evaluation.meter,
                observer=evaluation.observer, selector=self.selector,
            )  # fmt: skip
            attempt.transcribe(evaluation.recognizer, evaluation.stop)
            with sharing.ending() as is_last:
                return self._ended(evaluation, run, is_last=is_last, sees_others=sharing.sees_others)

    def _ended(self, evaluation: Evaluation, run: PreparedRun, *, is_last: bool, sees_others: bool) -> RunSummary:
        store, normalizer, scorer = run.store, evaluation.normalizer, evaluation.scorer
        num_left = _num_left(run)
        if num_left == 0 and is_last:
            if sees_others:  # else another may be about to export the same mistakes
                export_left(run, normalizer, scorer)
            summary = summarize(store, run.spec, normalizer, scorer)
            keep_requests(store, run.spec, evaluation.workforce, self.job_id)
            return summary
        evaluation.observer(ShareEnded(out=store.url, num_segments=len(run.plan), num_segments_left=num_left))
        with tempfile.TemporaryDirectory(prefix="earmark-") as elsewhere:
            return summarize(store, run.spec, normalizer, scorer, into=RunStore(LocalFolder(Path(elsewhere))))


def _telling(observer: Observer) -> Callable[[str], None]:
    def tell(holder: str) -> None:
        observer(Warned(sentence=f"{holder} begins or ends its share of the run, and this one waits for it"))

    return tell


def _prepared(evaluation: Evaluation, store: RunStore) -> PreparedRun:
    batching, stored = evaluation.batching, store.spec()
    if stored is not None and not evaluation.is_batching_said:
        # Nothing is measured or remembered here: two machines would find two budgets.
        batching = dataclasses.replace(batching, max_batch_s=stored.batching.max_batch_s)
    return prepare(
        store, evaluation.recognizer, evaluation.source, evaluation.utterances, batching, evaluation.segmentation,
        evaluation.audio, asked=evaluation.asked, stop=evaluation.stop, observer=evaluation.observer, is_shared=True,
    )  # fmt: skip


def _num_left(run: PreparedRun) -> int:
    """How many segments of the whole run have no row yet."""
    done = done_batches(run.store.folder, run.plan, run.store.progress(run.spec))
    return int(np.count_nonzero(~done[run.plan["batch"].to_numpy()]))
