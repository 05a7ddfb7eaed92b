"""What the scorers share that differ from the canonical one only in weights and in ties: see ``table``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from earmark.scoring.identity import ScorerIdentity
from earmark.scoring.pairs import PairScores, character_columns
from earmark.scoring.scorer import ScoredPairs
from earmark.scoring.table import TieRule, align_pairs


class TiedScorer:
    """Words, aligned by a tie rule."""

    def __init__(self, identity: ScorerIdentity, rule: TieRule) -> None:
        self._identity = identity
        self._rule = rule

    @property
    def identity(self) -> ScorerIdentity:
        return self._identity

    def tokens(self, text: str) -> list[str]:
        return text.split()

    def counts(self, references: Sequence[str], hypotheses: Sequence[str]) -> PairScores:
        return self.score(references, hypotheses).counts

    def score(self, references: Sequence[str], hypotheses: Sequence[str]) -> ScoredPairs:
        characters = character_columns(references, hypotheses)
        words = [text.split() for text in references], [text.split() for text in hypotheses]
        # Texts that are equal are hits under every rule that never pays more for a hit than for an error.
        differing = [k for k, (reference, hypothesis) in enumerate(zip(*words, strict=True)) if reference != hypothesis]
        found = align_pairs([words[0][k] for k in differing], [words[1][k] for k in differing], self._rule)
        codes = [f"{len(reference)}=" if reference else "" for reference in words[0]]
        counts = np.zeros((4, len(codes)), np.int32)
        counts[0] = [len(reference) for reference in words[0]]
        counts[:, differing] = found.counts
        for k, code in zip(differing, found.codes, strict=True):
            codes[k] = code
        return ScoredPairs(PairScores(*counts, *characters), codes, [()] * len(codes))
