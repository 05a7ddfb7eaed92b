"""Which utterances a step learns from: batches of like lengths, anew for each epoch. Arrays alone; knows no torch.

All chance is drawn from the seed and the epoch's number, so that a training that goes on after a kill, or on another
number of ranks, meets the same batches.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from earmark.planning.batching import cut, longest_first
from earmark.spec import BatchingSpec

Rows = NDArray[np.int64]
"""Positions of utterances in the training data."""
_LIKE = 1.02
"""Lengths within this factor of each other are alike: which of them meet is chance."""


def epoch_batches(duration_s: NDArray[np.float64], rule: BatchingSpec, *, seed: int, epoch: int) -> list[Rows]:
    """The batches of an epoch, in the order in which they are learnt from. Every utterance is in one of them.

    ``duration_s`` has the shape (num_utterances,), all above 0. A batch costs the length of its longest utterance times
    its size, a little rounded up, and stays within ``rule``; one utterance over it is a batch of its own.
    """
    chance = np.random.default_rng((seed, epoch))
    shuffled = chance.permutation(len(duration_s))
    coarse = _LIKE ** np.ceil(np.log(duration_s[shuffled]) / np.log(_LIKE))
    order = longest_first(coarse)
    numbers = cut(coarse[order], "masked", rule)
    batches = np.split(shuffled[order], np.flatnonzero(np.diff(numbers)) + 1)
    return [batches[one] for one in chance.permutation(len(batches))]


def longest_first_batches(sizes: NDArray[np.float64], rule: BatchingSpec) -> list[Rows]:
    """All rows once within ``rule``, with little padding and no chance: for what is only tried."""
    order = longest_first(sizes)
    numbers = cut(sizes[order], "masked", rule)
    return np.split(order, np.flatnonzero(np.diff(numbers)) + 1)


def padding_share(duration_s: NDArray[np.float64], batches: Sequence[Rows]) -> float:
    """The share of what is computed that is padding: 0 where all utterances of each batch are of one length."""
    padded = sum(float(duration_s[rows].max()) * len(rows) for rows in batches)
    return 1.0 - sum(float(duration_s[rows].sum()) for rows in batches) / padded


def rows_of_rank(rows: Rows, rank: int, num_ranks: int) -> tuple[Rows, NDArray[np.float32]]:
    """What of a batch is a rank's, and how much each counts: the means of all ranks have the mean of the batch as mean.

    A rank that would have nothing, where there are more ranks than utterances, takes the first, which counts nothing.
    """
    own = rows[rank::num_ranks]
    if not len(own):
        return rows[:1], np.zeros(1, np.float32)
    return own, np.full(len(own), num_ranks / len(rows), np.float32)
