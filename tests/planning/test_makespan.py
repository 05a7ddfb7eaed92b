"""The simulated queue, and the promise that the real planner keeps it busy."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from earmark import schema
from earmark.planning.estimated import estimated_segments
from earmark.planning.makespan import lower_bound_s, makespan_s
from earmark.planning.plan import make_plan, shard_rows
from earmark.planning.queue_order import in_turn
from earmark.spec import BatchingKind, BatchingSpec, RecognizerSpec, SegmentationSpec
from tests.planning.test_plan import utterances
from tests.toys import toy_spec


def test_whoever_is_free_takes_the_next():
    """By hand: 4 and 3 begin, then 3 goes to the second worker at 3, and 1 to the first at 4."""
    assert makespan_s([4.0, 3.0, 3.0, 1.0], [1.0, 1.0]) == 6.0
    assert makespan_s([4.0, 3.0, 3.0, 1.0], [1.0, 1.0], dispatch_s=0.5) == 7.0
    assert makespan_s([4.0, 3.0], [1.0, 0.5]) == 6.0
    assert makespan_s([], [1.0]) == 0.0


def test_no_order_beats_the_bound():
    """All the work evenly, or the longest piece on the fastest worker."""
    assert lower_bound_s([1.0] * 6, [1.0, 0.5]) == 4.0
    assert lower_bound_s([9.0, 1.0], [1.0, 0.5]) == 9.0
    assert lower_bound_s([], [1.0]) == 0.0


BATCHING = BatchingSpec(max_batch_s=64.0)
HALF = [0.5 if rank % 4 == 3 else 1.0 for rank in range(64)]
"""One worker in four has half the speed."""


def played(duration_s: np.ndarray, batching: BatchingKind, num_workers: int) -> tuple[list[float], list[float]]:
    """The seconds that each shard of the planner's queue takes at speed 1, and those of each batch."""
    spec = toy_spec(recognizer=RecognizerSpec(name="x", version="1", batching=batching), batching=BATCHING)
    plan = make_plan(utterances(duration_s.tolist()), schema.SEGMENTS.empty_table(), spec)
    queue = in_turn(plan, num_workers)
    costs_s = 0.02 + queue.plan["duration_s"].to_numpy() / 100.0
    ends_s = np.concatenate([[0.0], np.cumsum(costs_s)])
    shards_s = [ends_s[stop] - ends_s[row] for row, stop in shard_rows(queue, num_workers)]
    return shards_s, np.diff(ends_s[np.append(0, queue.stops)]).tolist()


@pytest.mark.parametrize("is_mixed", [False, True])
@pytest.mark.parametrize("num_workers", [1, 8, 64])
@pytest.mark.parametrize("batching", ["single", "masked"])
def test_the_planners_queue_is_within_a_twentieth_of_the_bound(num_workers, is_mixed, batching):
    """Ten thousand utterances as LibriSpeech has them, also where one worker in four has half the speed."""
    duration_s = np.random.default_rng(0).lognormal(np.log(6.2), 0.6, 10_480).clip(1.3, 35.0)
    shards_s, batches_s = played(duration_s, batching, num_workers)
    speeds = (HALF if is_mixed else [1.0] * 64)[:num_workers]
    assert makespan_s(shards_s, speeds, dispatch_s=0.005) <= 1.05 * lower_bound_s(batches_s, speeds)


@pytest.fixture(name="whole", params=[32, 64])
def _whole(request) -> tuple[list[float], list[float]]:
    """Shards and speeds of uncut recordings up to an hour; one of an hour takes as long as a share, or longer."""
    duration_s = ((np.random.default_rng(1).pareto(1.15, 10_480) + 1.0) * 2.0).clip(0.3, 3_600.0)
    shards_s, batches_s = played(duration_s, "single", request.param)
    assert max(batches_s) > 0.5 * sum(batches_s) / request.param
    return shards_s, HALF[: request.param]


def test_an_hour_in_one_piece_goes_to_no_slow_worker(whole):
    """Speeds that nobody knows: whoever is back from its trial first takes it."""
    shards_s, speeds = whole
    assert makespan_s(shards_s, speeds, dispatch_s=0.005) <= 1.05 * lower_bound_s(shards_s, speeds)


@pytest.mark.parametrize("seed", range(5))
def test_nor_where_everything_takes_other_times_than_its_length_says(whole, seed):
    """Each shard up to 30 % less or more."""
    shards_s, speeds = whole
    shards_s = (np.array(shards_s) * np.random.default_rng(seed).uniform(0.7, 1.3, len(shards_s))).tolist()
    assert makespan_s(shards_s, speeds, dispatch_s=0.005) <= 1.05 * lower_bound_s(shards_s, speeds)


def test_nor_to_a_worker_that_begins_cold(whole):
    """The first worker is ten times as long at its first shard; without trials that is the hour."""
    [first_s, *shards_s], speeds = whole
    bound_s = lower_bound_s([first_s, *shards_s], speeds)
    assert makespan_s([10 * first_s, *shards_s], speeds, dispatch_s=0.005) <= 1.05 * bound_s
    longest_first = sorted([first_s, *shards_s], reverse=True)
    assert makespan_s([10 * longest_first[0], *longest_first[1:]], speeds) > 5 * bound_s


def test_long_audio_is_estimated_in_equal_pieces():
    """As few as the recognizer takes; what fits, and what has no length, is left whole."""
    table = utterances([10.0, 70.0, 0.0, 30.0, 61.0])
    recognizer = RecognizerSpec(name="x", version="1", max_audio_s=30.0)
    found = estimated_segments(table, toy_spec(recognizer=recognizer))
    assert found.schema == schema.SEGMENTS
    assert found["index"].to_pylist() == [1, 1, 1, 4, 4, 4]
    assert found["segment"].to_pylist() == [0, 1, 2, 0, 1, 2]
    assert found["start_s"].to_pylist() == pytest.approx([0.0, 70 / 3, 140 / 3, 0.0, 61 / 3, 122 / 3])
    assert max(found["duration_s"].to_pylist()) <= 30.0
    assert len(make_plan(table, found, toy_spec(recognizer=recognizer))) == 9


@pytest.mark.parametrize(
    "spec",
    [
        toy_spec(),
        toy_spec(
            recognizer=RecognizerSpec(name="x", version="1", max_audio_s=30.0),
            segmentation=SegmentationSpec(name="none"),
        ),
    ],
)
def test_nothing_is_cut_where_a_run_cuts_nothing(spec):
    """The recognizer takes any length, or nobody wants it cut."""
    assert estimated_segments(utterances([70.0]), spec) == pa.table(schema.SEGMENTS.empty_table())
