"""Which batches are whose, where several drivers share a run."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import UsageError
from earmark.planning.selector import Selector


@given(st.integers(1, 40), st.integers(0, 200))
def test_every_batch_is_exactly_one_driver_s(num_drivers, num_batches):
    """However many drivers there are, also more than batches."""
    batch = np.arange(num_batches)
    chosen = [Selector(number, num_drivers).has(batch) for number in range(1, num_drivers + 1)]
    assert np.array_equal(np.sum(chosen, axis=0), np.ones(num_batches))


def test_each_driver_has_long_and_short_batches():
    """Neighbours in the plan, which are of like length, are of different drivers."""
    assert Selector(2, 3).has(np.arange(7)).tolist() == [False, True, False, False, True, False, False]


def test_an_utterance_in_pieces_is_a_driver_s_only_if_all_of_them_are():
    """The pieces of utterance 1 lie in batches of two drivers, those of 0 in batches of one."""
    plan = pa.table({"index": [0, 0, 1, 1, 2], "batch": [0, 2, 0, 1, 1]})
    assert Selector(1, 2).whole_utterances(plan, 3).tolist() == [True, False, False]
    assert Selector(2, 2).whole_utterances(plan, 3).tolist() == [False, False, True]
    assert Selector(1, 2).rows(plan)["index"].to_pylist() == [0, 0, 1]


def test_words_are_read_and_said():
    """As they are typed."""
    assert Selector.parse("3/16") == Selector(3, 16)
    assert str(Selector(3, 16)) == "3/16"


@pytest.mark.parametrize(
    "text", ["", "3", "0/4", "5/4", "1/0", "-1/4", "1/4/4", " 1/4", "a/b", "1.0/4", "٣/١٦", "1/" + "9" * 12]
)
def test_words_that_say_no_share_are_refused(text):
    """With an example."""
    with pytest.raises(UsageError, match="--shard") as refused:
        Selector.parse(text)
    assert "3/16" in refused.value.hint
