"""One go at what is left of a run: its engine works, its parts are scored as they come, and what it did is kept.

Knows nothing of how the run was made (``prepare``), nor of its final numbers (``reports.summarize``).
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from datetime import UTC, datetime

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark.errors import InterruptedRunError, StoreError
from earmark.planning.plan import shards
from earmark.planning.selector import Selector
from earmark.recognizers import Recognizer
from earmark.records import Receipt, StopCheck
from earmark.reports.live import LiveScores
from earmark.reports.mistakes import MistakesExport
from earmark.reports.speed import Attempt, attempts
from earmark.reports.summary import RunSummary
from earmark.scoring.levenshtein import LEVENSHTEIN
from earmark.scoring.scorer import Scorer
from earmark.store import layout
from earmark.store.reader import done_batches
from earmark.text.base import Normalizer
from earmark.verbs.busy import BusyDevices
from earmark.verbs.curve import Curve
from earmark.verbs.elsewhere import bring_back, key_of
from earmark.verbs.events import ModelLoading, Observer, RunBegan, RunProgressed
from earmark.verbs.metering import Meter
from earmark.verbs.prepare import PreparedRun
from earmark.verbs.run_log import log
from earmark.verbs.workforce import Workforce
from earmark.worker import Transcription


class RunAttempt:
    """One go at what is left of a run: counts how far it is, and tells the observer."""

    def __init__(
        self,
        run: PreparedRun,
        workforce: Workforce,
        normalizer: Normalizer,
        scorer: Scorer,
        *,
        began: float,
        retry_failed: bool,
        meter: Meter,
        observer: Observer,
        selector: Selector | None = None,
    ) -> None:
        self._run = run
        self._selector = selector
        self._plan = run.plan if selector is None else selector.rows(run.plan)
        self._meter = meter
        self._busy = BusyDevices()
        self._workforce = workforce
        self._began = began
        self._started = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        self._observer = observer
        self._retry = self._started if retry_failed else ""
        bring_back(run.store, workforce)
        self._before = run.store.progress(run.spec)
        self._done = done_batches(run.store.folder, run.plan, self._before, retry_failed=retry_failed)
        num_ranks = workforce.num_workers * (selector.num_drivers if selector else 1)
        self._live = _live_scores(run, normalizer, scorer, num_ranks)
        is_done = self._done[self._plan["batch"].to_numpy()]
        self._num_done = int(np.count_nonzero(is_done))
        self._num_utterances_before = _num_whole(self._plan["index"].to_numpy(), is_done)
        self._curve = Curve()
        self._left_s = float(np.sum(self._plan["duration_s"].to_numpy()[~is_done]))
        self._audio_s = 0.0
        self._num_rows = 0
        self._parts: set[str] = set()
        self._has_repeated = False

    def transcribe(self, recognizer: Recognizer, stop: StopCheck) -> None:
        """Do what is left. Raises InterruptedRunError and BudgetReachedError; what was done is committed."""
        run = self._run
        self._catch_up()
        self._tell_began()
        if self._num_done < len(self._plan):
            self._observer(ModelLoading(model=run.spec.recognizer.place or run.spec.recognizer.name))
        device = getattr(recognizer, "device_kind", "cpu")
        work = Transcription(
            recognizer, run.spec, run.store.folder, run.attempt, retry=self._retry, device=device,
            key=key_of(run.store, self._workforce), **self._ranks(),
        )  # fmt: skip
        queue = shards(run.utterances, self._plan, run.audio_root, self._done, num_workers=self._workforce.num_workers)
        outcome = "failed"
        self._meter.go_on(self._before.receipts, attempts(run.store))
        self._meter.begin()
        stop = self._meter.stopping(stop)
        try:
            for receipt in self._workforce.engine.run(work, self._meter.counted(queue), stop=stop):
                if not self._is_first(receipt):
                    continue
                self._live.take(receipt)
                self._meter.take(receipt)
                self._busy.take(receipt)
                self._num_rows += receipt.num_rows
                self._num_done += receipt.num_rows
                self._audio_s += receipt.audio_s
                self._tell_progress()
            outcome = "interrupted" if self._num_done < len(self._plan) and stop() else "finished"
        except BaseException:
            with contextlib.suppress(StoreError):  # a full disk, say, which the error on its way says already
                self._live.finish()
                self._save(outcome)
            raise
        self._live.finish()
        self._save(outcome)
        if outcome == "interrupted" and self._meter.has_ended_it:
            raise self._meter.reached(self._num_done, len(self._plan))
        if outcome == "interrupted":
            raise InterruptedRunError(self._num_done, len(self._plan))

    def _ranks(self) -> dict[str, int]:
        """What tells the ranks of drivers that share the run from each other."""
        if self._selector is None:
            return {}
        return {"driver": self._selector.number - 1, "num_drivers": self._selector.num_drivers}

    def _catch_up(self) -> None:
        """Export what earlier attempts left; of the other drivers' utterances nothing, which they may be about to."""
        run, selector = self._run, self._selector
        is_own = None if selector is None else selector.whole_utterances(run.plan, len(run.utterances))
        self._live.catch_up(self._before.receipts, run.plan, is_own)

    def _is_first(self, receipt: Receipt) -> bool:
        """Whether nobody gave a receipt of this part before: an engine may have a shard done twice."""
        is_first = receipt.part not in self._parts
        self._parts.add(receipt.part)
        self._has_repeated |= not is_first
        return is_first

    def check(self, summary: RunSummary) -> None:
        """Raise AssertionError where one attempt did the whole run and its live counts are not the summary's.

        Where work was done twice nothing is asserted: which of two answers counts is the store's to say.
        """
        is_whole = not self._before.receipts and not summary.num_damaged_parts and not self._is_doubled()
        if is_whole and self._live.counts != summary.counts:
            raise AssertionError(f"live counts {self._live.counts} are not those of the summary, {summary.counts}")

    def _is_doubled(self) -> bool:
        """Whether something was done twice, as far as receipts and parts tell."""
        return self._has_repeated or set(self._run.store.folder.names(layout.PARTS)) != self._parts

    def _tell_began(self) -> None:
        run, before = self._run, self._before
        for part in before.damaged:
            log.warning("damaged part %s counts as not done: %s", part.name, part.problem)
        log.info("attempt %s: %d of %d segments are done", run.attempt, self._num_done, len(self._plan))
        self._observer(
            RunBegan(
                out=run.store.url,
                model=run.spec.recognizer.name,
                model_version=run.spec.recognizer.version,
                model_place=run.spec.recognizer.place,
                model_architecture=run.spec.recognizer.architecture,
                data=run.spec.data.name,
                num_utterances=len(run.utterances),
                audio_s=float(pc.sum(run.utterances["duration_s"]).as_py() or 0.0),
                num_segments=len(self._plan),
                num_segments_done=self._num_done,
                engine=self._workforce.name,
                num_workers=self._workforce.num_workers,
                num_references=len(run.utterances) - run.utterances["reference"].null_count,
                num_changed_audio=run.num_changed_audio,
                damaged_parts=tuple(part.name for part in before.damaged),
            )
        )

    def _tell_progress(self) -> None:
        event = RunProgressed(
            num_segments=len(self._plan),
            num_segments_done=self._num_done,
            num_utterances_done=self._num_utterances_before + self._live.num_done,
            num_failed=self._live.num_failed,
            remaining_audio_s=max(0.0, self._left_s - self._audio_s),
            audio_s=self._audio_s,
            elapsed_s=time.monotonic() - self._began,
            unix_ms=round(time.time() * 1000),
            wer=self._live.counts.wer,
            busy=self._busy.shares(),
        )
        self._curve.take(event)
        self._observer(event)

    def _save(self, outcome: str) -> None:
        self._meter.end()
        price = self._meter.call_price
        log.info("attempt %s: %s, %d rows", self._run.attempt, outcome, self._num_rows)
        Attempt(
            attempt=self._run.attempt,
            started=self._started,
            wall_s=time.monotonic() - self._began,
            audio_s=self._audio_s,
            num_rows=self._num_rows,
            engine=self._workforce.name,
            num_workers=self._workforce.num_workers,
            outcome=outcome,
            price=dataclasses.asdict(price) if price else None,
            progress=self._curve.points(),
            **self._meter.facts(),
        ).save(self._run.store)


