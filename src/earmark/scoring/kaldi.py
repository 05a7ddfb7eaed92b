"""The scorer of Kaldi, SpeechBrain and kaldialign: fewest errors, and their choice among ties.

On a tie an insertion goes before a deletion, and both go before a substitution or even a hit.
"""

from __future__ import annotations

from earmark.scoring.identity import CHARACTER_RULES, WORD_RULES, identify
from earmark.scoring.table import TieRule
from earmark.scoring.tied import TiedScorer

RULES = f"""\
{WORD_RULES}\
words: fewest errors (substitutions, deletions, insertions cost 1 each); where several operations end an
alignment of the same cost, an insertion before a deletion before a hit or substitution, from the end
{CHARACTER_RULES}"""

RULE = TieRule(substitution=1, deletion=1, insertion=1, order=("I", "D", "="))


class SpeechBrain(TiedScorer):
    """Words as SpeechBrain's ErrorRateStats splits their errors."""

    def __init__(self) -> None:
        super().__init__(identify("speechbrain", "1", RULES), RULE)
