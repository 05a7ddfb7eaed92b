"""Confusions are what a person counts along the alignments."""

from __future__ import annotations

from collections import Counter

import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.reports.confusions import BoundedCounts, ConfusionTally
from earmark.scoring import load_scorer
from tests.reports.tables import Pair, tables


def tally(*pairs: Pair) -> ConfusionTally:
    """The pairs, a window each."""
    found = ConfusionTally()
    for pair in pairs:
        scores = tables([pair])[0]
        found.add(scores.filter(pc.equal(scores["status"], "scored")), str.split)
    return found


def test_each_kind_is_counted_by_hand():
    """Most frequent first, then by word; a deletion beside how often the word is said."""
    found = tally(
        Pair("the cat sat on the mat", "a cat sat on mat"),
        Pair("the dog and the cat", "a dog and a cat too"),
        Pair("the cat", "the cat"),
        Pair("the the", None),
    ).most(10)
    facts = found.facts()
    assert facts["substitutions"] == [["the", "a", 3]]
    assert facts["deletions"] == [["the", 1, 5]]
    assert facts["insertions"] == [["too", 1]]
    assert found.deletions[0].share == 0.2
    assert found.undercount == 0


def test_ties_are_in_the_order_of_words_and_the_list_is_as_long_as_asked():
    """So that the same run gives the same list."""
    found = tally(Pair("b a c", "y x z"), Pair("c", "z")).most(2)
    assert found.facts()["substitutions"] == [["c", "z", 2], ["a", "x", 1]]


word = st.text("abc", min_size=1, max_size=2)
text = st.lists(word, max_size=8).map(" ".join)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(text, text), min_size=1, max_size=5))
def test_confusions_add_up_to_the_counts(pairs):
    """As many of each kind as the scores have."""
    scores = tables([Pair(*pair) for pair in pairs])[0]
    found = tally(*(Pair(*pair) for pair in pairs)).most(10_000)
    for kind in ("substitutions", "deletions", "insertions"):
        assert sum(one.number for one in getattr(found, kind)) == pc.sum(scores[kind]).as_py()


def test_a_merge_that_was_forgiven_is_no_confusion():
    """The scorer's alignment says where the next words are."""
    pytest.importorskip("kaldialign")
    scores = tables([Pair("now here it is", "nowhere was it")])[0]
    scorer = load_scorer("open-asr")
    code = scorer.score(["now here it is"], ["nowhere was it"]).alignments[0]
    place = scores.schema.get_field_index("alignment")
    found = ConfusionTally()
    found.add(scores.set_column(place, "alignment", [[code]]), scorer.tokens)
    assert found.most(5).facts() == {
        "substitutions": [],
        "deletions": [["is", 1, 1]],
        "insertions": [["was", 1]],
        "undercount": 0,
    }


@given(st.lists(st.sampled_from("abcdefghij"), max_size=300), st.integers(2, 12))
def test_bounded_counts_say_how_far_they_are_off(keys, bound):
    """Never too high, never too low by more than they say, and never more keys than the bound."""
    counts, truth = BoundedCounts(bound), Counter(keys)
    for key in keys:
        counts.add([key])
        assert len(counts.most(1000)) <= bound
    for key, number in truth.items():
        assert number - counts.undercount <= counts[key] <= number
    if len(truth) <= bound:
        assert counts.undercount == 0
        assert dict(counts.most(1000)) == truth
