from __future__ import annotations

import pytest

from earmark.records import ScoredUtterance, Word
from earmark.sweeps.speech_texts import combined
from earmark.text import load_normalizer


def heard(text: str, *sure: float, id_: str = "u", confidence: float | None = None, status: str = "scored"):
    pairs = zip(text.split(), sure, strict=True) if sure else ()
    words = tuple(Word(word, 0.1 * k, 0.1 * k, one) for k, (word, one) in enumerate(pairs))
    return ScoredUtterance(
        id=id_,
        status=status,
        reference_normalized="the reference",
        hypothesis=text,
        hypothesis_normalized=load_normalizer("basic")(text),
        words=words or None,
        confidence=confidence,
    )


def together(*runs):
    return list(combined(runs, load_normalizer("basic"), str.split))


def test_texts_are_voted_as_they_are_scored():
    """Case and punctuation part nobody."""
    (one,) = together([heard("Good DAY")], [heard("good day.")], [heard("hood day")])
    assert (one.rover, one.mbr, one.reference) == ("good day", "good day", "the reference")


def test_confidences_of_words_count_where_all_have_them():
    """A word that is parted by the normalizer lends its confidence to each part."""
    runs = [heard("well-known b", 0.9, 0.9)], [heard("well known c", 0.9, 0.9, 0.1)], [heard("c", 0.1)]
    (one,) = together(*runs)
    assert one.rover == "well known c"
    assert one.rover_confidence == "well known b"


def test_the_confidence_of_a_text_stands_for_its_words():
    """Where the words have none, or are not those of the text."""
    (one,) = together([heard("a", confidence=0.9)], [heard("b", confidence=0.2)], [heard("b", confidence=0.2)])
    assert one.rover_confidence == "a"


def test_without_any_confidence_nothing_is_mixed():
    """One run that is sure of nothing is enough; one that heard nothing is no such run."""
    (one,) = together([heard("a", 0.9)], [heard("b")])
    assert one.rover_confidence is None
    (other,) = together([heard("a", 0.9)], [heard("")])
    assert other.rover_confidence == "a"


def test_only_what_is_scored_in_all_runs_is_combined():
    """The others are passed over, in the order of the data."""
    first = [heard("a", id_="1"), heard("b", id_="2"), heard("c", id_="3")]
    second = [heard("a", id_="1"), heard("b", id_="2", status="failed"), heard("c", id_="3")]
    assert [one.id for one in together(first, second)] == ["1", "3"]


def test_runs_of_other_utterances_are_refused():
    """Rather than voted as if they were the same."""
    with pytest.raises(ValueError, match="different utterances: 1, 2"):
        together([heard("a", id_="1")], [heard("a", id_="2")])
