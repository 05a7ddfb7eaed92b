"""The plan: one row an utterance (or a segment of a long one), with its batch. And shards, made as they are asked for.

A plan is a function of the utterances and the spec. Shards group whole batches, and their size depends on the number
of workers; the batches never do.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark import schema
from earmark.planning.batching import cut, longest_first, padded_cost_s
from earmark.planning.guided import ShardSize, guided
from earmark.planning.queue_order import Queue, in_turn
from earmark.records import AudioRef, Batch, Segment, Shard
from earmark.spec import RunSpec

_LEAST_SHARD_S = 30.0
_MOST_SHARD_S = (10.0, 600.0)
_SHARDS_AT_LEAST = 1000
_BATCHES_IN_SHARD = (2, 4)


def make_plan(utterances: pa.Table, segments: pa.Table, spec: RunSpec) -> pa.Table:
    """The table of schema.PLAN: longest first, in batches."""
    units = _units(utterances, segments)
    duration_s = units["duration_s"].to_numpy()
    order = longest_first(duration_s)
    units, duration_s = units.take(order), duration_s[order]
    columns = {
        **{name: units[name] for name in ("index", "segment", "num_segments", "start_s", "duration_s")},
        "batch": cut(duration_s, spec.recognizer.batching, spec.batching),
        "cost": padded_cost_s(duration_s, spec.batching.quadratic_per_s),
    }
    return pa.table(columns, schema=schema.PLAN)


def shards(
    utterances: pa.Table, plan: pa.Table, root: str, done: NDArray[np.bool_], *, num_workers: int
) -> Iterator[Shard]:
    """The batches that are not ``done``, in the order of ``in_turn``, grouped as they are asked for (see ``guided``).

    At least 30 s of audio, less where a small run would leave workers idle. At most a thousandth of the run, between
    10 s and 600 s, so that a kill costs little, results show early, and a long run has not too many parts. Where
    utterances meet in batches, two of the largest may go together, and four within 600 s, since a worker makes the
    batches of its shard ready while the model is busy with one. The first ones, which may not fit into memory, go one
    by one; before them trials, where there are any.
    """
    queue = in_turn(left_of(plan, done), num_workers)
    for row, stop in shard_rows(queue, num_workers):
        yield _shard(utterances, queue.plan.slice(row, stop - row), root)


def left_of(plan: pa.Table, done: NDArray[np.bool_]) -> pa.Table:
    """The rows of the plan whose batches are not ``done``."""
    return plan.filter(pa.array(~done[plan["batch"].to_numpy()]))


def shard_rows(queue: Queue, num_workers: int) -> Iterator[tuple[int, int]]:
    """The rows of each shard of what is ``in_turn``, as the first and the one after the last: see ``shards``."""
    stops, ends_s = queue.stops, queue.ends_s
    if not len(stops):
        return
    least_of_most_s, most_of_most_s = _MOST_SHARD_S
    most_s = min(max(least_of_most_s, float(ends_s[-1]) / _SHARDS_AT_LEAST), most_of_most_s)
    if len(stops) < len(queue.plan):
        largest_s = float(np.diff(ends_s, prepend=0.0).max())
        least, most = _BATCHES_IN_SHARD
        most_s = max(most_s, least * largest_s, min(most * largest_s, most_of_most_s))
    yield from pairwise([0, *(int(stops[batch - 1]) for batch in queue.first_stops)])
    num_first = queue.first_stops[-1] if queue.first_stops else 0
    if num_first < len(stops):
        row, before_s = (int(stops[num_first - 1]), float(ends_s[num_first - 1])) if num_first else (0, 0.0)
        size = ShardSize(least_s=_LEAST_SHARD_S, most_s=most_s)
        for first, after in guided(ends_s[num_first:] - before_s, stops[num_first:] - row, size, num_workers):
            yield row + first, row + after


def _units(utterances: pa.Table, segments: pa.Table) -> pa.Table:
    is_cut = pc.is_in(utterances["index"], value_set=pc.unique(segments["index"]))
    whole = utterances.filter(pc.invert(is_cut)).select(["index", "start_s", "duration_s"])
    zeros = pa.array(np.zeros(len(whole), dtype=np.int32))
    whole = pa.table(
        {"index": whole["index"], "segment": zeros, "num_segments": pc.add(zeros, pa.scalar(1, pa.int32())),
         "start_s": whole["start_s"], "duration_s": whole["duration_s"]}
    )  # fmt: skip
    # A cut utterance is put back where it was, so that equal durations keep the order of the data.
    units = pa.concat_tables([whole, segments.select(whole.schema.names).cast(whole.schema)])
    return units.take(pc.sort_indices(units, sort_keys=[("index", "ascending"), ("segment", "ascending")]))


def _shard(utterances: pa.Table, rows: pa.Table, root: str) -> Shard:
    chosen = utterances.select(["id", "audio", "channel"]).take(rows["index"])
    batches: dict[int, list[Segment]] = {}
    for row, utterance in zip(rows.to_pylist(), chosen.to_pylist(), strict=True):
        audio = AudioRef(
            uri=os.path.join(root, utterance["audio"]),  # noqa: PTH118  # an absolute uri stays as it is
            start_s=row["start_s"],
            duration_s=row["duration_s"],
            channel=utterance["channel"],
        )
        segment = Segment(row["index"], row["segment"], row["num_segments"], utterance["id"], audio)
        batches.setdefault(row["batch"], []).append(segment)
    return Shard(tuple(Batch(number, tuple(segments)) for number, segments in batches.items()))
