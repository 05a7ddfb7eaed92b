"""The scorer of NIST's sclite (SCTK 2.4): weights 4, 3, 3, and its choice among ties.

A substitution weighs 4, a deletion and an insertion 3 each, and the lightest alignment is taken. Two deletions with two
insertions weigh as much as three substitutions and are one error more, so sclite can report more errors than needed.
"""

from __future__ import annotations

from earmark.scoring.identity import CHARACTER_RULES, WORD_RULES, identify
from earmark.scoring.table import TieRule
from earmark.scoring.tied import TiedScorer

RULES = f"""\
{WORD_RULES}\
words: least weight (substitution 4, deletion 3, insertion 3); where several operations end an alignment of the same
weight, a hit or substitution before an insertion before a deletion, from the end
{CHARACTER_RULES}"""

RULE = TieRule(substitution=4, deletion=3, insertion=3, order=("=", "I", "D"))


class Sclite(TiedScorer):
    """Words as ``sclite -s`` counts them. Case is the normalizer's matter, and no word has a special meaning."""

    def __init__(self) -> None:
        super().__init__(identify("sclite", "1", RULES), RULE)
