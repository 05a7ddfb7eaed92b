"""Guided self-scheduling (Polychronopoulos and Kuck, 1987): how much of what is left the next shard takes.

Knows lengths and workers; knows no utterance. Each shard is a share of what remains, so few shards are needed, and no
worker is left with a long one at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SHARDS_PER_WORKER = 4
_LEAST_SHARDS_PER_WORKER = 32
_NOMINAL_S = 10.0  # what an utterance of unknown length counts for


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardSize:
    """The bounds of a shard, in seconds of audio, and in rows where ``most_rows`` is given.

    ``least_s`` gives way where a small run would leave workers idle, and to ``most_s``.
    """

    least_s: float
    most_s: float
    most_rows: int | None = None


def cumulated_s(duration_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """The seconds of audio up to the end of each row, a row of length 0 counting for 10 s."""
    return np.cumsum(np.where(duration_s > 0, duration_s, _NOMINAL_S))


def guided(
    ends_s: NDArray[np.float64], stops: NDArray[np.int64], size: ShardSize, num_workers: int
) -> Iterator[tuple[int, int]]:
    """The rows of each shard, as the first and the one after the last.

    ``stops`` are the rows at which a batch ends, and ``ends_s`` the seconds up to there: a shard ends only where a
    batch does, and a batch beyond the bounds is a shard all the same.
    """
    total_s = float(ends_s[-1]) if len(ends_s) else 0.0
    least_s = min(size.least_s, total_s / (_LEAST_SHARDS_PER_WORKER * num_workers))
    batch = 0
    while batch < len(stops):
        row, before_s = (int(stops[batch - 1]), float(ends_s[batch - 1])) if batch else (0, 0.0)
        share_s = (total_s - before_s) / (_SHARDS_PER_WORKER * num_workers)
        until_s = before_s + min(max(share_s, least_s), size.most_s) + 1e-9
        end = int(np.searchsorted(ends_s, until_s, side="right"))
        if size.most_rows is not None:
            end = min(end, int(np.searchsorted(stops, row + size.most_rows, side="right")))
        batch = max(end, batch + 1)
        yield row, int(stops[batch - 1])
