"""The summary of a run: computed from its parts alone, so that the same answers give the same numbers.

Writes scores.parquet, errors.jsonl and summary.json. Memory grows with a window of utterances, not with the run, but
for three integers an utterance that the interval needs.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from earmark import schema
from earmark.records import Receipt
from earmark.reports.scores import outcomes, score_utterances
from earmark.schema import FAILED, SCORED, SKIPPED
from earmark.scoring.bootstrap import Interval, wer_interval
from earmark.scoring.counts import CorpusCounts
from earmark.scoring.identity import SCORER, ScorerIdentity
from earmark.scoring.pairs import PairScores
from earmark.spec import RunSpec
from earmark.store import layout
from earmark.store.reader import Progress, windows
from earmark.store.run import RunStore
from earmark.text.base import Normalizer, NormalizerIdentity

_WINDOW = 65_536
_HASHED = ("id", "status", "hypothesis", "hits", "substitutions", "deletions", "insertions", "character_errors")


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Seconds of audio for a second of time, in three scopes.

    ``compute``: inside the recognizer. ``worker``: the workers' time, decoding and waiting included. Both over every
    part of the run. ``wall``: from the start of the program to its last result, loading included, over what the latest
    attempt transcribed itself. None where nothing was measured.
    """

    compute: float | None
    worker: float | None
    wall: float | None
    wall_s: float | None
    wall_audio_s: float
    waited_share: float | None
    """Of the workers' time, what the recognizer spent waiting for audio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What a run found. Rates are fractions, None where there is no reference. Counts are of words."""

    run: str
    model: str
    data: str
    num_utterances: int
    num_scored: int
    num_failed: int
    num_skipped: int
    skipped: dict[str, int]
    num_empty_references: int
    num_split_rows: int
    num_damaged_parts: int
    counts: CorpusCounts
    wer_interval: Interval | None
    wer_failed_as_deletions: float | None
    audio_s: float
    speed: Speed
    normalizer: NormalizerIdentity
    scorer: ScorerIdentity
    scores_hash: str
    spec_fingerprint: str

    @property
    def wer(self) -> float | None:
        """Word errors for a reference word, over what was scored."""
        return self.counts.wer

    @property
    def cer(self) -> float | None:
        """Character errors for a reference character, spaces included."""
        return self.counts.cer

    @property
    def ser(self) -> float | None:
        """The share of scored utterances with any word error."""
        return self.counts.ser

    def to_json(self) -> str:
        """The text of summary.json."""
        words = self.counts.words
        interval = dataclasses.asdict(self.wer_interval) if self.wer_interval else None
        facts = {
            "schema_version": 1,
            "run": self.run,
            "model": self.model,
            "data": self.data,
            "num_utterances": self.num_utterances,
            "num_scored": self.num_scored,
            "num_failed": self.num_failed,
            "num_skipped": self.num_skipped,
            "skipped": self.skipped,
            "num_empty_references": self.num_empty_references,
            "num_split_rows": self.num_split_rows,
            "num_damaged_parts": self.num_damaged_parts,
            "num_reference_words": words.reference_length,
            "hits": words.hits,
            "substitutions": words.substitutions,
            "deletions": words.deletions,
            "insertions": words.insertions,
            "wer": self.wer,
            "cer": self.cer,
            "ser": self.ser,
            "wer_interval": interval,
            "wer_failed_as_deletions": self.wer_failed_as_deletions,
            "audio_s": self.audio_s,
            "rtfx": {"compute": self.speed.compute, "worker": self.speed.worker, "wall": self.speed.wall},
            "wall_s": self.speed.wall_s,
            "wall_audio_s": self.speed.wall_audio_s,
            "waited_share": self.speed.waited_share,
            "normalizer": dataclasses.asdict(self.normalizer),
            "scorer": dataclasses.asdict(self.scorer),
            "scores_hash": self.scores_hash,
            "spec_fingerprint": self.spec_fingerprint,
        }
        return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One start of a run that came to its end or to a stop: what it transcribed itself, and how long it took."""

    attempt: str
    started: str
    wall_s: float
    audio_s: float
    num_rows: int
    engine: str
    num_workers: int
    outcome: str

    def save(self, store: RunStore) -> None:
        """Keep it under its own name, so that attempts never collide."""
        text = json.dumps(dataclasses.asdict(self), indent=2) + "\n"
        store.folder.write(f"{layout.ATTEMPTS}/{self.started}-{self.attempt}.json", text.encode())


def attempts(store: RunStore) -> list[Attempt]:
    """All that were kept, the earliest first."""
    return [Attempt(**json.loads(store.folder.read(name))) for name in store.folder.names(layout.ATTEMPTS)]


@dataclass
class _Totals:
    counts: CorpusCounts = field(default_factory=CorpusCounts.zero)
    status: dict[str, int] = field(default_factory=lambda: {SCORED: 0, FAILED: 0, SKIPPED: 0})
    skipped: dict[str, int] = field(default_factory=dict)
    failed_words: int = 0
    audio_s: float = 0.0
    num_splits: int = 0
    errors: list[Any] = field(default_factory=list)
    words: list[Any] = field(default_factory=list)
    speakers: list[Any] = field(default_factory=list)
    digest: Any = field(default_factory=hashlib.sha256)


def summarize(store: RunStore, spec: RunSpec, normalizer: Normalizer) -> RunSummary:
    """Score every utterance of the run anew and write its tables and its summary.

    An unfinished run is summarized as far as it is; what is not done counts as skipped. Raises StoreError.
    """
    done = store.progress(spec)
    totals = _Totals()
    listing = bytearray()
    with store.table_writer(layout.SCORES, schema.SCORES) as writer:
        for scores, rows in _windows(store, done, spec.data.num_utterances, normalizer):
            writer.write_table(scores)
            totals.audio_s += pc.sum(rows["audio_s"]).as_py() or 0.0
            totals.num_splits += pc.sum(rows["is_split"]).as_py() or 0
            _add(totals, scores)
            listing += _error_lines(scores)
    store.folder.write(layout.ERRORS, bytes(listing))
    summary = _summary(store, spec, normalizer, done, totals)
    store.folder.write(layout.SUMMARY, summary.to_json().encode())
    return summary


def scored_windows(store: RunStore, done: Progress, num_utterances: int, normalizer: Normalizer) -> Iterator[pa.Table]:
    """Yield the tables of schema.SCORES of a run, in order, a window of utterances each. Raises StoreError."""
    return (scores for scores, _ in _windows(store, done, num_utterances, normalizer))


def _windows(
    store: RunStore, done: Progress, num_utterances: int, normalizer: Normalizer
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Each window's scores, and the rows of parts that they come from."""
    utterances = store.batches(layout.UTTERANCES, _WINDOW)
    rows = windows(store.folder, done.part_names, num_utterances, _WINDOW)
    for window, found in zip(utterances, rows, strict=True):
        yield score_utterances(window, dict(outcomes(found)), normalizer), found


