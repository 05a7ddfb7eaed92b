"""The contract of a scorer: many pairs of normalized texts to counts, alignments and what was forgiven.

Scorers agree on what an error is and differ on how errors fall into kinds, on ties, on what a token is, and on whether
a compound that is written apart is one. So a number is only comparable with another when both carry the same scorer.
It knows no rule of any scorer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from earmark.scoring.identity import ScorerIdentity
from earmark.scoring.pairs import PairScores


@dataclass(frozen=True, slots=True, order=True)
class Merge:
    """Words that count as right although they are written apart on one side: ``now here`` and ``nowhere``.

    One of the two is a single word; the words of the other have single spaces between them.
    """

    reference: str
    hypothesis: str


@dataclass(frozen=True, slots=True, eq=False)
class ScoredPairs:
    """What a scorer finds for each pair, in the order of the pairs.

    ``alignments`` are codes of ``alignment``, of the scorer's tokens; their counts are those of ``counts``.
    ``forgiven`` are the merges of each pair, in the order of the text.
    """

    counts: PairScores
    alignments: list[str]
    forgiven: list[tuple[Merge, ...]]


class Scorer(Protocol):
    """A pure function of pairs of texts, which says exactly by which rules it counts. It is made without arguments."""

    @property
    def identity(self) -> ScorerIdentity:
        """Name, version and hash of the rules: part of every result."""
        ...

    def tokens(self, text: str) -> list[str]:
        """What is counted and aligned: words, or characters where they are. No token holds whitespace or is empty."""
        ...

    def counts(self, references: Sequence[str], hypotheses: Sequence[str]) -> PairScores:
        """Count the errors of each pair, without alignments where they take longer.

        Raises ValueError for unequal lengths and TypeError for anything but text.
        """
        ...

    def score(self, references: Sequence[str], hypotheses: Sequence[str]) -> ScoredPairs:
        """Count and align each pair. Raises like ``counts``, whose numbers are the same."""
        ...
