"""``forecast``: what an evaluation will do, take and cost, before anything of it starts.

Plans as a run does, without decoding, and knows speeds from runs that were made on this machine. It writes nothing.
What must be fetched to know the model or the data is fetched, as for a run.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from earmark.errors import RunMismatchError
from earmark.planning.estimated import estimated_segments
from earmark.planning.identity import data_fingerprint
from earmark.planning.makespan import makespan_s
from earmark.planning.plan import left_of, make_plan, shard_rows
from earmark.planning.queue_order import in_turn
from earmark.records import SAMPLE_RATE_HZ, Price, Usage
from earmark.reports.capacity import together
from earmark.reports.prices import own_list
from earmark.reports.speed import attempts
from earmark.reports.usage import Cost, cost_of
from earmark.sources.base import DistantSource
from earmark.spec import BatchingSpec, DataSpec, RunSpec
from earmark.store import layout
from earmark.store.reader import done_batches
from earmark.store.run import RunStore
from earmark.verbs.arguments import Arguments
from earmark.verbs.budget import settled_batching
from earmark.verbs.evaluation import Evaluation
from earmark.verbs.learning import is_worth_learning
from earmark.verbs.shape import Shape
from earmark.verbs.throughput import Throughput, known_cold_start_s, known_throughput
from earmark.worker.ahead import MOST_BATCHES_DECODED

_HOUR_S = 3600.0
_SAMPLE_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a run will do; ``*_left`` is what earlier attempts have not done. Memory is of one worker.

    ``padding_share`` is of what the model is given, and ``largest_batch_s`` counts it as well. ``pieces_are_estimated``
    where long audio was not cut yet. ``throughput``, and so ``wall_s``, are None where the model was never measured on
    the device; ``cold_start_s``, which is in ``wall_s``, where this engine never loaded it. ``measures_first`` where a
    run begins by measuring batches. ``cost`` is None where a price or the time is not known, and ``why_no_cost`` says
    it. ``spent`` is what earlier attempts cost, without those whose price was in one of the currencies
    ``spent_without``.
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
    cold_start_s: float | None
    wall_s: float | None
    cost: Cost | None
    why_no_cost: str | None
    spent: float
    spent_without: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For other programs."""
        return {"schema_version": 1, **dataclasses.asdict(self)}


def forecast(asked: Arguments) -> Forecast:
    """Look ahead at ``evaluate`` with the same arguments: shards, batches, memory, minutes and money.

    With ``shard`` it is of the whole run. Raises UsageError (and its kinds, RunMismatchError and BudgetSpentError too)
    where the run would not begin.
    """
    workforce = asked.workforce()
    asked.selector(workforce)
    evaluation = asked.understood(workforce)
    store = asked.store(evaluation)
    stored = None if asked.fresh else store.spec()
    if not asked.fresh:  # else what was spent is thrown away with what it was spent on
        evaluation.meter.check(store)
    return _Ahead.of(evaluation, store, stored).forecast()


