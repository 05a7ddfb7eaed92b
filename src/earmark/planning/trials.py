"""Short shards alike that go out before the longest pieces, where who takes one of those decides when a run ends.

Knows lengths and workers; knows no speed. Whoever is done with its trial first takes the longest piece, so a slow
worker, or one that begins cold, comes too late for it. Nobody has to measure, and no engine has to know who asks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TRIALS_PER_SHARE = 32
_BATCHES_PER_TRIAL = 4
_MOST_S = 600.0  # of any trial that has a choice, as of other shards
_LONGEST_TO_TRIAL = 16


def trials(audio_s: NDArray[np.float64], num_workers: int) -> list[int]:
    """The batches where each worker's trial begins, and the one after the last; empty where there are none.

    ``audio_s`` is the audio of each batch in the order of the queue, shape (num_batches,). There are trials where the
    longest batch exceeds half of an even share of all: a worker of half the speed would work on it for as long as the
    run should take. A trial is a 32nd of a share, of the longest batches of which four fit in; else each worker's is
    one of the last batches of the queue, and none where that would hold up the longest by more than a 16th.
    """
    share_s = float(audio_s.sum()) / num_workers
    longest_s = float(audio_s.max(initial=0.0))
    if num_workers == 1 or longest_s <= share_s / 2:
        return []
    size_s = min(share_s / _TRIALS_PER_SHARE, _MOST_S)
    num_long = int(np.flatnonzero(audio_s > size_s / _BATCHES_PER_TRIAL)[-1]) + 1
    ends_s = np.cumsum(audio_s[num_long:])
    edges = [0]
    while edges[-1] < len(ends_s) and len(edges) <= num_workers:
        before_s = float(ends_s[edges[-1] - 1]) if edges[-1] else 0.0
        edges.append(int(np.searchsorted(ends_s, before_s + size_s, side="right")))
    if len(edges) > num_workers and edges[-1] < len(ends_s):
        return [num_long + edge for edge in edges]
    edges = list(range(len(audio_s) - num_workers, len(audio_s) + 1))
    most_s = max(share_s, longest_s) / _LONGEST_TO_TRIAL
    return edges if edges[0] > 0 and float(audio_s[edges[0] :].max()) <= most_s else []
