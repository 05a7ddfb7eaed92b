"""Measuring which batches are fastest, on the audio of a run that is long enough to be worth it.

The same utterances are transcribed in batches of several budgets, by one worker in a folder that is thrown away, as an
audit is. So what is measured is what a run does, padding and all, but for decoding, which no budget changes.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from earmark.planning.batching import cut, longest_first
from earmark.planning.in_order import shards_in_order
from earmark.recognizers import Recognizer
from earmark.records import Batch, Segment, Shard, StopCheck
from earmark.spec import BatchingSpec, DataSpec, RunSpec
from earmark.store import layout
from earmark.store.folder import LocalFolder
from earmark.store.parts import read_part
from earmark.verbs.budget import remember
from earmark.verbs.events import MeasuringBegan, Observer
from earmark.verbs.workforce import Workforce
from earmark.worker import Transcription

_STEPS = (1 / 16, 1.0, 4.0)
"""The budgets that are tried, as multiples of the declared one; the first is mostly one utterance at a time."""
_WORTH_TIMES = 20.0
"""A run is worth measuring for if it has so many times the audio that measuring transcribes."""
_LEAST_GAIN = 1.05
"""What is not so much faster than the declared budget is chance."""
_READ = ["batch", "compute_s", "audio_s", "error"]


def learned_batching(
    declared: BatchingSpec,
    recognizer: Recognizer,
    utterances: pa.Table,
    root: str,
    *,
    worker: Workforce,
    cache: Path,
    stop: StopCheck,
    observer: Observer,
) -> BatchingSpec:
    """The declared rule, or a faster one that is measured now and remembered, where the run is long enough for it.

    ``worker`` measures. Raises what a run raises.
    """
    if not is_worth_learning(recognizer, utterances):
        return declared
    observer(MeasuringBegan(audio_s=_measured_s(declared.max_batch_s)))
    best_s, rates = best_batch_s(declared, recognizer, utterances, root, worker, stop)
    if rates:
        remember(recognizer, cache, best_s, rates)
    return dataclasses.replace(declared, max_batch_s=best_s)


def is_worth_learning(recognizer: Recognizer, utterances: pa.Table) -> bool:
    """Whether the recognizer's budget can be learned, and the audio of the run is long enough for it."""
    usual_s: float | None = getattr(recognizer, "usual_batch_s", None)
    if usual_s is None or recognizer.spec.batching not in ("any", "masked"):
        return False
    return float(np.sum(utterances["duration_s"].to_numpy())) >= _WORTH_TIMES * _measured_s(usual_s)


def _measured_s(budget_s: float) -> float:
    return len(_STEPS) * max(_STEPS) * budget_s


def best_batch_s(
    declared: BatchingSpec,
    recognizer: Recognizer,
    utterances: pa.Table,
    root: str,
    worker: Workforce,
    stop: StopCheck,
) -> tuple[float, dict[float, float]]:
    """The fastest budget in seconds, and for each that was measured seconds of audio for a second of transcribing.

    The declared budget stays unless another is faster by a twentieth, and where an utterance of the sample fails.
    Raises what a run raises.
    """
    declared_s = declared.max_batch_s
    data = DataSpec(name="", fingerprint="", audio_sample="", num_utterances=len(utterances))
    spec = RunSpec(recognizer=recognizer.spec, data=data, batching=declared)
    sample = _sample(utterances, root, spec, max(_STEPS) * declared_s)
    batches: dict[int, Batch] = {}
    budget_of: dict[int, float] = {}
    for budget_s in (step * declared_s for step in _STEPS):
        rule = dataclasses.replace(declared, max_batch_s=budget_s)
        calls = _cut(sample, spec, rule)
        if not batches:
            calls = [sample[:1], *calls]  # the first call of a process warms up, and counts for nothing
        for segments in calls:
            budget_of[len(batches)] = budget_s if batches else 0.0
            batches[len(batches)] = Batch(len(batches), tuple(segments))
    rates = _rates(_done(recognizer, spec, batches.values(), worker, stop), budget_of)
    best_s = max(rates, key=lambda one: rates[one], default=declared_s)
    is_better = rates.get(best_s, 0.0) >= _LEAST_GAIN * rates.get(declared_s, np.inf)
    return (best_s if is_better else declared_s), rates


def _sample(utterances: pa.Table, root: str, spec: RunSpec, audio_s: float) -> list[Segment]:
    """Utterances of neighbouring lengths around the middle one, as those of a planned batch are; of ``audio_s``."""
    longest_s = spec.max_piece_s or np.inf
    duration_s = utterances["duration_s"].to_numpy()
    order = longest_first(duration_s)
    order = order[(duration_s[order] > 0) & (duration_s[order] <= longest_s)]
    middle = order[len(order) // 2 :]
    chosen = middle[: int(np.searchsorted(np.cumsum(duration_s[middle]), audio_s)) + 1]
    table = utterances.take(pa.array(np.sort(chosen)))
    position = pa.array(np.arange(len(table)), pa.int64())
    table = table.set_column(table.schema.get_field_index("index"), "index", position)
    found = [
        segment
        for shard in shards_in_order(table, root, np.zeros(len(table), bool), num_workers=1)
        for batch in shard.batches
        for segment in batch.segments
    ]
    return sorted(found, key=lambda one: -(one.audio.duration_s or 0.0))


def _cut(sample: list[Segment], spec: RunSpec, rule: BatchingSpec) -> list[list[Segment]]:
    duration_s = np.array([segment.audio.duration_s or 0.0 for segment in sample])
    numbers = cut(duration_s, spec.recognizer.batching, rule)
    stops = [*(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(sample)]
    return [sample[start:stop] for start, stop in zip([0, *stops], stops, strict=False)]


def _done(
    recognizer: Recognizer, spec: RunSpec, batches: Iterable[Batch], worker: Workforce, stop: StopCheck
) -> list[tuple[int, float, float, str | None]]:
    """The batch, the seconds of computing, those of audio and the error of each row; all batches done in order."""
    with tempfile.TemporaryDirectory(prefix="earmark-batches-") as name:
        folder = LocalFolder(Path(name))
        work = Transcription(recognizer, spec, folder, "learning")
        for _ in worker.engine.run(work, iter([Shard(tuple(batches))]), stop=stop):
            pass
        return [
            row
            for part in folder.names(layout.PARTS)
            for row in zip(*(read_part(folder, part, _READ)[one].to_pylist() for one in _READ), strict=True)
        ]


def _rates(rows: list[tuple[int, float, float, str | None]], budget_of: Mapping[int, float]) -> dict[float, float]:
    """Seconds of audio for a second of computing by budget; nothing where a row failed or a batch was not done."""
    if {row[0] for row in rows} != set(budget_of) or any(error is not None for *_, error in rows):
        return {}
    compute_s, audio_s = dict.fromkeys(budget_of.values(), 0.0), dict.fromkeys(budget_of.values(), 0.0)
    for batch, seconds, length_s, _ in rows:
        compute_s[budget_of[batch]] += seconds
        audio_s[budget_of[batch]] += length_s
    return {budget_s: audio_s[budget_s] / max(compute_s[budget_s], 1e-9) for budget_s in compute_s if budget_s}
