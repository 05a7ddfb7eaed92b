"""MAPSSWE, the matched-pairs sentence-segment word error test, as NIST's sc_stats does it.

It is by Gillick and Cox 1989, "Some statistical issues in the comparison of speech recognition algorithms". An error
often drags its neighbours along, so words are not independent, but stretches of speech between words that both systems
got right nearly are. Each utterance is cut there, and the errors of each piece are compared. It knows the codes of
alignments, and no text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge

import numpy as np

from earmark.scoring.alignment import HIT, JOINED, PARTED, spans
from earmark.scoring.significance import LEAST_P, sign_flip_p

MIN_GOOD_WORDS = 2
"""So many reference words in a row that both systems got right part two segments, as in sc_stats."""


@dataclass(frozen=True, slots=True)
class MatchedPairs:
    """Segments in which at least one system erred, and how their errors differ.

    ``mean`` is of the errors of B less those of A in a segment, ``z`` its distance from 0 in standard errors, and ``p``
    two-sided, by the normal distribution. Where the differences do not vary, ``z`` is None, and ``p`` is the exact one
    of turning their signs (1 if there is none).
    """

    num_segments: int
    mean: float
    z: float | None
    p: float


def matched_pairs(alignments: Iterable[tuple[str, str]]) -> MatchedPairs:
    """Test the two systems on the codes (``alignment.align``) of each utterance, that of A and that of B.

    Raises ValueError where a code is none. Both codes must be of the same reference.
    """
    differences = np.fromiter((b - a for pair in alignments for a, b in segments(*pair)), np.int64)
    num_segments = len(differences)
    mean = float(differences.mean()) if num_segments else 0.0
    deviation = float(differences.std(ddof=1)) if num_segments > 1 else 0.0
    if deviation == 0.0:
        return MatchedPairs(num_segments, mean, None, sign_flip_p(differences))
    z = mean / (deviation / math.sqrt(num_segments))
    return MatchedPairs(num_segments, mean, z, max(LEAST_P, math.erfc(abs(z) / math.sqrt(2))))


def segments(code_a: str, code_b: str) -> Iterator[tuple[int, int]]:
    """Yield the errors of A and of B in each segment of an utterance, in order; nothing where both are right."""
    errors = [0, 0]
    reached = None  # where the errors of the segment end
    for start, end, num_errors, system in merge(_errors(code_a, 0), _errors(code_b, 1)):
        if reached is not None and start - reached >= MIN_GOOD_WORDS:
            yield errors[0], errors[1]
            errors = [0, 0]
            reached = None
        errors[system] += num_errors
        reached = max(end, reached or 0)
    if reached is not None:
        yield errors[0], errors[1]


def _errors(code: str, system: int) -> Iterator[tuple[int, int, int, int]]:
    """Each run of errors: the reference words before its start and before its end, its errors, and whose they are."""
    position = 0
    for letter, num_reference, num_hypothesis in spans(code):
        end = position + num_reference
        if letter not in (HIT, JOINED, PARTED):
            yield position, end, max(num_reference, num_hypothesis), system
        position = end