def _num_whole(index: NDArray[np.int64], is_done: NDArray[np.bool_]) -> int:
    """How many utterances have all their segments done; ``index`` is the utterance of each segment."""
    return len(np.unique(index)) - len(np.unique(index[~is_done]))


def export_left(run: PreparedRun, normalizer: Normalizer, scorer: Scorer) -> None:
    """Export the mistakes that no file covers, of a run at which nobody else is at work. Raises StoreError."""
    live = _live_scores(run, normalizer, scorer, num_ranks=2)  # several drivers have ranks in the names of their files
    live.catch_up(run.store.progress(run.spec).receipts, run.plan)
    live.finish()


def _live_scores(run: PreparedRun, normalizer: Normalizer, scorer: Scorer, num_ranks: int) -> LiveScores:
    export = MistakesExport(
        run.store.folder,
        run8=run.spec.fingerprint()[:8],
        num_ranks=num_ranks,
        normalizer=_rules(normalizer, scorer),
    )
    return LiveScores(run.store.folder, run.utterances, normalizer, export, scorer)


def _rules(normalizer: Normalizer, scorer: Scorer) -> str:
    """What the mistakes files are of: other rules make other mistakes, so their files are made anew."""
    if scorer.identity == LEVENSHTEIN.identity:
        return normalizer.content_hash
    return f"{normalizer.content_hash}+{scorer.identity.hash}"
