"""Cutting utterances into batches, from their lengths and the spec alone: the same for any workers, engine or resume.

Longest first, so that a batch that does not fit shows at once and padding is small. Works on arrays, never on an
object for each utterance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earmark.records import SAMPLE_RATE_HZ
from earmark.spec import BatchingKind, BatchingSpec


def longest_first(duration_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """The order of planning: positions by falling duration, equal ones in the order of the data."""
    return np.argsort(-duration_s, kind="stable")


def padded_cost_s(duration_s: NDArray[np.float64], quadratic_per_s: float) -> NDArray[np.float64]:
    """What one utterance of each length costs, in seconds of audio with the quadratic term."""
    return duration_s * (1.0 + quadratic_per_s * duration_s)


def cut(duration_s: NDArray[np.float64], kind: BatchingKind, rule: BatchingSpec) -> NDArray[np.int64]:
    """The batch number of each utterance, given durations that never rise. Shape (num_utterances,).

    A batch costs its first (longest) utterance's cost times its size, and stays within ``rule.max_batch_s``; one
    utterance over the budget is a batch of its own.
    """
    if kind == "single":
        return np.arange(len(duration_s), dtype=np.int64)
    starts = _starts(duration_s, kind, rule)
    sizes = np.diff([*starts, len(duration_s)])
    return np.repeat(np.arange(len(starts), dtype=np.int64), sizes)


def _starts(duration_s: NDArray[np.float64], kind: BatchingKind, rule: BatchingSpec) -> list[int]:
    cost_s = padded_cost_s(duration_s, rule.quadratic_per_s)
    num_samples = np.rint(duration_s * SAMPLE_RATE_HZ).astype(np.int64)
    starts = []
    start = 0
    while start < len(duration_s):
        starts.append(start)
        size = _size(float(cost_s[start]), rule)
        if kind == "equal_length":
            same = np.searchsorted(-num_samples, -num_samples[start], side="right")
            size = min(size, int(same) - start)
        start += size
    return starts


def _size(cost_s: float, rule: BatchingSpec) -> int:
    fitting = max(1, int(rule.max_batch_s / cost_s)) if cost_s > 0 else rule.max_batch_size or 1
    return min(fitting, rule.max_batch_size or fitting)
