"""From texts to numbers: error counts, rates, alignments and confidence intervals; and the scorers by name.

Pure: it reads and writes no file, knows no recognizer and no run, and never changes a text but for its whitespace.
Importing it loads no scorer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from earmark.registry import Registry

if TYPE_CHECKING:
    from earmark.scoring.scorer import Scorer

DEFAULT_SCORER = "levenshtein"

SCORERS = Registry("scorer", group="earmark.scorers")
SCORERS.add(
    "levenshtein", "earmark.scoring.levenshtein:Levenshtein", "fewest errors, then most hits: one split, whoever counts"
)
SCORERS.add("sclite", "earmark.scoring.sclite:Sclite", "weights (4, 3, 3) and ties as NIST's sclite has them")
SCORERS.add("speechbrain", "earmark.scoring.kaldi:SpeechBrain", "ties as Kaldi and SpeechBrain have them")
SCORERS.add(
    "open-asr",
    "earmark.scoring.open_asr:OpenAsr",
    "the Open ASR leaderboard's: a compound written apart is right, and listed",
    extra="open-asr",
)
SCORERS.add("mixed", "earmark.scoring.mixed:Mixed", "characters for Han, Kana and Thai, words elsewhere")


def load_scorer(name: str) -> Scorer:
    """Make the scorer called ``name``.

    Raises UnknownNameError with the near names, and MissingExtraError with what to install.
    """
    scorer: Scorer = SCORERS.load(name)()
    return scorer
