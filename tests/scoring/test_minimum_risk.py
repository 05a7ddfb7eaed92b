from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.scoring.minimum_risk import least_risk

texts = st.lists(st.lists(st.sampled_from(["a", "b", "c"]), max_size=4), min_size=1, max_size=6)


def distance(a: list[str], b: list[str]) -> int:
    """The edit distance, by its definition."""
    if not a or not b:
        return len(a) + len(b)
    changed = distance(a[1:], b[1:]) + (a[0] != b[0])
    return changed if a[0] == b[0] else min(changed, distance(a[1:], b) + 1, distance(a, b[1:]) + 1)


@given(texts)
def test_no_other_text_is_nearer_to_all(systems):
    """Against all sums of distances; of several such texts it is the first."""
    risks = [sum(distance(one, other) for other in systems) for one in systems]
    assert least_risk(systems) == risks.index(min(risks))


def test_a_text_that_most_heard_wins():
    """More than half of all systems are nearer to it than to anything else."""
    assert least_risk([["x"], ["a", "b"], ["y", "z"], ["a", "b"], ["a", "b"]]) == 1


def test_of_two_it_is_the_first():
    """Both are as far from each other."""
    assert least_risk([["a"], ["b", "c"]]) == 0


def test_there_must_be_one():
    """Nothing cannot be chosen from."""
    with pytest.raises(ValueError, match="no hypothesis"):
        least_risk([])
