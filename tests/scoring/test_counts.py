import math
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.scoring.counts import CorpusCounts, ErrorCounts
from earmark.scoring.lines import ser_line, wer_line

number = st.integers(0, 10**9)
word_counts = st.builds(ErrorCounts, number, number, number, number)
corpora = st.builds(CorpusCounts, word_counts, number, number, number, number, number, number)


@given(word_counts, word_counts, word_counts)
def test_word_counts_are_a_commutative_monoid(a, b, c):
    """Any grouping and any order of additions gives the same counts, and zero adds nothing."""
    assert (a + b) + c == a + (b + c) == sum([c, b, a])
    assert a + ErrorCounts.zero() == a == ErrorCounts.zero() + a


@given(corpora, corpora, corpora)
def test_corpus_counts_are_a_commutative_monoid(a, b, c):
    """Any grouping and any order of shards gives the same corpus, and zero adds nothing."""
    assert (a + b) + c == a + (b + c) == sum([c, b, a])
    assert a + CorpusCounts.zero() == a == CorpusCounts.zero() + a


def test_lengths_and_rate_follow_from_the_counts():
    """N = H + S + D, M = H + S + I and the rate is (S + D + I) / N."""
    counts = ErrorCounts(hits=5, substitutions=1, deletions=2, insertions=4)
    assert (counts.errors, counts.reference_length, counts.hypothesis_length) == (7, 8, 10)
    assert counts.rate == 7 / 8


def test_a_rate_is_not_clipped():
    """Three errors on one reference word are 300 per cent."""
    assert ErrorCounts(substitutions=1, insertions=2).rate == 3.0


def test_a_rate_without_reference_is_none():
    """Insertions without a reference have no rate, and nor has nothing at all."""
    assert ErrorCounts(insertions=2).rate is None
    corpus = CorpusCounts.zero()
    assert (corpus.wer, corpus.cer, corpus.ser, corpus.wer_without_empty_references) == (None, None, None, None)


def test_counts_become_python_ints_that_do_not_overflow():
    """A numpy int32 is kept as an int, so that sums beyond 2**31 are exact."""
    counts = ErrorCounts(hits=np.int32(2**31 - 1))
    assert type(counts.hits) is int
    assert sum([counts] * 1000).hits == 1000 * (2**31 - 1)


@pytest.mark.parametrize("name", ["hits", "substitutions", "deletions", "insertions"])
def test_a_negative_word_count_is_refused_by_name(name):
    """The error says which count is negative."""
    with pytest.raises(ValueError, match=f"{name} is -1"):
        ErrorCounts(**{name: -1})


def test_corpus_counts_are_checked_too():
    """A negative or fractional number cannot enter a corpus."""
    with pytest.raises(ValueError, match="num_utterances is -3"):
        CorpusCounts(num_utterances=-3)
    with pytest.raises(TypeError):
        CorpusCounts(character_errors=1.5)


def test_counts_cannot_be_changed():
    """A frozen value can be shared between threads and shards."""
    with pytest.raises(FrozenInstanceError):
        ErrorCounts().hits = 1


def test_counts_add_to_counts_only():
    """Adding a number or other counts is a mistake, not zero."""
    with pytest.raises(TypeError):
        ErrorCounts() + 1
    with pytest.raises(TypeError):
        1 + ErrorCounts()
    with pytest.raises(TypeError):
        CorpusCounts() + ErrorCounts()


def test_the_ranks_of_a_distributed_run_add_up():
    """Two ranks of a SpeechBrain run give its summary, not the mean of their rates."""
    ranks = [
        CorpusCounts(ErrorCounts(26689 - 831 - 96, 831, 96, 1039), num_utterances=1310, num_wrong_utterances=528),
        CorpusCounts(ErrorCounts(25887 - 858 - 145, 858, 145, 756), num_utterances=1310, num_wrong_utterances=550),
    ]
    total = sum(ranks)
    assert (total.words.errors, total.words.reference_length) == (1966 + 1759, 26689 + 25887)
    assert math.isclose(100 * total.wer, 7.084981740718198, rel_tol=1e-15)
    assert math.isclose(100 * total.ser, 41.14503816793893, rel_tol=1e-15)
    assert not math.isclose(total.wer, sum(rank.wer for rank in ranks) / 2, rel_tol=1e-4)


def test_the_lines_are_those_of_kaldi():
    """Scripts that look for these lines find them, to the character."""
    words = ErrorCounts(hits=52568 - 800 - 152, substitutions=800, deletions=152, insertions=126)
    assert wer_line(words) == "%WER 2.05 [ 1078 / 52568, 126 ins, 152 del, 800 sub ]"
    assert ser_line(CorpusCounts(num_utterances=2620, num_wrong_utterances=718)) == "%SER 27.40 [ 718 / 2620 ]"


def test_a_line_without_a_rate_says_so():
    """No reference word is neither 0 per cent nor infinity."""
    assert wer_line(ErrorCounts(insertions=2)) == "%WER n/a [ 2 / 0, 2 ins, 0 del, 0 sub ]"
    assert ser_line(CorpusCounts.zero()) == "%SER n/a [ 0 / 0 ]"
