from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.scoring.oracle import expected_fewest_errors, fewest_errors

tables = st.integers(1, 5).flatmap(
    lambda num_systems: st.lists(
        st.lists(st.integers(0, 9), min_size=num_systems, max_size=num_systems), min_size=1, max_size=6
    )
)


@given(tables)
def test_the_chosen_system_has_the_fewest_errors(columns):
    """In each utterance, and it is the first of those."""
    errors = np.array(columns).T
    assert fewest_errors(errors).tolist() == [column.index(min(column)) for column in columns]


@given(tables)
def test_the_best_of_k_is_the_mean_over_all_choices(columns):
    """Of k systems, each choice tried."""
    errors = np.array(columns).T
    for k, found in enumerate(expected_fewest_errors(errors).tolist(), 1):
        choices = [errors[list(chosen)].min(axis=0).sum() for chosen in itertools.combinations(range(len(errors)), k)]
        assert found == pytest.approx(sum(choices) / len(choices))


def test_one_system_is_its_own_oracle_and_all_are_the_bound():
    """The ends of the curve."""
    errors = np.array([[1, 0, 5], [2, 3, 0]])
    assert expected_fewest_errors(errors).tolist() == [5.5, 1.0]
