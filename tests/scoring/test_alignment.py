from collections import Counter

import pytest
from hypothesis import given

from earmark.scoring import alignment
from earmark.scoring.alignment import align, operations, render_diff

from .oracles import WORDS, canonical, long_pair


def counts(code):
    lengths = Counter()
    for letter, length in operations(code):
        lengths[letter] += length
    return tuple(lengths[letter] for letter in "=SDI")


def applied(code, reference, hypothesis):
    """Make the hypothesis from the reference, taking from the hypothesis only what is new."""
    made, i, j = [], 0, 0
    for letter, length in operations(code):
        made += reference[i : i + length] if letter == "=" else [] if letter == "D" else hypothesis[j : j + length]
        i += length * (letter != "I")
        j += length * (letter != "D")
    assert i == len(reference)
    return made


@given(WORDS, WORDS)
def test_counts_are_canonical(reference, hypothesis):
    """What is shown is what was counted, also where a faster library breaks ties another way."""
    assert counts(align(reference, hypothesis)) == canonical(reference, hypothesis)


@given(WORDS, WORDS)
def test_applied_to_the_reference_it_gives_the_hypothesis(reference, hypothesis):
    """Hits really are equal words, in order."""
    assert applied(align(reference, hypothesis), reference, hypothesis) == hypothesis


@given(WORDS, WORDS)
def test_halving_large_tables_keeps_the_counts(reference, hypothesis):
    """Where no table fits in memory, the pieces together are canonical and give the hypothesis."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alignment, "_MAX_CELLS", 20)
        code = align(reference, hypothesis)
    assert counts(code) == canonical(reference, hypothesis)
    assert applied(code, reference, hypothesis) == hypothesis


@pytest.mark.parametrize("rate", [0.02, 0.4])
def test_long_texts_are_aligned(rate):
    """Five thousand words, too many for one table, keep errors, hits and order."""
    reference, hypothesis = long_pair(5000, rate, seed=9)
    code = align(reference, hypothesis)
    num_errors, fewest = divmod(alignment.edit_cost(reference, hypothesis), alignment.ERROR_COST)
    assert counts(code)[1] == fewest
    assert sum(counts(code)[1:]) == num_errors
    assert applied(code, reference, hypothesis) == hypothesis


@pytest.mark.parametrize(
    ("reference", "hypothesis", "code"),
    [
        ("", "", ""),
        ("a b c", "a b c", "3="),
        ("a b", "", "2D"),
        ("", "a b", "2I"),
        ("x a", "a y z", "1D1=2I"),
        ("a b c d e f g h i", "a b c d e x g h i j", "5=1S3=1I"),
    ],
)
def test_known_codes(reference, hypothesis, code):
    """Runs are a number and a letter, and empty texts have no run."""
    assert align(reference.split(), hypothesis.split()) == code


def test_operations_are_runs():
    """A code is read back as its letters and lengths."""
    assert list(operations("12=1S3D")) == [("=", 12), ("S", 1), ("D", 3)]
    assert list(operations("")) == []


@pytest.mark.parametrize("code", ["=", "5", "0=", "3X", "3= 1S", "-1=", "1=\n"])
def test_what_is_no_code_is_refused(code):
    """A damaged cell is named, and never read as something shorter."""
    with pytest.raises(ValueError, match="is no alignment"):
        operations(code)


def test_a_diff_shows_each_operation():
    """Hits are plain; the other three have a mark of their own."""
    reference, hypothesis = ["the", "cat", "sat", "down"], ["the", "cap", "sat", "here", "now"]
    assert render_diff(reference, hypothesis, "1=1S1=1S1I") == "the [cat->cap] sat [down->here] [+now+]"
    assert render_diff(["a", "b"], ["b"], "1D1=") == "[-a-] b"
    assert render_diff([], [], "") == ""


@given(WORDS, WORDS)
def test_a_diff_has_an_item_for_each_operation(reference, hypothesis):
    """Split at spaces, the n-th item belongs to the n-th operation, so brackets in words confuse nobody."""
    reference, hypothesis = [f"[-{word}->" for word in reference], [f"[-{word}->" for word in hypothesis]
    code = align(reference, hypothesis)
    items = render_diff(reference, hypothesis, code).split()
    letters = "".join(letter * length for letter, length in operations(code))
    assert [item for item, letter in zip(items, letters, strict=True) if letter == "="] == [
        word for word, letter in zip(reference, letters.replace("I", ""), strict=True) if letter == "="
    ]


@pytest.mark.parametrize("code", ["1=", "3=", "2=1I", "1=1D", ""])
def test_a_code_of_other_texts_is_refused(code):
    """A code that does not fit the words is an error, not a shorter line."""
    with pytest.raises(ValueError, match="words, not 2 and 2"):
        render_diff(["a", "b"], ["a", "b"], code)
