"""The simulated queue, and the promise that the real planner keeps it busy."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from earmark import schema
from earmark.planning.estimated import estimated_segments
from earmark.planning.makespan import lower_bound_s, makespan_s
from earmark.planning.plan import make_plan, shard_rows
from earmark.planning.queue_order import batch_stops, in_turn
from earmark.spec import BatchingSpec, RecognizerSpec, SegmentationSpec
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


@pytest.mark.parametrize("is_mixed", [False, True])
@pytest.mark.parametrize("num_workers", [1, 8, 64])
@pytest.mark.parametrize("batching", ["single", "masked"])
def test_the_planners_queue_is_within_a_twentieth_of_the_bound(num_workers, is_mixed, batching):
    """Ten thousand utterances as LibriSpeech has them, also where one worker in four has half the speed."""
    duration_s = np.random.default_rng(0).lognormal(np.log(6.2), 0.6, 10_480).clip(1.3, 35.0)
    recognizer = RecognizerSpec(name="x", version="1", batching=batching)
    spec = toy_spec(recognizer=recognizer, batching=BatchingSpec(max_batch_s=64.0))
    plan = in_turn(make_plan(utterances(duration_s.tolist()), schema.SEGMENTS.empty_table(), spec), num_workers)
    costs_s = 0.02 + plan["duration_s"].to_numpy() / 100.0
    ends_s = np.concatenate([[0.0], np.cumsum(costs_s)])
    queue = (ends_s[stop] - ends_s[row] for row, stop in shard_rows(plan, num_workers))
    speeds = [0.5 if is_mixed and rank % 4 == 3 else 1.0 for rank in range(num_workers)]
    batches_s = np.diff(ends_s[np.append(0, batch_stops(plan))])
    assert makespan_s(queue, speeds, dispatch_s=0.005) <= 1.05 * lower_bound_s(batches_s, speeds)


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
