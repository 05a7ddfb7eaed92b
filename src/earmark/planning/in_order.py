"""Shards of work on single utterances that no recognizer batches, such as staging: in the order of the data.

So pieces of one file, and files of one folder, are done together. Each utterance is a batch of its own. In memory are
three numbers for each utterance that is left; its objects are made when a worker asks for them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from earmark.planning.guided import ShardSize, cumulated_s, guided
from earmark.records import AudioRef, Batch, Segment, Shard

_SIZE = ShardSize(least_s=240.0, most_s=3600.0, most_rows=500)
_COLUMNS = ("index", "id", "audio", "start_s", "duration_s", "channel")


def shards_in_order(utterances: pa.Table, root: str, done: NDArray[np.bool_], *, num_workers: int) -> Iterator[Shard]:
    """The utterances (schema.UTTERANCES) that are not ``done``, grouped as they are asked for.

    A shard holds at most an hour of audio, and at most 500 utterances, so that a kill costs little and a worker has few
    files in hand; towards the end 240 s, less in a small set.
    """
    left = np.flatnonzero(~done)
    ends_s = cumulated_s(utterances["duration_s"].to_numpy()[left])
    stops = np.arange(1, len(left) + 1)
    columns = utterances.select(list(_COLUMNS))
    for row, stop in guided(ends_s, stops, _SIZE, num_workers):
        yield Shard(tuple(_batch(found, root) for found in columns.take(left[row:stop]).to_pylist()))


def _batch(row: dict[str, Any], root: str) -> Batch:
    audio = AudioRef(
        uri=os.path.join(root, row["audio"]),  # noqa: PTH118  # an absolute uri stays as it is
        start_s=row["start_s"],
        duration_s=row["duration_s"],
        channel=row["channel"],
    )
    return Batch(row["index"], (Segment(row["index"], 0, 1, row["id"], audio),))
