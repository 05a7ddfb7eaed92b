"""Shards of single utterances: each of what is left once, in the order of the data, bounded, and fine at the end."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.planning.in_order import shards_in_order
from tests.planning.test_plan import utterances


def sizes(duration_s: list[float], num_workers: int) -> list[int]:
    nothing = np.zeros(len(duration_s), bool)
    return [
        shard.num_segments for shard in shards_in_order(utterances(duration_s), "/", nothing, num_workers=num_workers)
    ]


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0.0, 4000.0), st.booleans()), max_size=60), st.integers(1, 5))
def test_what_is_left_is_in_one_shard_each_in_the_order_of_the_data(rows, num_workers):
    """Whatever the lengths, and however many are done."""
    table = utterances([length_s for length_s, _ in rows])
    done = np.array([is_done for _, is_done in rows], bool)
    found = list(shards_in_order(table, "/root", done, num_workers=num_workers))
    batches = [batch for shard in found for batch in shard.batches]
    assert [batch.id for batch in batches] == np.flatnonzero(~done).tolist()
    assert [[(one.index, one.id, one.audio.uri) for one in batch.segments] for batch in batches] == [
        [(index, f"u{index}", f"/root/{index}.wav")] for index in np.flatnonzero(~done).tolist()
    ]


def test_a_shard_of_short_clips_is_bounded():
    """However little audio they hold, a worker has no more than 500 in hand."""
    assert max(sizes([0.1] * 20_000, 1)) == 500


def test_a_shard_of_long_recordings_is_an_hour_or_one_recording():
    """So that a kill costs little."""
    assert set(sizes([1800.0] * 200, 1)) == {2, 1}
    assert sizes([7200.0] * 3, 1) == [1, 1, 1]


def test_no_worker_is_left_with_a_long_shard_at_the_end():
    """The last ones of a long set hold four minutes, a few hundred clips before them an eighth of what is left."""
    found = sizes([8.0] * 10_000, 2)
    assert found[0] == 450
    assert found[-2] == 30
    assert sum(found) == 10_000
    assert len(found) < 60
