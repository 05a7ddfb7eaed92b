"""The default scorer: fewest errors, then most hits. Its rules and its speed are in ``words`` and ``pairs``."""

from __future__ import annotations

from collections.abc import Sequence

from earmark.scoring.identity import CHARACTER_RULES, WORD_RULES, ScorerIdentity, identify
from earmark.scoring.pairs import PairScores, align_pairs, score_pairs
from earmark.scoring.scorer import ScoredPairs

RULES = f"""\
{WORD_RULES}\
words: fewest errors (substitutions, deletions, insertions cost 1 each); among those alignments, most hits
{CHARACTER_RULES}"""


class Levenshtein:
    """Fewest errors, then most hits: the split that does not depend on the order in which a table is filled."""

    @property
    def identity(self) -> ScorerIdentity:
        return identify("levenshtein", "1", RULES)

    def tokens(self, text: str) -> list[str]:
        return text.split()

    def counts(self, references: Sequence[str], hypotheses: Sequence[str]) -> PairScores:
        return score_pairs(references, hypotheses)

    def score(self, references: Sequence[str], hypotheses: Sequence[str]) -> ScoredPairs:
        counts, codes = align_pairs(references, hypotheses)
        return ScoredPairs(counts, codes, [()] * len(codes))


LEVENSHTEIN = Levenshtein()
"""What counts where nobody chose another."""
