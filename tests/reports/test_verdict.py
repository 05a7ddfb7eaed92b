import pytest

from earmark.reports.verdict import p_text, points, sentence, speech_factor, verdict_on
from earmark.scoring.bootstrap import Interval


def between(low, high):
    return Interval(low, high, 0.95, 1000, "utterance", 100)


def test_the_sentence_of_a_better_run():
    """Which one, by how much, and how sure."""
    text = sentence("A", "B", -0.0021, between(-0.0033, -0.0010), 0.0012, 0.3)
    assert text == "B is better than A: -0.21 WER [-0.33, -0.10], p = 0.001"


def test_the_sentence_of_a_worse_run():
    """Said of B, as everything is."""
    text = sentence("A", "B", 0.0021, between(0.0010, 0.0033), 1e-9, 0.3)
    assert text == "B is worse than A: +0.21 WER [+0.10, +0.33], p < 0.001"


@pytest.mark.parametrize(
    ("difference", "interval", "p", "reason"),
    [
        (-0.01, (-0.03, 0.01), 0.3, "the interval includes 0 (about 4.0x the speech would be needed)"),
        (0.01, (-0.01, 0.02), 0.3, "the interval includes 0 (about 4.0x the speech would be needed)"),
        (0.01, (-0.04, 0.06), 0.6, "the interval includes 0 (about 25x the speech would be needed)"),
        (0.01, (-0.15, 0.17), 0.9, "the interval includes 0 (more than 100x the speech would be needed)"),
        (0.01, (0.0, 0.02), 0.06, "the interval includes 0 (a little more speech would be needed)"),
        (0.01, (0.001, 0.02), 0.06, "the test does not agree with the interval (p >= 0.05) (a little more speech"),
        (0.0, (-0.01, 0.01), 1.0, "the interval includes 0 (no amount of speech tells a difference of 0)"),
    ],
)
def test_what_cannot_be_told_is_said(difference, interval, p, reason):
    """And how much speech it would take."""
    factor = speech_factor(difference, between(*interval), 0.5)
    text = sentence("A", "B", difference, between(*interval), p, factor)
    assert text.startswith(f"this test set cannot tell A and B apart: {reason}")
    assert verdict_on(difference, between(*interval), p) == "undecided"


def test_the_test_can_ask_for_more_speech_than_the_interval():
    """What it takes is the larger of the two; without a difference nothing is enough."""
    assert speech_factor(0.01, between(0.0, 0.02), 3.0) == 3.0
    assert speech_factor(0.01, between(-0.01, 0.02), 3.0) == pytest.approx(4.0)
    assert speech_factor(0.01, between(-0.01, 0.02), None) is None


def test_a_handful_of_utterances_tells_nothing():
    """Without an interval there is no verdict."""
    said = "fewer than 6 utterances cannot tell A and B apart: +50.00 WER"
    assert sentence("A", "B", 0.5, None, 1.0, None) == said
    assert (verdict_on(0.5, None, 0.01), speech_factor(0.5, None, 2.0)) == ("undecided", None)


def test_numbers_are_printed_as_papers_do():
    """No minus before a zero, and no p of 0."""
    assert [points(one) for one in (-0.00001, 0.0, 0.00006, -0.1)] == ["0.00", "0.00", "+0.01", "-10.00"]
    assert [p_text(one) for one in (1e-12, 0.00099, 0.001, 1.0)] == ["p < 0.001", "p < 0.001", "p = 0.001", "p = 1.000"]
