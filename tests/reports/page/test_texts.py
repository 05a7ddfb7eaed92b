"""Texts as a page keeps them give back the very texts."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.reports.page.texts import SAME, UPPER, other_chunk, shown, text_chunk
from earmark.scoring import load_scorer
from tests.reports.tables import Pair, tables

WORDS = load_scorer("levenshtein").tokens
MIXED = load_scorer("mixed").tokens
TEXT = st.text(alphabet="ab AB\n京東", max_size=12)


def back(chunk: dict, row: int) -> list:
    """The four texts of a row, as the page reads them."""
    said, raw, heard, raw_heard = chunk["texts"][4 * row : 4 * row + 4]
    heard = said if heard == SAME else heard

    def written(raw, entry):
        return entry if raw == SAME else entry.upper() if raw == UPPER else raw

    return [said, written(raw, said), heard, written(raw_heard, heard)]


@settings(deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5))
def test_what_repeats_is_left_out_and_comes_back(pairs):
    """Whatever is the same, in capitals, or neither."""
    scores, _ = tables([Pair(reference, hypothesis) for reference, hypothesis in pairs])
    chunk = text_chunk(scores, MIXED)
    for row, (reference, hypothesis) in enumerate(pairs):
        assert back(chunk, row) == [shown(reference, MIXED), reference, shown(hypothesis, MIXED), hypothesis]


def test_what_is_the_same_costs_a_digit():
    """Of a hypothesis without an error, and of capitals."""
    scores, _ = tables([Pair("a b", "a b")])
    assert text_chunk(scores, WORDS)["texts"] == ["a b", SAME, SAME, SAME]
    assert text_chunk(scores, WORDS)["alignments"] == [SAME]


def test_tokens_that_no_space_parts_come_as_a_list():
    """The page splits at spaces, and these are characters."""
    assert shown("東京 tower", MIXED) == ["東", "京", "tower"]
    assert shown("two words", MIXED) == "two words"
    assert shown("  odd   space ", WORDS) == "odd space"


def test_what_failed_has_its_reason_and_no_alignment():
    """By row."""
    scores, _ = tables([Pair("a", "a"), Pair("b", None)])
    chunk = text_chunk(scores, WORDS)
    assert chunk["reasons"] == {"1": "no luck"}
    assert chunk["alignments"] == [SAME, ""]


def test_of_another_run_only_what_it_heard_is_kept():
    """Beside the same references."""
    scores, _ = tables([Pair("a b", "a c"), Pair("d", "d")])
    assert other_chunk(scores, ["a b", "d"], WORDS) == {
        "texts": ["a c", SAME, SAME, SAME],
        "alignments": ["1=1S", SAME],
    }
