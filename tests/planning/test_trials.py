"""Trials come before the longest pieces, one for each worker, where those decide when a run ends."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark import schema
from earmark.planning.plan import make_plan, shard_rows
from earmark.planning.queue_order import in_turn
from earmark.planning.trials import trials
from earmark.spec import BatchingSpec
from tests.planning.test_plan import planned, utterances
from tests.toys import toy_spec

HOUR_S = 3600.0


def lengths(*counted: tuple[int, float]) -> np.ndarray:
    """So many of each length."""
    return np.array([length_s for count, length_s in counted for _ in range(count)])


def shard_lengths(duration_s: list[float], num_workers: int, max_batch_s: float = 1.0) -> list[list[float]]:
    queue = in_turn(planned(utterances(duration_s), max_batch_s), num_workers)
    found = queue.plan["duration_s"].to_pylist()
    return [found[row:stop] for row, stop in shard_rows(queue, num_workers)]


def test_where_one_piece_takes_as_long_as_half_a_share_each_worker_has_a_trial():
    """By hand: of 7,040 s each of two workers has a share of 3,520 s, whose 32nd is 110 s: eleven pieces of 10 s."""
    edges = trials(lengths((1, HOUR_S), (4, 100.0), (304, 10.0)), 2)
    assert edges == [5, 16, 27]


def test_no_piece_of_a_trial_is_longer_than_a_quarter_of_it():
    """So that trials are alike, and still of the longest audio that there is for it."""
    edges = trials(lengths((1, HOUR_S), (20, 28.0), (20, 27.0), (240, 10.0)), 2)
    assert edges == [21, 25, 29]


@pytest.mark.parametrize(
    ("audio_s", "num_workers"),
    [
        (lengths((1, HOUR_S), (400, 10.0)), 1),
        (lengths((1, 20.0), (1000, 10.0)), 4),
        (lengths((1, HOUR_S), (1, 10.0)), 2),
        (lengths((8, HOUR_S)), 4),
        (lengths((1, 40.0), (9, 10.0)), 4),
        (np.empty(0), 4),
    ],
    ids=["one worker", "short pieces", "no third piece", "long pieces alone", "a few pieces", "nothing"],
)
def test_where_nothing_is_gained_there_are_none(audio_s, num_workers):
    """One worker takes all; short pieces are even anyway; and a trial is no large part of a run."""
    assert trials(audio_s, num_workers) == []


def test_batches_that_are_too_long_for_a_trial_are_one_each():
    """The last ones of the queue, where they are short beside the longest."""
    assert trials(lengths((1, HOUR_S), (40, 64.0)), 4) == [37, 38, 39, 40, 41]


def test_trials_are_alike_where_short_pieces_are_few():
    """One each, and not 57 for the first worker and three for the second."""
    assert trials(lengths((1, HOUR_S), (60, 1.0)), 2) == [59, 60, 61]


def test_a_trial_is_no_longer_than_any_shard():
    """Ten minutes, although a 32nd of the share is an hour: a kill costs no more."""
    edges = trials(lengths((1, 80 * HOUR_S), (7200, 60.0)), 2)
    assert edges == [1, 11, 21]


def test_trials_are_handed_out_first_and_then_the_longest():
    """Two of eleven pieces of 10 s, the hour, and the rest as ever."""
    found = shard_lengths([10.0] * 304 + [HOUR_S] + [100.0] * 4, 2)
    assert found[:4] == [[10.0] * 11, [10.0] * 11, [HOUR_S], [100.0]]


def test_batches_of_the_longest_audio_still_go_one_by_one_behind_them():
    """What does not fit into memory shows as soon as every worker has had its trial."""
    found = shard_lengths([1.0] * 6000 + [HOUR_S] + [100.0] * 4, 2, max_batch_s=20.0)
    assert found[:4] == [[1.0] * 140, [1.0] * 140, [HOUR_S], [100.0]]


def test_utterances_of_unknown_length_count_for_ten_seconds():
    """Else one trial would hold all of them."""
    found = shard_lengths([0.0] * 344 + [HOUR_S], 2)
    assert [len(shard) for shard in found[:2]] == [11, 11]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.just(0.0) | st.floats(0.1, 5.0), min_size=1, max_size=400),
    st.lists(st.floats(50.0, 5000.0), max_size=5),
    st.integers(1, 5),
    st.floats(1.0, 60.0),
)
def test_every_batch_is_in_one_shard_and_whole_with_trials_and_without(short_s, long_s, num_workers, max_batch_s):
    """Rows change places, batch by batch, and nothing else."""
    spec = toy_spec(batching=BatchingSpec(max_batch_s=max_batch_s))
    plan = make_plan(utterances([*short_s, *long_s]), schema.SEGMENTS.empty_table(), spec)
    queue = in_turn(plan, num_workers)
    edges = [*shard_rows(queue, num_workers)]
    assert [edges[0][0], *(stop for _, stop in edges)] == [*(row for row, _ in edges), len(plan)]
    assert pa.concat_tables([queue.plan]).sort_by([("batch", "ascending"), ("index", "ascending")]) == plan.sort_by(
        [("batch", "ascending"), ("index", "ascending")]
    )
    for row, stop in edges:
        inside = set(queue.plan["batch"].to_pylist()[row:stop])
        assert not inside & set(queue.plan["batch"].to_pylist()[stop:])
