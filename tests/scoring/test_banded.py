import numpy as np
import pytest
from hypothesis import given
from rapidfuzz.distance import Levenshtein

from earmark.scoring import banded

from .oracles import WORDS, canonical, long_pair


def setting(reference, hypothesis):
    num_errors = Levenshtein.distance(reference, hypothesis)
    return banded.intern(reference, hypothesis), banded.Band(len(reference), len(hypothesis), num_errors)


@given(WORDS, WORDS)
def test_substitutions_are_those_of_the_brute_force(reference, hypothesis):
    """The band holds a canonical alignment, however short or unequal the texts are."""
    texts, band = setting(reference, hypothesis)
    assert banded.fewest_substitutions(*texts, band.num_errors) == canonical(reference, hypothesis)[1]


@given(WORDS, WORDS)
def test_a_trace_has_the_canonical_counts(reference, hypothesis):
    """The operations traced back through the table are those that were counted."""
    texts, band = setting(reference, hypothesis)
    letters = banded.trace(*texts, band)
    assert tuple(letters.count(letter) for letter in "=SDI") == canonical(reference, hypothesis)


@given(WORDS.filter(lambda words: len(words) > 1), WORDS)
def test_the_middle_cell_is_on_a_canonical_alignment(reference, hypothesis):
    """The counts before and after the cell add up to the counts of the whole."""
    texts, band = setting(reference, hypothesis)
    i, j = banded.middle(*texts, band)
    halves = zip(canonical(reference[:i], hypothesis[:j]), canonical(reference[i:], hypothesis[j:]), strict=True)
    assert tuple(map(sum, halves)) == canonical(reference, hypothesis)


@pytest.mark.parametrize("rate", [0.05, 0.5])
def test_wide_tables_are_exact(rate):
    """Six hundred words, whose costs are as large as in a real text, agree with the brute force."""
    reference, hypothesis = long_pair(600, rate, seed=11, num_types=40)
    texts, band = setting(reference, hypothesis)
    assert banded.fewest_substitutions(*texts, band.num_errors) == canonical(reference, hypothesis)[1]


def test_large_costs_do_not_overflow():
    """Where costs pass what 32 bits hold, wider rows are used and the count stays right."""
    num_words = 17_000
    band = banded.Band(num_words, num_words, num_words)
    first = next(banded.rows(np.zeros(num_words, np.int32), np.ones(num_words, np.int32), band))
    assert first.dtype == np.int64
    assert next(banded.rows(np.zeros(9, np.int32), np.ones(9, np.int32), banded.Band(9, 9, 9))).dtype == np.int32
