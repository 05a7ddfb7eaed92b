from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.errors import UsageError
from earmark.records import AudioRef, Utterance
from earmark.sources.selection import Limited


@dataclass(frozen=True)
class Numbers:
    """A source of so many utterances, without files."""

    num_utterances: int
    name: str = "numbers"
    fingerprint: str = "f"
    root: str = "/"

    def utterances(self) -> Iterator[Utterance]:
        return (Utterance(str(number), AudioRef("a.wav")) for number in range(self.num_utterances))


def chosen(num_utterances: int, limit: str, seed: int | None = None) -> list[int]:
    return [int(u.id) for u in Limited(Numbers(num_utterances), limit, seed).utterances()]


@pytest.mark.parametrize(
    ("limit", "num"), [("3", 3), ("100", 20), ("5%", 1), ("0.1%", 1), ("26%", 6), ("100%", 20), (" 7 ", 7)]
)
def test_the_first_ones_by_number_or_share(limit, num):
    """Without a seed the first utterances are taken; a share is rounded up."""
    assert chosen(20, limit) == list(range(num))
    assert len(chosen(20, limit, seed=1)) == num


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 5))
def test_a_sample_keeps_order_and_nests(num_utterances, limit, seed):
    """A sample comes in the data's order, is the same again, and holds every smaller sample of its seed."""
    sample = chosen(num_utterances, str(limit), seed)
    assert sample == sorted(set(sample))
    assert len(sample) == min(limit, num_utterances)
    assert chosen(num_utterances, str(limit), seed) == sample
    assert set(sample) <= set(chosen(num_utterances, str(limit + 1), seed))


def test_seeds_choose_differently():
    """Two seeds do not give one sample, and neither gives the first ones."""
    assert len({tuple(chosen(1000, "10", seed)) for seed in range(5)} | {tuple(range(10))}) == 6


@pytest.mark.parametrize("limit", ["0", "-1", "1.5", "", "%", "0%", "101%", "ten", "nan", "4/2", "1/0%"])
def test_a_limit_that_is_none_is_refused(limit):
    """What is neither a number nor a share is bad usage."""
    with pytest.raises(UsageError, match="no limit"):
        Limited(Numbers(1), limit)


def test_limit_and_seed_are_in_the_fingerprint():
    """Another choice is another set of data."""
    choices = [("1", None), ("2", None), ("1", 1), ("1", 2), ("1%", None)]
    assert len({Limited(Numbers(5), *choice).fingerprint for choice in choices}) == len(choices)
