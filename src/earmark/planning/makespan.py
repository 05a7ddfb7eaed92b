"""How long a queue of shards keeps its workers, on paper. Knows seconds and speeds; knows no audio and no engine."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence


def makespan_s(costs_s: Iterable[float], speeds: Sequence[float], *, dispatch_s: float = 0.0) -> float:
    """When the last worker is done, in seconds, where each one takes the next shard as soon as it is free.

    ``costs_s`` are the seconds that each shard takes at speed 1, in the order of the queue, ``speeds`` those of the
    workers, and ``dispatch_s`` what every shard costs beside its work. 0 where there is no shard.
    """
    # Those that are free at the same moment come in their order: the simulation is the same every time.
    free = [(0.0, rank) for rank in range(len(speeds))]
    last_s = 0.0
    for cost_s in costs_s:
        at_s, rank = free[0]
        done_s = at_s + dispatch_s + cost_s / speeds[rank]
        heapq.heapreplace(free, (done_s, rank))
        last_s = max(last_s, done_s)
    return last_s


def lower_bound_s(costs_s: Iterable[float], speeds: Sequence[float]) -> float:
    """What no order of the batches, or of whatever is not divided, can beat: all the work evenly, or the longest piece.

    The longest piece is done by the fastest worker at best. 0 where there is nothing.
    """
    total_s = longest_s = 0.0
    for cost_s in costs_s:
        total_s += cost_s
        longest_s = max(longest_s, cost_s)
    return max(total_s / sum(speeds), longest_s / max(speeds))
