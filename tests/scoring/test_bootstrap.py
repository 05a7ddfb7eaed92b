import numpy as np
import pytest

from earmark.scoring import bootstrap
from earmark.scoring.bootstrap import difference_interval, wer_interval


@pytest.fixture
def corpus():
    random = np.random.default_rng(7)
    words = random.integers(5, 30, 600)
    return random.binomial(words, 0.1), words


def naive(errors, words, num_replicates, seed):
    """Draw units one by one, add them up, and take percentiles."""
    random = np.random.default_rng(seed)
    rates = []
    for _ in range(num_replicates):
        drawn = random.integers(0, len(words), len(words))
        rates.append(errors[drawn].sum() / words[drawn].sum())
    return np.quantile(rates, [0.025, 0.975])


def test_it_is_close_to_drawing_utterances_one_by_one(corpus):
    """The interval has the ends of the naive loop's, within the noise of four thousand replicates."""
    interval = wer_interval(*corpus, None, num_replicates=4000)
    low, high = naive(*corpus, 4000, seed=1)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.05 * (high - low))
    assert (interval.level, interval.num_replicates, interval.unit, interval.num_units) == (
        0.95,
        4000,
        "utterance",
        600,
    )


def test_speakers_are_drawn_whole(corpus):
    """Where a speaker's utterances are equally hard, the interval is that of drawing speakers, and wider."""
    _, words = corpus
    speaker = np.arange(600) % 12
    errors = np.minimum(words, speaker)
    sums = [np.bincount(speaker, weights=column) for column in (errors, words)]
    low, high = naive(*sums, 4000, seed=1)
    interval = wer_interval(errors, words, [f"s{k}" for k in speaker], num_replicates=4000)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.06 * (high - low))
    assert (interval.unit, interval.num_units) == ("speaker", 12)
    alone = wer_interval(errors, words, None)
    assert interval.high - interval.low > 2 * (alone.high - alone.low)


def test_few_or_unknown_speakers_are_not_drawn(corpus):
    """Nine speakers, or one whose name is missing, leave utterances as the unit."""
    assert wer_interval(*corpus, [f"s{k % 9}" for k in range(600)]).unit == "utterance"
    assert wer_interval(*corpus, [f"s{k % 10}" for k in range(600)]).unit == "speaker"
    assert wer_interval(*corpus, [None, *(f"s{k % 20}" for k in range(599))]).unit == "utterance"


def test_only_the_seed_and_the_numbers_matter(corpus):
    """The same seed gives the same interval in any order of rows and under any names, another seed another one."""
    errors, words = corpus
    order = np.random.default_rng(3).permutation(600)
    speakers = np.array([f"s{k % 15}" for k in range(600)])
    interval = wer_interval(errors, words, speakers.tolist(), seed=5)
    assert wer_interval(errors[order], words[order], speakers[order].tolist(), seed=5) == interval
    assert wer_interval(errors, words, [f"other-{name}" for name in speakers], seed=5) == interval
    assert wer_interval(errors, words, speakers.tolist(), seed=6) != interval


def test_drawing_in_chunks_changes_nothing(corpus, monkeypatch):
    """Memory is bounded without touching the answer."""
    whole = wer_interval(*corpus, None)
    monkeypatch.setattr(bootstrap, "_MAX_DRAWN", 1000)
    assert wer_interval(*corpus, None) == whole


def test_there_is_none_without_words_or_of_fewer_than_six():
    """No reference word, or a handful of utterances, say nothing about the spread."""
    none = np.array([], int)
    assert wer_interval(none, none, None) is None
    assert wer_interval(np.array([2, 1]), np.array([0, 0]), None) is None
    some = np.arange(5)
    assert wer_interval(some, some + 4, None) is None
    assert difference_interval(some, some + 4) is None
    assert wer_interval(np.arange(6), np.full(6, 9), None) is not None


def test_replicates_without_words_are_left_out():
    """Of six utterances, five without a reference, some draws have no word, and no rate is infinite."""
    errors, words = np.ones(6, int), np.array([0, 0, 0, 0, 0, 4])
    interval = wer_interval(errors, words, None)
    assert 0.25 <= interval.low < interval.high == 1.5
    assert wer_interval(errors, words, None, num_replicates=0) is None


def test_equal_utterances_have_no_spread():
    """Where every utterance is the same, so is every replicate."""
    interval = wer_interval(np.full(50, 3), np.full(50, 12), None)
    assert interval.low == interval.high == 0.25


def test_lengths_must_agree():
    """Numbers of different utterances are never put together."""
    with pytest.raises(ValueError, match="same utterances"):
        wer_interval(np.array([1, 2]), np.array([3]), None)
    with pytest.raises(ValueError, match="same utterances"):
        wer_interval(np.array([1, 2]), np.array([3, 4]), ["a"])
