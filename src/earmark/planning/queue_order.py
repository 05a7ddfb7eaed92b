"""The order in which the batches of a plan are handed out. Knows lengths and workers; changes no batch and no plan.

A queue keeps its workers busy to the end if what costs most does not come last (Graham, 1969). What a batch will cost
is not known. It grows with the audio and with the number of utterances, how much with each depends on the model.
Batches of one budget have much the same audio, so those of many short utterances cost most.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from earmark.planning.guided import cumulated_s
from earmark.planning.trials import trials


@dataclass(frozen=True, slots=True)
class Queue:
    """What is handed out: the rows of a table of schema.PLAN in their turn.

    ``stops`` is the row after the last one of each batch, and ``ends_s`` the seconds of audio up to there, an utterance
    of unknown length counting for 10 s. ``first_stops`` is of the first shards, which are no share of what remains: the
    batch after the last one of each.
    """

    plan: pa.Table
    stops: NDArray[np.int64]
    first_stops: tuple[int, ...]
    ends_s: NDArray[np.float64]

    @classmethod
    def of(cls, plan: pa.Table, stops: NDArray[np.int64], first_stops: Iterable[int]) -> Queue:
        """With the seconds that the plan says."""
        ends_s = cumulated_s(plan["duration_s"].to_numpy())
        return cls(plan, stops, tuple(first_stops), ends_s if len(stops) == len(plan) else ends_s[stops - 1])


def in_turn(plan: pa.Table, num_workers: int) -> Queue:
    """The rows of a table of schema.PLAN, or of what is left of one, in the order in which they are handed out.

    First a batch for each worker in the plan's order: the longest audio, so that what does not fit into memory shows at
    once. Then the batches by their share of the audio plus their share of the rows, greatest first, equal ones in the
    plan's order. Single utterances stay as they are, longest first. Before all of it a trial for each worker, where the
    longest batch is a large part of the run (see ``trials``).
    """
    return _behind_trials(_costly_first(plan, num_workers), num_workers)


def _costly_first(plan: pa.Table, num_workers: int) -> Queue:
    """Batches by what they may cost, behind the first ones of the plan."""
    stops = batch_stops(plan)
    if len(stops) == len(plan):
        return Queue.of(plan, stops, ())
    sizes = np.diff(stops, prepend=0)
    audio_s = np.add.reduceat(plan["duration_s"].to_numpy(), stops - sizes)
    shares = sizes / len(plan) + audio_s / max(float(audio_s.sum()), np.finfo(np.float64).tiny)
    shares[:num_workers] = np.inf
    order = np.argsort(-shares, kind="stable")
    num_first = min(num_workers, len(stops))
    plan = plan.take(_rows((stops - sizes)[order], sizes[order]))
    return Queue.of(plan, np.cumsum(sizes[order]), range(1, num_first + 1))


def _behind_trials(queue: Queue, num_workers: int) -> Queue:
    """The same, but that the batches of trials are taken out and come first."""
    edges = trials(np.diff(queue.ends_s, prepend=0.0), num_workers)
    if not edges:
        return queue
    first, last = edges[0], edges[-1]
    sizes = np.diff(queue.stops, prepend=0)
    sizes = np.concatenate([sizes[first:last], sizes[:first], sizes[last:]])
    row, stop = int(queue.stops[first - 1]), int(queue.stops[last - 1])
    plan = pa.concat_tables([queue.plan.slice(row, stop - row), queue.plan.slice(0, row), queue.plan.slice(stop)])
    alone = (min(batch, first) + last - first for batch in queue.first_stops)
    return Queue.of(plan, np.cumsum(sizes), dict.fromkeys([*(edge - first for edge in edges[1:]), *alone]))


def batch_stops(plan: pa.Table) -> NDArray[np.int64]:
    """The row after the last one of each batch. Shape (num_batches,), rising; empty for no rows."""
    if not len(plan):
        return np.empty(0, dtype=np.int64)
    return np.append(np.flatnonzero(np.diff(plan["batch"].to_numpy())) + 1, len(plan))


def _rows(starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows of one batch after the other."""
    begins = np.cumsum(sizes) - sizes
    return np.repeat(starts - begins, sizes) + np.arange(int(sizes.sum()), dtype=np.int64)