@dataclass(frozen=True, kw_only=True)
class _Ahead:
    """Everything that a run has before its plan. ``stored`` is what the run began with; None: it begins now."""

    evaluation: Evaluation
    store: RunStore
    stored: RunSpec | None
    spec: RunSpec
    measures_first: bool

    @classmethod
    def of(cls, evaluation: Evaluation, store: RunStore, stored: RunSpec | None) -> _Ahead:
        recognizer, utterances = evaluation.recognizer, evaluation.utterances
        settled: BatchingSpec | None = evaluation.batching
        if not evaluation.is_batching_said:
            settled = settled_batching(
                evaluation.batching, recognizer, stored, evaluation.cache, evaluation.workforce
            )  # fmt: skip
        may_measure = settled is None and not isinstance(evaluation.source, DistantSource)
        data = DataSpec(
            name=evaluation.source.name, fingerprint=data_fingerprint(utterances), audio_sample="",
            num_utterances=len(utterances),
        )  # fmt: skip
        spec = RunSpec(
            recognizer=recognizer.spec, data=data, batching=settled or evaluation.batching,
            segmentation=evaluation.segmentation, audio=evaluation.audio,
        )  # fmt: skip
        return cls(
            evaluation=evaluation, store=store, stored=stored, spec=spec,
            measures_first=may_measure and is_worth_learning(recognizer, utterances),
        )  # fmt: skip

    def forecast(self) -> Forecast:
        plan, left, is_estimated = self._plan()
        shape = Shape.of(left)
        meter, workforce, utterances = self.evaluation.meter, self.evaluation.workforce, self.evaluation.utterances
        queue = in_turn(left, workforce.num_workers)
        edges = list(shard_rows(queue, workforce.num_workers))
        known = known_throughput(self.evaluation.recognizer, self.spec, meter.device, self.evaluation.cache)
        cold_s = known_cold_start_s(self.evaluation.recognizer, meter.device, workforce.name, self.evaluation.cache)
        wall_s = self._wall_s(queue.plan, edges, known, cold_s or 0.0)
        cost, why = self._cost(shape, known, wall_s, num_paid=min(workforce.num_places, len(edges)))
        return Forecast(
            run=self.store.url,
            model=f"{self.spec.recognizer.name} {self.spec.recognizer.version}",
            data=self.spec.data.name,
            device=meter.device,
            engine=workforce.name,
            num_workers=workforce.num_places,
            num_utterances=len(utterances),
            audio_s=float(pc.sum(utterances["duration_s"]).as_py() or 0.0),
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
            decoded_bytes=round(MOST_BATCHES_DECODED * shape.largest_batch_s * SAMPLE_RATE_HZ * _SAMPLE_BYTES),
            throughput=known,
            cold_start_s=cold_s,
            wall_s=wall_s,
            cost=cost,
            why_no_cost=why,
            spent=meter.spent(),
            spent_without=meter.other_currencies,
        )

    def _plan(self) -> tuple[pa.Table, pa.Table, bool]:
        """The whole plan, what of it is left, and whether the pieces of long audio are a guess."""
        stored = self.stored
        differences = stored.differences(self._as_begun(stored)) if stored is not None else {}
        if differences and self.store.folder.names(layout.PARTS):
            raise RunMismatchError(self.store.url, differences)
        plan = self.store.table(layout.PLAN) if stored is not None and not differences else None
        if stored is not None and plan is not None:
            progress = self.store.progress(stored)
            self.evaluation.meter.go_on(progress.receipts, attempts(self.store))
            retries = self.evaluation.retry_failed
            return plan, left_of(plan, done_batches(self.store.folder, plan, progress, retry_failed=retries)), False
        segments = estimated_segments(self.evaluation.utterances, self.spec)
        plan = make_plan(self.evaluation.utterances, segments, self.spec)
        return plan, plan, len(segments) > 0

    def _as_begun(self, stored: RunSpec) -> RunSpec:
        """What is asked for, with the audio sample of the run's beginning: no audio is read here."""
        data = dataclasses.replace(self.spec.data, audio_sample=stored.data.audio_sample)
        return dataclasses.replace(self.spec, data=data)

    def _wall_s(
        self, left: pa.Table, edges: list[tuple[int, int]], known: Throughput | None, cold_start_s: float
    ) -> float | None:
        if known is None:
            return None
        ends_s = np.concatenate([[0.0], np.cumsum(left["duration_s"].to_numpy())])
        costs_s = (float(ends_s[stop] - ends_s[row]) / known.rtfx for row, stop in edges)
        working_s = makespan_s(costs_s, [1.0] * self.evaluation.workforce.num_places)
        return cold_start_s + working_s if working_s else 0.0

    def _cost(
        self, shape: Shape, known: Throughput | None, wall_s: float | None, *, num_paid: int
    ) -> tuple[Cost | None, str | None]:
        """What the run costs, or why that is not known. As many workers are paid as are started."""
        meter = self.evaluation.meter
        price, calls = meter.device_price, meter.call_price
        if price is None and calls is None:
            return None, f"{meter.device!r} has no price; {own_list()} may give it one"
        if price is not None and wall_s is None:
            return None, "the time is not known"
        if calls is not None and shape.audio_s and calls.per_minute is None and not _tokens(known):
            return None, "calls are priced by the token, and how many they take was never measured"
        called = _of_calls(shape.audio_s, known, calls) if calls else None
        if price is None or wall_s is None:
            return called, None
        amount = wall_s * num_paid * price.per_hour / _HOUR_S
        return together(Cost(amount=amount, currency=price.currency, basis=price.sentence), called), None


def _tokens(known: Throughput | None) -> int:
    return known.input_tokens + known.output_tokens if known else 0


def _of_calls(audio_s: float, known: Throughput | None, price: Price) -> Cost | None:
    cost = cost_of(_usage(audio_s, known), price)
    basis = "tokens as they were measured" if price.per_minute is None else "audio minutes to be sent"
    return dataclasses.replace(cost, basis=basis) if cost else None


def _usage(audio_s: float, known: Throughput | None) -> Usage:
    """What calls for so much audio will use, tokens as far as they were measured."""
    share = audio_s / known.audio_s if known else 0.0
    return Usage(
        unstated_s=audio_s,
        input_tokens=round(known.input_tokens * share) if known else 0,
        output_tokens=round(known.output_tokens * share) if known else 0,
    )
