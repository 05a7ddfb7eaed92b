from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.verbs.in_order import in_order


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100), st.integers(1, 4), st.integers(1, 9))
def test_answers_come_in_the_order_of_the_things(number, threads, at_once):
    """However many threads there are, and however many a thread takes."""
    assert list(in_order(str, range(number), threads, at_once=at_once)) == [str(one) for one in range(number)]


def test_few_things_are_taken_before_the_first_answer_is_asked_for():
    """So an endless row of things costs no memory."""
    taken = iter(range(1_000_000))
    answers = in_order(lambda one: one, taken, 2, at_once=3)
    assert next(answers) == 0
    answers.close()
    assert next(taken) <= 8 * 2 * 3


def test_several_things_are_done_at_the_same_time():
    """Two threads meet at a barrier, which one alone could not pass."""
    barrier = threading.Barrier(2, timeout=30)
    assert len(list(in_order(lambda _: barrier.wait(), range(2), 2))) == 2


def test_what_goes_wrong_is_raised_in_its_turn():
    """After the answers of those before it."""
    answers = in_order(lambda one: 1 // (3 - one), range(9), 2)
    assert [next(answers) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(answers)
