"""``forecast``: what an evaluation will do, take and cost, before anything of it starts.

Plans as a run does, without decoding, and knows speeds from runs that were made on this machine. It writes nothing.
What must be fetched to know the model or the data is fetched, as for a run.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from earmark.engines.options import EngineOptions
from earmark.planning.estimated import estimated_segments
from earmark.planning.identity import data_fingerprint
from earmark.planning.index import MissingAudio
from earmark.planning.makespan import makespan_s
from earmark.planning.plan import left_of, make_plan, shard_rows
from earmark.planning.segmenting import segmentation_of
from earmark.recognizers import Recognizer
from earmark.records import SAMPLE_RATE_HZ, Usage
from earmark.reports.prices import own_list
from earmark.reports.speed import attempts
from earmark.reports.usage import Cost, cost_of
from earmark.sources.base import DistantSource, Source
from earmark.spec import DataSpec, OptionValue, RunSpec, SegmenterName
from earmark.store import layout
from earmark.store.reader import done_batches
from earmark.store.run import RunStore
from earmark.verbs.budget import declared_batching, settled_batching
from earmark.verbs.events import Observer, nobody
from earmark.verbs.inputs import check_seed, fetch_options, recognizer_of, tell_loss
from earmark.verbs.learning import is_worth_learning
from earmark.verbs.metering import Meter
from earmark.verbs.prepare import default_out, indexed
from earmark.verbs.throughput import Throughput, known_throughput
from earmark.verbs.volume_data import data_for
from earmark.verbs.workforce import EngineName, Workforce
from earmark.worker import BATCHES_AHEAD

_HOUR_S = 3600.0
_SAMPLE_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a run will do; ``*_left`` is what earlier attempts have not done. Memory is of one worker.

    ``padding_share`` is of what the model is given, and ``largest_batch_s`` counts it as well. ``pieces_are_estimated``
    where long audio was not cut yet. ``throughput``, and so ``wall_s``, are None where the model was never measured on
    the device; ``measures_first`` where a run begins by measuring batches. ``cost`` is None where a price or the time
    is not known, and ``why_no_cost`` says it. ``spent`` is what earlier attempts cost.
    """

    run: str
    model: str
    data: str
    device: str
    engine: str
    num_workers: int
    num_utterances: int
    audio_s: float
    num_segments: int
    num_segments_left: int
    audio_left_s: float
    num_batches_left: int
    num_shards_left: int
    padding_share: float
    largest_batch: int
    largest_batch_s: float
    pieces_are_estimated: bool
    measures_first: bool
    decoded_bytes: int
    throughput: Throughput | None
    wall_s: float | None
    cost: Cost | None
    why_no_cost: str | None
    spent: float

    def as_json(self) -> dict[str, Any]:
        """For other programs."""
        return {"schema_version": 1, **dataclasses.asdict(self)}


def forecast(
    model: str | Recognizer,
    data: str | os.PathLike[str] | Source,
    *,
    out: str | os.PathLike[str] | None = None,
    options: Mapping[str, OptionValue] | None = None,
    trust: bool = False,
    gpu_memory_limit: float | None = None,
    engine: EngineName = "auto",
    workers: int | None = 1,
    gpus: str | None = None,
    shard_timeout_s: float | None = None,
    address: str | None = None,
    runtime_env: str | None = None,
    gpu: str | None = None,
    budget: float | None = None,
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
    offline: bool = False,
    observer: Observer = nobody,
) -> Forecast:
    """Look ahead at ``evaluate`` with the same arguments: shards, batches, memory, minutes and money.

    Raises UsageError (and its kinds) where the run would not begin, BudgetSpentError too.
    """
    check_seed(seed, limit)
    fetching = fetch_options(observer, offline=offline)
    recognizer = recognizer_of(
        model, options, fetching=fetching, trust=trust, gpu_memory_limit=gpu_memory_limit, observer=observer
    )
    asked = EngineOptions(
        num_workers=workers, gpus=gpus, shard_timeout_s=shard_timeout_s, address=address, runtime_env=runtime_env,
        gpu=gpu,
    )  # fmt: skip
    workforce = Workforce.of(engine, asked)
    source = data_for(
        workforce, data, missing_audio=missing_audio, audit=None, audio_root=audio_root, text_column=text_column,
        channel=channel, language=language, limit=limit, seed=seed, fetching=fetching,
    )  # fmt: skip
    tell_loss(source, observer)
    meter = Meter.of(recognizer, workforce, budget, observer)
    kept = RunStore.at(os.fspath(out)) if out else None
    utterances = indexed(kept, source, missing_audio=missing_audio)
    batching = declared_batching(recognizer, max_batch_s, batch_size)
    segmentation = segmentation_of(segmenter, recognizer.spec)
    store = kept or RunStore.at(default_out(recognizer, source, utterances, batching, segmentation))
    settled = settled_batching(batching, recognizer, store.spec(), fetching.folder) if max_batch_s is None else batching
    may_measure = settled is None and not isinstance(source, DistantSource)
    spec = RunSpec(
        recognizer=recognizer.spec,
        data=DataSpec(
            name=source.name,
            fingerprint=data_fingerprint(utterances),
            audio_sample="",
            num_utterances=len(utterances),
        ),
        batching=settled or batching,
        segmentation=segmentation,
    )
    meter.check(store)
    return _Ahead(
        recognizer=recognizer,
        workforce=workforce,
        meter=meter,
        store=store,
        spec=spec,
        utterances=utterances,
        cache=fetching.folder,
        measures_first=may_measure and is_worth_learning(recognizer, utterances),
    ).forecast()


