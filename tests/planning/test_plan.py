"""A plan covers every utterance once, and shards cover every batch once, whatever the workers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark import schema
from earmark.planning.plan import make_plan, shards
from earmark.planning.queue_order import in_turn
from earmark.spec import BatchingSpec
from tests.toys import toy_spec


def utterances(duration_s: list[float]) -> pa.Table:
    rows = [
        {
            "index": index,
            "id": f"u{index}",
            "audio": f"{index}.wav",
            "duration_s": seconds,
        }
        for index, seconds in enumerate(duration_s)
    ]
    return pa.Table.from_pylist(rows, schema.UTTERANCES)


def planned(table: pa.Table, max_batch_s: float = 20.0) -> pa.Table:
    return make_plan(table, schema.SEGMENTS.empty_table(), toy_spec(batching=BatchingSpec(max_batch_s=max_batch_s)))


def nothing_done(plan: pa.Table) -> np.ndarray:
    return np.zeros(plan["batch"].to_numpy().max(initial=-1) + 1, dtype=bool)


def all_shards(table: pa.Table, plan: pa.Table, num_workers: int, done: np.ndarray | None = None) -> list:
    return list(shards(table, plan, "/root", nothing_done(plan) if done is None else done, num_workers=num_workers))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.1, 40.0), min_size=1, max_size=80), st.integers(1, 9))
def test_shards_hold_each_batch_once_and_whole_for_any_number_of_workers(duration_s, num_workers):
    """Shards are cut differently for other workers; the batches in them are the same."""
    table = utterances(duration_s)
    plan = planned(table)
    batches = [batch for shard in all_shards(table, plan, num_workers) for batch in shard.batches]
    alone = [batch for shard in all_shards(table, plan, 1) for batch in shard.batches]
    assert sorted(batches, key=lambda batch: batch.id) == sorted(alone, key=lambda batch: batch.id)
    assert [batch.id for batch in batches[:num_workers]] == list(range(min(num_workers, len(batches))))
    assert sorted(segment.index for batch in batches for segment in batch.segments) == list(range(len(duration_s)))


def test_what_is_done_is_not_handed_out_again():
    """Only the batches that are left become shards."""
    table = utterances([10.0] * 8)
    plan = planned(table)
    done = nothing_done(plan)
    done[[0, 2]] = True
    left = [batch.id for shard in all_shards(table, plan, 2, done) for batch in shard.batches]
    assert left == [1, 3]


def test_the_longest_come_first():
    """So that what does not fit shows at once."""
    plan = planned(utterances([1.0, 9.0, 4.0]))
    assert plan["index"].to_pylist() == [1, 2, 0]


def test_many_short_utterances_come_before_few_long_ones():
    """A batch for each worker as planned; then by shares of audio and utterances; an hour is not left to the end."""
    table = utterances([60.0, 60.0, *[20.0] * 2, *[10.0] * 4, *[2.0] * 20])
    plan = planned(table)
    sizes = [len(batch.segments) for shard in all_shards(table, plan, 1) for batch in shard.batches]
    assert sizes == [1, 10, 10, 1, 2, 2, 1, 1]
    assert [batch.id for shard in all_shards(table, plan, 1) for batch in shard.batches] == [0, 6, 7, 1, 4, 5, 2, 3]
    three = in_turn(plan, 3).plan
    assert three.filter(pa.array(three["batch"].to_numpy() < 3))["batch"].to_pylist() == [0, 1, 2]
    assert in_turn(plan.slice(0, 0), 2).plan == plan.slice(0, 0)


def test_shards_shrink_towards_the_end():
    """After a batch for each worker a share of all that is left, small ones at last, so that no worker ends late."""
    large = utterances([10.0] * 30_000)
    large_sizes = [shard.num_segments for shard in all_shards(large, planned(large), 8)]
    assert large_sizes[:9] == [2] * 8 + [30]
    assert large_sizes[8:] == sorted(large_sizes[8:], reverse=True)
    assert large_sizes[-1] <= 3


def test_a_few_batches_go_together_so_that_the_next_is_made_ready():
    """Four of the largest, although that is more than a thousandth of the run; single utterances keep to that."""
    table = utterances([10.0] * 3_000)
    sizes = [len(shard.batches) for shard in all_shards(table, planned(table), 2)]
    assert sizes[:4] == [1, 1, 4, 4]
    assert sizes[2:] == sorted(sizes[2:], reverse=True)
    alone = [shard.num_segments for shard in all_shards(table, planned(table, 1.0), 2)]
    assert alone[0] == 3


def test_a_small_run_keeps_all_workers_busy():
    """Nine minutes of audio for two workers are cut far finer than 30 s at the end."""
    table = utterances([7.4] * 74)
    sizes = [shard.num_segments for shard in all_shards(table, planned(table, 7.4), 2)]
    assert len(sizes) > 10
    assert sizes[-1] == 1


def test_a_relative_path_starts_at_the_root_and_an_absolute_one_stays():
    """A shard says where its audio is on this machine."""
    table = pa.Table.from_pylist(
        [
            {"index": 0, "id": "a", "audio": "x/a.wav", "duration_s": 2.0},
            {"index": 1, "id": "b", "audio": "/abs/b.wav", "duration_s": 1.0},
        ],
        schema.UTTERANCES,
    )
    segments = all_shards(table, planned(table), 1)[0].batches[0].segments
    assert [segment.audio.uri for segment in segments] == ["/root/x/a.wav", "/abs/b.wav"]


def test_a_whole_file_is_read_whole_whatever_the_data_claim_of_its_length():
    """A rounded duration in a manifest must not cut the last milliseconds off."""
    table = utterances([1.23])
    segment = all_shards(table, planned(table), 1)[0].batches[0].segments[0]
    assert segment.audio.start_s is None
