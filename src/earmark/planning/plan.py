"""The plan: one row an utterance (or a segment of a long one), with its batch. And shards, made as they are asked for.

A plan is a function of the utterances and the spec. Shards group whole batches, and their size depends on the number
of workers; the batches never do.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earmark import schema
from earmark.planning.batching import cut, longest_first, padded_cost_s
from earmark.records import AudioRef, Batch, Segment, Shard
from earmark.spec import RunSpec

_LEAST_SHARD_S = 30.0
_MOST_SHARD_S = (10.0, 600.0)
_SHARDS_AT_LEAST = 1000
_SHARDS_PER_WORKER = 4
_NOMINAL_S = 10.0  # what an utterance of unknown length counts for
_LEAST_SHARDS_PER_WORKER = 32


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


def plan_in_order(utterances: pa.Table) -> pa.Table:
    """The table of schema.PLAN for work on single utterances that no recognizer batches: in the order of the data.

    So pieces of one file, and files of one folder, are done together. Each utterance is a batch of its own.
    """
    units = _units(utterances, schema.SEGMENTS.empty_table())
    columns = {name: units[name] for name in ("index", "segment", "num_segments", "start_s", "duration_s")}
    return pa.table({**columns, "batch": units["index"], "cost": units["duration_s"]}, schema=schema.PLAN)


def shards(
    utterances: pa.Table,
    plan: pa.Table,
    root: str,
    done: NDArray[np.bool_],
    *,
    num_workers: int,
    speed: float = 1.0,
    most_segments: int | None = None,
) -> Iterator[Shard]:
    """The batches that are not ``done``, in the plan's order, grouped as they are asked for.

    A shard holds a share of what remains (guided self-scheduling: Polychronopoulos and Kuck, 1987), so that few shards
    are needed and no worker is left with a long one at the end. At least 30 s of audio, less where a small run would
    leave workers idle. At most a thousandth of the run, between 10 s and 600 s, so that a kill costs little, results
    show early, and a long run has not too many parts. All that is for recognition; of work that is ``speed`` times
    faster, shards are as many times longer. ``most_segments`` bounds what a worker has in hand where clips are short;
    a batch that is larger is a shard all the same.
    """
    plan = plan.filter(pa.array(~done[plan["batch"].to_numpy()]))
    if not len(plan):
        return
    duration_s = plan["duration_s"].to_numpy()
    ends = np.cumsum(np.where(duration_s > 0, duration_s, _NOMINAL_S))
    # The rows at which a batch ends; a shard may only end there.
    batch = plan["batch"].to_numpy()
    stops = np.append(np.flatnonzero(np.diff(batch)) + 1, len(batch))
    total_s = float(ends[-1])
    least_s = min(speed * _LEAST_SHARD_S, total_s / (_LEAST_SHARDS_PER_WORKER * num_workers))
    most_s = speed * min(max(_MOST_SHARD_S[0], total_s / _SHARDS_AT_LEAST), _MOST_SHARD_S[1])
    row = 0
    while row < len(plan):
        before_s = float(ends[row - 1]) if row else 0.0
        share_s = (total_s - before_s) / (_SHARDS_PER_WORKER * num_workers)
        size_s = min(max(share_s, least_s), most_s)
        # The last batch end that keeps within the size, or the first one after the row.
        position = int(np.searchsorted(ends[stops - 1], before_s + size_s + 1e-9, side="right")) - 1
        if most_segments is not None:
            position = min(position, int(np.searchsorted(stops, row + most_segments, side="right")) - 1)
        first = int(np.searchsorted(stops, row, side="right"))
        stop = int(stops[max(position, first)])
        yield _shard(utterances, plan.slice(row, stop - row), root)
        row = stop


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
