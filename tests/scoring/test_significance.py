import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.scoring import significance
from earmark.scoring.bootstrap import difference_interval, drawn_units
from earmark.scoring.significance import LEAST_P, holm, mcnemar_p, sign_flip_factor, sign_flip_p

few = st.lists(st.integers(-6, 6), max_size=9)


def brute_force(differences):
    """Turn the signs in every possible way."""
    sums = [sum(sign * one for sign, one in zip(signs, differences, strict=True)) for signs in signs_of(differences)]
    return sum(abs(one) >= abs(sum(differences)) for one in sums) / len(sums)


def signs_of(differences):
    return list(product([-1, 1], repeat=len(differences)))


@given(few)
def test_the_share_is_that_of_all_ways_to_turn_the_signs(differences):
    """The characteristic function and the full list agree."""
    assert sign_flip_p(np.array(differences, int)) == pytest.approx(brute_force(differences), abs=1e-12)


@given(few)
def test_swapping_the_systems_changes_no_p(differences):
    """Which of the two is called B says nothing."""
    numbers = np.array(differences, int)
    assert sign_flip_p(numbers) == sign_flip_p(-numbers)


def test_the_exact_share_and_the_estimated_one_agree(monkeypatch):
    """On a thousand utterances, within five standard errors of the estimate."""
    differences = np.random.default_rng(1).integers(-3, 4, 1000) + (np.arange(1000) % 20 == 0)
    exact = sign_flip_p(differences)
    monkeypatch.setattr(significance, "_MAX_EXACT", 0)
    assert 0.01 < exact < 0.6
    assert sign_flip_p(differences) == pytest.approx(exact, abs=5 * (exact / 100_000) ** 0.5)


def test_no_p_is_ever_0(monkeypatch):
    """Neither of the exact share nor of the estimated one, where no permutation is as far."""
    differences = np.full(5000, 2)
    assert sign_flip_p(differences) == LEAST_P
    monkeypatch.setattr(significance, "_MAX_EXACT", 0)
    assert sign_flip_p(differences, num_permutations=999) == 1 / 1000


def test_without_a_difference_p_is_1():
    """No unit, equal systems, and differences that cancel."""
    assert [sign_flip_p(np.array(one, int)) for one in ([], [0, 0], [3, -2, -1])] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("fixed", "broken", "p"),
    [(0, 0, 1.0), (5, 5, 1.0), (1, 0, 1.0), (0, 6, 2 / 64), (8, 2, 112 / 1024), (2, 8, 112 / 1024)],
)
def test_mcnemar_is_a_fair_coin(fixed, broken, p):
    """Two-sided binomial probabilities, by hand."""
    assert mcnemar_p(fixed, broken) == pytest.approx(p, abs=1e-12)


def test_holm_by_hand():
    """The least p counts three times, the next twice; none falls below the one before; none is above 1."""
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.5]) == [1.0, 1.0]
    assert (holm([0.2]), holm([])) == ([0.2], [])


@pytest.fixture
def systems():
    random = np.random.default_rng(4)
    words = random.integers(4, 30, 700)
    return random.binomial(words, 0.12), random.binomial(words, 0.10), words


def naive_interval(errors_a, errors_b, words, num_replicates):
    """Draw units with both systems' errors one by one, and take the percentiles of the difference of the rates."""
    random = np.random.default_rng(99)
    found = []
    for _ in range(num_replicates):
        drawn = random.integers(0, len(words), len(words))
        found.append(errors_b[drawn].sum() / words[drawn].sum() - errors_a[drawn].sum() / words[drawn].sum())
    return np.quantile(found, [0.025, 0.975])


def test_the_interval_is_that_of_drawing_utterances_one_by_one(systems):
    """Both ends, within the noise of the loop."""
    errors_a, errors_b, words = systems
    interval = difference_interval(errors_b - errors_a, words)
    low, high = naive_interval(*systems, 6000)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.05 * (high - low))
    assert (interval.unit, interval.num_replicates) == ("utterance", 10_000)


def test_speakers_are_drawn_whole(systems):
    """Of fourteen speakers, each with its own difference, the interval is that of drawing speakers."""
    errors_a, _, words = systems
    speaker = np.arange(700) % 14
    errors_b = errors_a + (speaker % 3 == 0)
    interval = difference_interval(errors_b - errors_a, words, [f"s{one}" for one in speaker])
    sums = [np.bincount(speaker, weights=column) for column in (errors_a, errors_b, words)]
    low, high = naive_interval(*sums, 6000)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.06 * (high - low))
    assert (interval.unit, interval.num_units) == ("speaker", 14)
    units, unit = drawn_units(errors_b - errors_a, words, [f"s{one}" for one in speaker])
    assert (unit, units[0].tolist()) == ("speaker", (sums[1] - sums[0]).tolist())


utterances = st.lists(st.tuples(st.integers(-4, 4), st.integers(0, 6), st.integers(0, 11)), max_size=25)


@given(utterances)
def test_swapping_the_systems_mirrors_the_interval(rows):
    """To the last bit, with and without speakers, and where the differences are symmetric themselves."""
    differences, words = (np.array([row[k] for row in rows], int) for k in (0, 1))
    for groups in (None, [f"s{row[2]}" for row in rows]):
        there = difference_interval(differences, words, groups, num_replicates=200)
        back = difference_interval(-differences, words, groups, num_replicates=200)
        if there is None:
            assert back is None
        else:
            assert (there.low, there.high) == (-back.high, -back.low)
            assert there.low <= there.high


def test_symmetric_differences_have_a_symmetric_interval():
    """Where nothing tells A from B, nothing in the interval does, however few the replicates."""
    interval = difference_interval(np.array([3, -3, 1, -1] * 10), np.full(40, 7), num_replicates=30)
    assert interval.low == -interval.high < 0


def test_equal_systems_have_an_interval_of_nothing():
    """No difference in any utterance is none in any replicate."""
    interval = difference_interval(np.zeros(40, int), np.full(40, 9))
    assert (interval.low, interval.high) == (0, 0)


@pytest.mark.parametrize("differences", [[1], [1, 1, 1], [1] * 5, [3, -1, 2], [1, 1, -1, 1, 1, 1]])
def test_as_many_times_the_units_are_enough_and_fewer_by_a_third_are_not(differences):
    """The factor is where the exact test begins to say p < 0.05."""
    factor = sign_flip_factor(np.array(differences))
    repeated = math.ceil(factor * 1.1)
    assert sign_flip_p(np.tile(differences, repeated)) < 0.05
    fewer = math.floor(factor / 1.5)
    assert fewer < 1 or sign_flip_p(np.tile(differences, fewer)) >= 0.05


def test_no_number_of_units_tells_differences_that_cancel():
    """Or that are none."""
    assert sign_flip_factor(np.array([1, -1])) is None
    assert sign_flip_factor(np.array([0, 0])) is None
