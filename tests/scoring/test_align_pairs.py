"""Counting and aligning in one go gives what the two give apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from earmark.scoring import banded
from earmark.scoring.alignment import align
from earmark.scoring.pairs import align_pairs, score_pairs

WORDS = st.lists(st.sampled_from(["a", "aa", "aaa", "ab", "b", "c"]), max_size=8)
TEXTS = st.one_of(WORDS.map(" ".join), WORDS.map("  ".join), WORDS.map(lambda words: f" {' '.join(words)} "))


@given(pairs=st.lists(st.tuples(TEXTS, TEXTS), max_size=5))
def test_pairs_are_counted_and_aligned_as_apart(pairs):
    """The counts of ``score_pairs`` and the codes of ``align``, also where words are prefixes of each other."""
    references, hypotheses = [one for one, _ in pairs], [other for _, other in pairs]
    counts, codes = align_pairs(references, hypotheses)
    apart = score_pairs(references, hypotheses)
    for name in ("hits", "substitutions", "deletions", "insertions", "character_errors", "reference_characters"):
        assert getattr(counts, name).tolist() == getattr(apart, name).tolist()
    assert codes == [align(reference.split(), hypothesis.split()) for reference, hypothesis in pairs]


@given(reference=WORDS, hypothesis=WORDS)
def test_short_texts_are_traced_alike_with_and_without_numpy(reference, hypothesis):
    """Operation by operation, ties included."""
    band = banded.Band(len(reference), len(hypothesis), Levenshtein.distance(reference, hypothesis))
    assert banded.trace_short(reference, hypothesis, band) == banded.trace(*banded.intern(reference, hypothesis), band)
