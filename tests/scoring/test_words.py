import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from earmark.scoring import words
from earmark.scoring.counts import ErrorCounts
from earmark.scoring.words import ERROR_COST, character_errors, edit_cost, word_counts

from .oracles import WORDS, canonical, long_pair


def of(reference, hypothesis):
    counts = word_counts(reference, hypothesis)
    return counts.hits, counts.substitutions, counts.deletions, counts.insertions


@given(WORDS, WORDS)
def test_counts_are_those_of_the_brute_force(reference, hypothesis):
    """Fewest errors, then most hits, as a table that tries everything finds them."""
    assert of(" ".join(reference), " ".join(hypothesis)) == canonical(reference, hypothesis)


@given(WORDS, WORDS)
def test_errors_are_those_of_jiwer_and_of_the_plain_distance(reference, hypothesis):
    """The tie rule moves errors between kinds and never changes how many there are."""
    errors = word_counts(" ".join(reference), " ".join(hypothesis)).errors
    theirs = jiwer.process_words(" ".join(reference), " ".join(hypothesis))
    assert errors == theirs.substitutions + theirs.deletions + theirs.insertions
    assert errors == Levenshtein.distance(reference, hypothesis)


@given(WORDS, WORDS)
def test_counts_fit_the_lengths(reference, hypothesis):
    """H + S + D is the reference, H + S + I the hypothesis, and I - D their difference."""
    counts = word_counts(" ".join(reference), " ".join(hypothesis))
    assert counts.reference_length == len(reference)
    assert counts.hypothesis_length == len(hypothesis)
    assert counts.insertions - counts.deletions == len(hypothesis) - len(reference)


@given(WORDS, WORDS)
def test_swapping_and_reversing_are_harmless(reference, hypothesis):
    """Swapping the texts swaps deletions and insertions; reading both backwards changes nothing."""
    hits, substitutions, deletions, insertions = of(" ".join(reference), " ".join(hypothesis))
    assert of(" ".join(hypothesis), " ".join(reference)) == (hits, substitutions, insertions, deletions)
    backwards = of(" ".join(reversed(reference)), " ".join(reversed(hypothesis)))
    assert backwards == (hits, substitutions, deletions, insertions)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "counts"),
    [
        ("", "", (0, 0, 0, 0)),
        ("", "a b", (0, 0, 0, 2)),
        ("a b", "", (0, 0, 2, 0)),
        ("x a", "a y z", (1, 0, 1, 2)),
        ("a b", "b a", (1, 0, 1, 1)),
        ("a", "b c d", (0, 1, 0, 2)),
        ("a\tb\nc\u00a0d\u3000e\u2028f", "a b c d e f", (6, 0, 0, 0)),
        ("  a   b ", "a b", (2, 0, 0, 0)),
        (" \t\u3000", "", (0, 0, 0, 0)),
        ("a\u200bb", "a b", (0, 1, 0, 1)),
        ("* <eps> a", "* a", (2, 0, 1, 0)),
        ("caf\u00e9", "cafe\u0301", (0, 1, 0, 0)),
    ],
)
def test_known_cases(reference, hypothesis, counts):
    """Empty texts, ties, every kind of whitespace, symbols that others misread, and code points as given."""
    assert of(reference, hypothesis) == counts


def test_no_empty_text_has_a_rate():
    """An empty reference gives None whatever the hypothesis, and deletions of everything give 1."""
    assert word_counts("", "").rate is None
    assert word_counts("", "a b").rate is None
    assert word_counts("a b", "").rate == 1.0


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.6])
def test_long_texts_are_exact(rate):
    """Five thousand words take the route that fits their errors and give the counts of the whole table."""
    reference, hypothesis = long_pair(5000, rate, seed=3)
    cost = Levenshtein.distance(reference, hypothesis, weights=(10**4, 10**4, 10**4 + 1))
    assert divmod(edit_cost(reference, hypothesis), ERROR_COST) == divmod(cost, 10**4)


@given(WORDS, WORDS)
def test_the_route_never_shows(reference, hypothesis):
    """Where every text counts as long, the counts stay those of the brute force."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "_LONG", 0)
        assert of(" ".join(reference), " ".join(hypothesis)) == canonical(reference, hypothesis)


def test_a_pair_is_plain_counts():
    """A pair's counts are the same value as a corpus's, so they add."""
    assert word_counts("a b", "a c") + word_counts("d", "d") == ErrorCounts(hits=2, substitutions=1)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "errors"),
    [
        ("ab cd", "abcd", 1),
        ("a  b", "a b", 0),
        (" a ", "a", 0),
        ("caf\u00e9", "cafe\u0301", 2),
        ("\t", "", 0),
        ("", "ab", 2),
    ],
)
def test_characters_are_code_points_with_single_spaces(reference, hypothesis, errors):
    """A lost space is an error, a doubled one is not, and no letter is composed or taken apart."""
    assert character_errors(reference, hypothesis) == errors


@given(WORDS.filter(bool), st.lists(st.sampled_from(["ab", "ba", "a"]), max_size=6))
def test_character_errors_are_those_of_jiwer(reference, hypothesis):
    """On texts with single spaces the character errors are jiwer's."""
    theirs = jiwer.process_characters(" ".join(reference), " ".join(hypothesis))
    ours = character_errors(" ".join(reference), " ".join(hypothesis))
    assert ours == theirs.substitutions + theirs.deletions + theirs.insertions
