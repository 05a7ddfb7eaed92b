from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.scoring import table
from earmark.scoring.alignment import operations
from earmark.scoring.kaldi import RULE as KALDI
from earmark.scoring.sclite import RULE as SCLITE
from earmark.scoring.table import TieRule, align_pairs

from .oracles import WORDS

RULES = [SCLITE, KALDI, TieRule(substitution=2, deletion=1, insertion=3, order=("D", "=", "I"))]


def slow(reference, hypothesis, rule):
    """Walk back from the end by the definition, with the cost of each beginning by recursion."""

    @cache
    def cost(i, j):
        ways = [0] if i == j == 0 else []
        ways += [cost(i - 1, j) + rule.deletion] if i else []
        ways += [cost(i, j - 1) + rule.insertion] if j else []
        ways += [cost(i - 1, j - 1) + rule.substitution * (reference[i - 1] != hypothesis[j - 1])] if i and j else []
        return min(ways)

    i, j, letters = len(reference), len(hypothesis), ""
    while i or j:
        for choice in rule.order:
            if choice == "D" and i and cost(i - 1, j) + rule.deletion == cost(i, j):
                i, letters = i - 1, "D" + letters
                break
            if choice == "I" and j and cost(i, j - 1) + rule.insertion == cost(i, j):
                j, letters = j - 1, "I" + letters
                break
            if choice == "=" and i and j:
                is_hit = reference[i - 1] == hypothesis[j - 1]
                if cost(i - 1, j - 1) + rule.substitution * (not is_hit) == cost(i, j):
                    i, j, letters = i - 1, j - 1, "S="[is_hit] + letters
                    break
    return letters


def letters_of(code):
    return "".join(letter * length for letter, length in operations(code))


PAIRS = st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=6)


@pytest.mark.parametrize("rule", RULES)
@given(pairs=PAIRS)
@settings(max_examples=60)
def test_alignments_are_those_of_the_definition(rule, pairs):
    """Also of many pairs of different lengths in one table."""
    references, hypotheses = [r for r, _ in pairs], [h for _, h in pairs]
    found = align_pairs(references, hypotheses, rule)
    expected = [slow(tuple(r), tuple(h), rule) for r, h in pairs]
    assert [letters_of(code) for code in found.codes] == expected
    assert found.counts.T.tolist() == [[letters.count(one) for one in "=SDI"] for letters in expected]


@given(PAIRS, st.sampled_from(RULES), st.integers(1, 60))
@settings(max_examples=60)
def test_tables_that_do_not_fit_are_filled_in_pieces(pairs, rule, max_cells):
    """The size of a table changes nothing."""
    references, hypotheses = [r for r, _ in pairs], [h for _, h in pairs]
    whole = align_pairs(references, hypotheses, rule)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "_MAX_CELLS", max_cells)
        pieces = align_pairs(references, hypotheses, rule)
    assert pieces.codes == whole.codes
    assert np.array_equal(pieces.counts, whole.counts)


def test_no_pairs_have_no_alignments():
    """Nothing is no error."""
    found = align_pairs([], [], SCLITE)
    assert (found.codes, found.counts.shape) == ([], (4, 0))
