"""One go at what is left of a staged set: its engine works, then its table is written, and then that it is complete.

Knows nothing of how the set was begun, nor whether the folder may take it (``stage`` and ``stage_target``).
"""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark.audio.encode import AudioFormat
from earmark.errors import InterruptedRunError, without_secret
from earmark.formats import staged
from earmark.formats.staged import StagedCounts, StagedFacts
from earmark.planning.in_order import shards_in_order
from earmark.sources.base import Source
from earmark.staging import Staging, versions
from earmark.store.folder import LocalFolder
from earmark.store.run import RunStore
from earmark.verbs.events import Observer, RunProgressed, StageBegan
from earmark.verbs.interrupt import StopRequest
from earmark.verbs.run_log import log
from earmark.verbs.stage_rows import StagedParts, StagedRows, sha256_of
from earmark.verbs.stage_table import check_sum, counts_of, write_errors, write_table
from earmark.verbs.stage_target import write_facts
from earmark.verbs.workforce import Workforce


class StageAttempt:
    """One go at what is left of a staged set: counts how far it is, and tells the observer.

    It verifies where an earlier one began to, and did not come to the end: the damage that it found is still there.
    """

    def __init__(
        self,
        store: RunStore,
        source: Source,
        utterances: pa.Table,
        facts: StagedFacts,
        workforce: Workforce,
        *,
        verify: bool,
        observer: Observer,
        began: float,
    ) -> None:
        self._store = store
        self._source = source
        self._utterances = utterances
        self._facts = facts
        self._workforce = workforce
        self._observer = observer
        self._began = began
        self._is_skipped = np.asarray(pc.is_valid(utterances["skip_reason"]).to_numpy())
        self._num_skipped = int(self._is_skipped.sum())
        self._parts = StagedParts(store.folder, facts.identity.fingerprint(), utterances["id"])
        self._kept = self._parts.rows()
        self._verifies = verify or facts.is_being_verified
        self.is_new_table = False
        self.num_sampled_audio = 0
        self.num_changed_audio = 0
        self.num_verified = 0
        self.num_damaged = 0
        self.num_new = 0
        self.new_audio_s = 0.0

    def stage(self, audio_format: AudioFormat, stop: StopRequest, *, retry_failed: bool) -> None:
        """Do what is left. Raises InterruptedRunError, with all that was done committed."""
        self._withdraw_damaged()
        done = self._kept.is_done(retry_failed=retry_failed) | self._is_skipped
        self._tell_began(done)
        if done.all():
            return
        self._unfinish()
        if isinstance(self._store.folder, LocalFolder):
            self._store.folder.sweep(stale_after_s=0.0)  # the lock is ours, so no writer lives
        num_left = self._engine_works(self._work(audio_format, is_retry=retry_failed), done, stop)
        self._kept = self._parts.rows()
        if num_left:
            num_wanted = len(done) - self._num_skipped
            raise InterruptedRunError(num_wanted - num_left, num_wanted)

    def finish(self) -> StagedCounts:
        """Write the table and then that it is complete, unless they stand; what became of all utterances.

        Raises StoreError where the rows that there are do not account for every utterance.
        """
        # One that is skipped may have a row of a time when its file was there.
        rows = self._kept.without(self._skipped()) if self._num_skipped else self._kept
        counts = counts_of(rows, len(self._utterances), self._num_skipped)
        check_sum(counts, self._store.url)
        if not self._stands(counts):
            self._unfinish()
            self._write(rows, counts)
        return counts

    def _work(self, audio_format: AudioFormat, *, is_retry: bool) -> Staging:
        started = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        return Staging(
            folder=self._store.folder,
            fingerprint=self._parts.fingerprint,
            audio_format=audio_format,
            max_decoded_s=self._facts.identity.max_decoded_s,
            attempt=secrets.token_hex(4),
            retry=started if is_retry else "",
        )

    def _write(self, rows: StagedRows, counts: StagedCounts) -> None:
        """Commit the list of failures, the table, and at last that the set is whole."""
        source = without_secret(self._source.name)
        write_errors(self._store, self._utterances, rows)
        sha256 = write_table(self._store, self._utterances, rows, source)
        self._facts = replace(
            self._facts,
            source=source,
            source_fingerprint=self._source.fingerprint,
            counts=counts,
            table_sha256=sha256,
            is_being_verified=False,
            versions=versions(),
        )
        write_facts(self._store.folder, self._facts)
        self.is_new_table = True

    def _stands(self, counts: StagedCounts) -> bool:
        """Whether the table, the facts and the list of failures are there as they must be."""
        folder, facts = self._store.folder, self._facts
        if facts.counts != counts or facts.source_fingerprint != self._source.fingerprint:
            return False
        if folder.has(staged.ERRORS) != bool(counts.num_failed + counts.num_skipped):
            return False
        reads = self._verifies or isinstance(folder, LocalFolder)  # from an object store it would be brought
        return sha256_of(folder, staged.TABLE) == facts.table_sha256 if reads else folder.has(staged.TABLE)

    def _engine_works(self, work: Staging, done: NDArray[np.bool_], stop: StopRequest) -> int:
        """Let the engine do what is not ``done``; how many utterances are left after a stop."""
        left_s = float(np.sum(self._utterances["duration_s"].to_numpy()[~done]))
        num_before = self._num_done(done)
        queue = shards_in_order(self._utterances, self._source.root, done, num_workers=self._workforce.num_workers)
        num_failed = 0
        for receipt in self._workforce.engine.run(work, queue, stop=stop):
            self.num_new += receipt.num_rows
            self.new_audio_s += receipt.audio_s
            num_failed += receipt.num_failed
            self._tell_progress(num_before, num_failed, left_s)
        return max(0, len(done) - self._num_skipped - num_before - self.num_new)

    def _tell_progress(self, num_before: int, num_failed: int, left_s: float) -> None:
        self._observer(
            RunProgressed(
                num_segments=len(self._utterances) - self._num_skipped,
                num_segments_done=num_before + self.num_new,
                num_utterances_done=num_before + self.num_new,
                num_failed=num_failed,
                remaining_audio_s=max(0.0, left_s - self.new_audio_s),
                audio_s=self.new_audio_s,
                elapsed_s=time.monotonic() - self._began,
                unix_ms=round(time.time() * 1000),
                wer=None,
            )
        )

    def _num_done(self, done: NDArray[np.bool_]) -> int:
        """How many have a row: what is left out needs none."""
        return int(np.count_nonzero(done & ~self._is_skipped))

    def _withdraw_damaged(self) -> None:
        """Forget the staged files that are not what their rows say: they are left to do, also after a kill.

        Their sizes are compared, and where this verifies their bytes.
        """
        found = dict(self._kept.damaged_files() if self._verifies else self._kept.misfits())
        self.num_verified = len(self._kept) - len(self._kept.failed()) if self._verifies else 0
        if not found:
            return
        self._unfinish(is_being_verified=self._verifies)
        self._parts.withdraw(found.keys())
        for path in found.values():
            log.warning("%s is damaged or gone, and will be staged again", path)
            self._store.folder.remove(path)
        self.num_damaged = len(found)
        self._kept = self._parts.rows()

    def _unfinish(self, *, is_being_verified: bool = False) -> None:
        """Let nobody take the set for a whole one while it changes, nor damage that was found for mended."""
        is_being_verified = is_being_verified or self._facts.is_being_verified
        changing = replace(self._facts, counts=None, table_sha256=None, is_being_verified=is_being_verified)
        if changing != self._facts:
            self._facts = changing
            write_facts(self._store.folder, self._facts)

    def _skipped(self) -> pa.Array:
        return pa.array(np.flatnonzero(self._is_skipped), pa.int64())

    def _tell_began(self, done: NDArray[np.bool_]) -> None:
        log.info("staging: %d of %d utterances are done", self._num_done(done), len(done) - self._num_skipped)
        self._observer(
            StageBegan(
                target=self._store.url,
                data=without_secret(self._source.name),
                num_utterances=len(self._utterances),
                audio_s=float(pc.sum(self._utterances["duration_s"]).as_py() or 0.0),
                num_segments=len(done) - self._num_skipped,
                num_segments_done=self._num_done(done),
                audio_format=self._facts.identity.audio_format,
                engine=self._workforce.name,
                num_workers=self._workforce.num_workers,
                num_sampled_audio=self.num_sampled_audio,
                num_changed_audio=self.num_changed_audio,
                damaged_parts=self._kept.damaged,
            )
        )
