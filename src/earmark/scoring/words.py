"""How far one text is from another, in words and in characters.

Words are what ``str.split()`` leaves: any run of Unicode whitespace parts them (tab, no-break space and U+3000 too),
there are no empty words, and a text of whitespace is empty. Code points are compared as given: composed and decomposed
letters differ, and bringing them together, like case and punctuation, is the normalizer's matter.

The counts are canonical: fewest errors, then most hits. Errors alone do not fix how they fall into substitutions,
deletions and insertions (``x a`` / ``a y z`` has 3 errors, as 2 + 0 + 1 or as 0 + 1 + 2); this rule does, it is the
same read backwards, and swapping the texts swaps deletions and insertions.

RapidFuzz tells words apart by Python's 64-bit hash of a string: two different words of a pair are taken for equal
with a chance of 2**-64.
"""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein

from earmark.scoring import banded
from earmark.scoring.counts import ErrorCounts

ERROR_COST = 2**31
"""The cost of an error where a substitution costs 1 more: above any number of substitutions that memory can hold."""

_WEIGHTS = (ERROR_COST, ERROR_COST, ERROR_COST + 1)  # insertion, deletion, substitution
_LONG = 4000  # measured: from about here, plus three words an error, the band is cheaper than the whole table


def edit_cost(reference_words: Sequence[str], hypothesis_words: Sequence[str]) -> int:
    """Return ``errors * ERROR_COST + substitutions`` of the canonical alignment.

    The whole table costs time as the product of the lengths. Where both texts are thousands of words long, the number
    of errors is found first, bit-parallel, and then only the diagonals that so many errors can reach are looked at.
    Memory grows with the length of the texts, not with its square.
    """
    shorter = min(len(reference_words), len(hypothesis_words))
    if shorter > _LONG:
        num_errors = Levenshtein.distance(reference_words, hypothesis_words)
        if 3 * num_errors + _LONG < shorter:
            texts = banded.intern(reference_words, hypothesis_words)
            return num_errors * ERROR_COST + banded.fewest_substitutions(*texts, num_errors)
    return Levenshtein.distance(reference_words, hypothesis_words, weights=_WEIGHTS)


def word_counts(reference: str, hypothesis: str) -> ErrorCounts:
    """Return the canonical counts of one pair of texts."""
    reference_words, hypothesis_words = reference.split(), hypothesis.split()
    errors, substitutions = divmod(edit_cost(reference_words, hypothesis_words), ERROR_COST)
    deletions = (errors - substitutions + len(reference_words) - len(hypothesis_words)) // 2
    return ErrorCounts(
        hits=len(reference_words) - substitutions - deletions,
        substitutions=substitutions,
        deletions=deletions,
        insertions=errors - substitutions - deletions,
    )


def character_errors(reference: str, hypothesis: str) -> int:
    """Count the fewest character errors between the texts, each with its words joined by single spaces.

    A character is a code point, and a space between words is one. So a missing space is an error, and the number of
    spaces between words is none.
    """
    return Levenshtein.distance(" ".join(reference.split()), " ".join(hypothesis.split()))