def _add(totals: _Totals, scores: pa.Table) -> None:
    for name, number in zip(*_counted(scores["status"]), strict=True):
        totals.status[name] += number
    skipped = scores.filter(pc.equal(scores["status"], SKIPPED))
    for rule, number in zip(*_counted(skipped["reason"]), strict=True):
        totals.skipped[rule] = totals.skipped.get(rule, 0) + number
    failed = scores.filter(pc.equal(scores["status"], FAILED))
    totals.failed_words += sum(len(text.split()) for text in failed["reference_normalized"].to_pylist() if text)
    scored = scores.filter(pc.equal(scores["status"], SCORED))
    column = {field.name: scored[field.name].to_numpy() for field in schema.SCORES if field.type == pa.int32()}
    errors = column["substitutions"] + column["deletions"] + column["insertions"]
    words = column["hits"] + column["substitutions"] + column["deletions"]
    totals.errors.append(errors)
    totals.words.append(words)
    totals.speakers.append(scored["speaker"])
    totals.counts += PairScores(**column).total()
    for row in zip(*(scores[name].to_pylist() for name in _HASHED), strict=True):
        totals.digest.update(json.dumps(row, ensure_ascii=False).encode("utf-8") + b"\n")


def _counted(column: pa.ChunkedArray) -> tuple[list[str], list[int]]:
    counts = pc.value_counts(column)
    return counts.field("values").to_pylist(), counts.field("counts").to_pylist()


def _error_lines(scores: pa.Table) -> bytes:
    failed = scores.filter(pc.equal(scores["status"], FAILED)).select(["index", "id", "reason"])
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in failed.to_pylist()).encode()


def _summary(store: RunStore, spec: RunSpec, normalizer: Normalizer, done: Progress, totals: _Totals) -> RunSummary:
    num_utterances = sum(totals.status.values())
    if num_utterances != spec.data.num_utterances:
        raise AssertionError(f"{num_utterances} utterances scored, failed or skipped, of {spec.data.num_utterances}")
    words = totals.counts.words
    all_words = words.reference_length + totals.failed_words
    return RunSummary(
        run=store.url,
        model=spec.recognizer.name,
        data=spec.data.name,
        num_utterances=num_utterances,
        num_scored=totals.status[SCORED],
        num_failed=totals.status[FAILED],
        num_skipped=totals.status[SKIPPED],
        skipped=totals.skipped,
        num_empty_references=totals.counts.num_empty_references,
        num_split_rows=totals.num_splits,
        num_damaged_parts=len(done.damaged),
        counts=totals.counts,
        wer_interval=_interval(totals),
        wer_failed_as_deletions=(words.errors + totals.failed_words) / all_words if all_words else None,
        audio_s=totals.audio_s,
        speed=_speed(done.receipts, attempts(store)),
        normalizer=NormalizerIdentity.of(normalizer),
        scorer=SCORER,
        scores_hash=totals.digest.hexdigest(),
        spec_fingerprint=spec.fingerprint(),
    )


def _interval(totals: _Totals) -> Interval | None:
    speakers = pa.chunked_array([chunk for column in totals.speakers for chunk in column.chunks], pa.string())
    groups = speakers.to_pylist() if speakers.null_count == 0 else None
    return wer_interval(np.concatenate(totals.errors), np.concatenate(totals.words), groups)


def _speed(receipts: tuple[Receipt, ...], kept: list[Attempt]) -> Speed:
    compute_s = sum(receipt.compute_s for receipt in receipts)
    worker_s = sum(receipt.worker_s for receipt in receipts)
    audio_s = sum(receipt.audio_s for receipt in receipts)
    worked = [attempt for attempt in kept if attempt.num_rows]
    last = worked[-1] if worked else None
    return Speed(
        compute=audio_s / compute_s if compute_s else None,
        worker=audio_s / worker_s if worker_s else None,
        wall=last.audio_s / last.wall_s if last and last.wall_s else None,
        wall_s=last.wall_s if last else None,
        wall_audio_s=last.audio_s if last else 0.0,
        waited_share=sum(receipt.wait_s for receipt in receipts) / worker_s if worker_s else None,
    )