@dataclass(frozen=True, kw_only=True)
class _Ahead:
    """Everything that a run has before its plan."""

    recognizer: Recognizer
    workforce: Workforce
    meter: Meter
    store: RunStore
    spec: RunSpec
    utterances: pa.Table
    cache: Path
    measures_first: bool

    def forecast(self) -> Forecast:
        plan, left, is_estimated = self._plan()
        shape = _Shape.of(left)
        edges = list(shard_rows(left, self.workforce.num_workers))
        known = known_throughput(self.recognizer, self.spec, self.meter.device, self.cache)
        wall_s = self._wall_s(left, edges, known)
        cost, why = self._cost(shape, known, wall_s)
        return Forecast(
            run=self.store.url,
            model=f"{self.spec.recognizer.name} {self.spec.recognizer.version}",
            data=self.spec.data.name,
            device=self.meter.device,
            engine=self.workforce.name,
            num_workers=self.workforce.num_workers,
            num_utterances=len(self.utterances),
            audio_s=float(pc.sum(self.utterances["duration_s"]).as_py() or 0.0),
            num_segments=len(plan),
            num_segments_left=len(left),
            audio_left_s=shape.audio_s,
            num_batches_left=shape.num_batches,
            num_shards_left=len(edges),
            padding_share=1.0 - shape.audio_s / shape.padded_s if shape.padded_s else 0.0,
            largest_batch=shape.largest_batch,
            largest_batch_s=shape.largest_batch_s,
            pieces_are_estimated=is_estimated,
            measures_first=self.measures_first,
            decoded_bytes=round((BATCHES_AHEAD + 1) * shape.largest_batch_s * SAMPLE_RATE_HZ * _SAMPLE_BYTES),
            throughput=known,
            wall_s=wall_s,
            cost=cost,
            why_no_cost=why,
            spent=self.meter.spent(),
        )

    def _plan(self) -> tuple[pa.Table, pa.Table, bool]:
        """The whole plan, what of it is left, and whether the pieces of long audio are a guess."""
        stored = self.store.spec()
        plan = self.store.table(layout.PLAN) if stored is not None else None
        if stored is not None and plan is not None and self._is_same(stored):
            progress = self.store.progress(stored)
            self.meter.go_on(progress.receipts, attempts(self.store))
            return plan, left_of(plan, done_batches(self.store.folder, plan, progress)), False
        segments = estimated_segments(self.utterances, self.spec)
        plan = make_plan(self.utterances, segments, self.spec)
        return plan, plan, len(segments) > 0

    def _is_same(self, stored: RunSpec) -> bool:
        data = dataclasses.replace(self.spec.data, audio_sample=stored.data.audio_sample)
        return not stored.differences(dataclasses.replace(self.spec, data=data))

    def _wall_s(self, left: pa.Table, edges: list[tuple[int, int]], known: Throughput | None) -> float | None:
        if known is None:
            return None
        ends_s = np.concatenate([[0.0], np.cumsum(left["duration_s"].to_numpy())])
        costs_s = (float(ends_s[stop] - ends_s[row]) / known.rtfx for row, stop in edges)
        working_s = makespan_s(costs_s, [1.0] * self.workforce.num_workers)
        return known.cold_start_s + working_s if working_s else 0.0

    def _cost(self, shape: _Shape, known: Throughput | None, wall_s: float | None) -> tuple[Cost | None, str | None]:
        """What the run costs, or why that is not known."""
        price, calls = self.meter.device_price, self.meter.call_price
        if price is None and calls is None:
            return None, f"{self.meter.device!r} has no price; {own_list()} may give it one"
        if price is not None and wall_s is None:
            return None, "the time is not known"
        called = cost_of(_usage(shape.audio_s, known), calls) if calls else None
        if price is None or wall_s is None:
            return called, None
        amount = wall_s * self.workforce.num_workers * price.per_hour / _HOUR_S
        basis = f"{price.per_hour:g} {price.currency} an hour of {price.device}, {price.as_of}"
        return Cost(amount=amount + (called.amount if called else 0.0), currency=price.currency, basis=basis), None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """The batches of a plan in numbers; ``largest_batch`` is of the one with the most padded audio."""

    num_batches: int
    audio_s: float
    padded_s: float
    largest_batch: int
    largest_batch_s: float

    @classmethod
    def of(cls, plan: pa.Table) -> _Shape:
        if not len(plan):
            return cls(num_batches=0, audio_s=0.0, padded_s=0.0, largest_batch=0, largest_batch_s=0.0)
        batch, duration_s = plan["batch"].to_numpy(), plan["duration_s"].to_numpy()
        starts = np.concatenate([[0], np.flatnonzero(np.diff(batch)) + 1])
        sizes = np.diff(np.append(starts, len(batch)))
        padded_s = sizes * duration_s[starts]  # the first of a batch is its longest
        largest = int(np.argmax(padded_s))
        return cls(
            num_batches=len(starts),
            audio_s=float(duration_s.sum()),
            padded_s=float(padded_s.sum()),
            largest_batch=int(sizes[largest]),
            largest_batch_s=float(padded_s[largest]),
        )


def _usage(audio_s: float, known: Throughput | None) -> Usage:
    """What calls for so much audio will use, tokens as far as they were measured."""
    share = audio_s / known.audio_s if known else 0.0
    return Usage(
        unstated_s=audio_s,
        input_tokens=round(known.input_tokens * share) if known else 0,
        output_tokens=round(known.output_tokens * share) if known else 0,
    )
