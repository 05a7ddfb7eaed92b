"""Batches come from lengths and the rule alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.planning.batching import cut, longest_first, padded_cost_s
from earmark.spec import BatchingSpec

durations = st.lists(st.floats(0.1, 60.0), min_size=1, max_size=60).map(lambda values: -np.sort(-np.array(values)))
rules = st.builds(
    BatchingSpec,
    max_batch_s=st.floats(1.0, 500.0),
    max_batch_size=st.none() | st.integers(1, 9),
    quadratic_per_s=st.floats(0.0, 0.2),
)


def members(batch: np.ndarray) -> list[np.ndarray]:
    return [np.flatnonzero(batch == number) for number in range(batch[-1] + 1)]


@given(durations, rules)
def test_no_batch_is_over_its_budget_unless_it_holds_one_utterance(duration_s, rule):
    """Padded cost and size stay within the rule."""
    cost_s = padded_cost_s(duration_s, rule.quadratic_per_s)
    for rows in members(cut(duration_s, "masked", rule)):
        assert len(rows) == 1 or cost_s[rows[0]] * len(rows) <= rule.max_batch_s * (1 + 1e-9)
        assert rule.max_batch_size is None or len(rows) <= rule.max_batch_size


@given(durations, rules)
def test_no_batch_could_have_taken_the_next_utterance(duration_s, rule):
    """Batches are full: one more would break the rule."""
    cost_s = padded_cost_s(duration_s, rule.quadratic_per_s)
    for rows in members(cut(duration_s, "masked", rule))[:-1]:
        too_costly = cost_s[rows[0]] * (len(rows) + 1) > rule.max_batch_s * (1 - 1e-9)
        assert too_costly or len(rows) == rule.max_batch_size


@given(st.lists(st.sampled_from([1.0, 1.00004, 1.5, 2.0]), min_size=1, max_size=40), rules)
def test_equal_length_batches_hold_one_sample_count(values, rule):
    """A recognizer that bears no padding never gets any."""
    duration_s = -np.sort(-np.array(values))
    for rows in members(cut(duration_s, "equal_length", rule)):
        assert len({round(value * 16_000) for value in duration_s[rows].tolist()}) == 1


def test_single_means_one_utterance_a_batch():
    """Whatever the budget."""
    assert cut(np.array([3.0, 2.0, 1.0]), "single", BatchingSpec(max_batch_s=100)).tolist() == [0, 1, 2]


def test_utterances_of_unknown_length_do_not_break_the_budget():
    """A length of 0 (nobody knows it before decoding) makes a batch of its own."""
    assert cut(np.array([1.0, 0.0, 0.0]), "masked", BatchingSpec(max_batch_s=10)).tolist() == [0, 0, 0]
    assert cut(np.array([0.0, 0.0]), "masked", BatchingSpec(max_batch_s=10)).tolist() == [0, 1]


def test_longest_first_keeps_the_order_of_equals():
    """So that a plan never depends on a sort's mood."""
    assert longest_first(np.array([1.0, 2.0, 1.0, 2.0])).tolist() == [1, 3, 0, 2]


@pytest.mark.parametrize("kind", ["masked", "equal_length", "single", "any"])
def test_every_utterance_is_in_exactly_one_batch(kind):
    """Batch numbers run from 0 without a gap."""
    batch = cut(-np.sort(-np.random.default_rng(0).uniform(1, 30, 500)), kind, BatchingSpec(max_batch_s=60))
    assert len(batch) == 500
    assert np.unique(batch).tolist() == list(range(batch[-1] + 1))
