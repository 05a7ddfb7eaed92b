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

from earmark.errors import InterruptedRunError, StoreError
from earmark.planning.plan import shards
from earmark.recognizers import Recognizer
from earmark.records import Price
from earmark.reports.live import LiveScores
from earmark.reports.mistakes import MistakesExport
from earmark.reports.speed import Attempt
from earmark.reports.summary import RunSummary
from earmark.scoring.levenshtein import LEVENSHTEIN
from earmark.scoring.scorer import Scorer
from earmark.store.reader import done_batches
from earmark.text.base import Normalizer
from earmark.verbs.events import ModelLoading, Observer, RunBegan, RunProgressed
from earmark.verbs.interrupt import StopRequest
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
            normalizer=_rules(normalizer, scorer),
        )
        self._live = LiveScores(run.store.folder, run.utterances, normalizer, export, scorer)
        is_done = self._done[run.plan["batch"].to_numpy()]
        self._num_done = int(np.count_nonzero(is_done))
        self._left_s = float(np.sum(run.plan["duration_s"].to_numpy()[~is_done]))
        self._audio_s = 0.0
        self._num_rows = 0
        self._price: Price | None = None

    def transcribe(self, recognizer: Recognizer, stop: StopRequest) -> None:
        """Do what is left of the plan. Raises InterruptedRunError, with all that was done committed."""
        run = self._run
        self._live.catch_up(self._before.receipts, run.plan)
        self._tell_began()
        if self._num_done < len(run.plan):
            self._observer(ModelLoading(model=run.spec.recognizer.place or run.spec.recognizer.name))
        device = getattr(recognizer, "device_kind", "cpu")
        price = getattr(recognizer, "price", None)
        self._price = price if isinstance(price, Price) else None  # of somebody's own recognizer it may be anything
        work = Transcription(recognizer, run.spec, run.store.folder, run.attempt, retry=self._retry, device=device)
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
        except BaseException:
            with contextlib.suppress(StoreError):  # a full disk, say, which the error on its way says already
                self._live.finish()
                self._save(outcome)
            raise
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
            log.warning("damaged part %s counts as not done: %s", part.name, part.problem)
        log.info("attempt %s: %d of %d segments are done", run.attempt, self._num_done, len(run.plan))
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
            price=dataclasses.asdict(self._price) if self._price else None,
        ).save(self._run.store)


def _rules(normalizer: Normalizer, scorer: Scorer) -> str:
    """What the mistakes files are of: other rules make other mistakes, so their files are made anew."""
    if scorer.identity == LEVENSHTEIN.identity:
        return normalizer.content_hash
    return f"{normalizer.content_hash}+{scorer.identity.hash}"
