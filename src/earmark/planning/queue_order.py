"""The order in which the batches of a plan are handed out. Knows lengths and workers; changes no batch and no plan.

A queue keeps its workers busy to the end if what costs most does not come last (Graham, 1969). What a batch will cost
is not known. It grows with the audio and with the number of utterances, how much with each depends on the model.
Batches of one budget have much the same audio, so those of many short utterances cost most.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def in_turn(plan: pa.Table, num_workers: int) -> pa.Table:
    """The rows of a table of schema.PLAN, or of what is left of one, in the order in which they are handed out.

    First a batch for each worker in the plan's order: the longest audio, so that what does not fit into memory shows at
    once. Then the batches by their share of the audio plus their share of the rows, greatest first, equal ones in the
    plan's order. Single utterances stay as they are, longest first.
    """
    stops = batch_stops(plan)
    if len(stops) in (len(plan), 0):
        return plan
    sizes = np.diff(stops, prepend=0)
    starts = stops - sizes
    audio_s = np.add.reduceat(plan["duration_s"].to_numpy(), starts)
    shares = sizes / len(plan) + audio_s / max(float(audio_s.sum()), np.finfo(np.float64).tiny)
    shares[:num_workers] = np.inf
    order = np.argsort(-shares, kind="stable")
    return plan.take(_rows(starts[order], sizes[order]))


def batch_stops(plan: pa.Table) -> NDArray[np.int64]:
    """The row after the last one of each batch. Shape (num_batches,), rising; empty for no rows."""
    if not len(plan):
        return np.empty(0, dtype=np.int64)
    return np.append(np.flatnonzero(np.diff(plan["batch"].to_numpy())) + 1, len(plan))


def _rows(starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows of one batch after the other."""
    begins = np.cumsum(sizes) - sizes
    return np.repeat(starts - begins, sizes) + np.arange(int(sizes.sum()), dtype=np.int64)
