"""What the Open ASR leaderboard adds to Whisper's rules for English: compounds, fillers and acronyms.

It knows no numbers. The answers of each rule equal the leaderboard's to the byte at commit d1e99b2; in which order the
rules are applied stands in ``open_asr``.
"""

from __future__ import annotations

import re
from itertools import groupby

from earmark.text.contractions import FILLERS, WHOLE_WORDS, list_words

LEADERBOARD_FILLERS = FILLERS | frozenset(
    {"ah", "aha", "ahh", "ahm", "eh", "ehehe", "em", "hm", "huh", "hum", "mhum", "uhm", "umm", "uhuh"}
)
LEADERBOARD_WHOLE_WORDS = {
    word: written for word, written in WHOLE_WORDS.items() if word not in {"kinda", "sorta", "dunno", "cause"}
}
# Elsewhere "'s" may be a genitive, and stays until the apostrophe becomes a space.
WORDS_WITH_IS = ("it", "he", "she", "what", "that", "who", "here", "there", "how", "when", "where", "why", "this")

COMPOUNDS = {
    "et cetera": "etc",
    "al right": "alright",
    "all right": "alright",
    "how ever": "however",
    "wi fi": "wifi",
    "hi fi": "hifi",
    "lo fi": "lofi",
    "sci fi": "scifi",
    "e mail": "email",
    "e book": "ebook",
    "e commerce": "ecommerce",
    "x ray": "xray",
    "t shirt": "tshirt",
    "a m": "am",
    "p m": "pm",
    "o k": "okay",
}
_SECOND_HALVES = frozenset(compound.split()[1] for compound in COMPOUNDS)
# No second half is a first one, so that no two compounds can share a word and one pass finds them all.
_COMPOUND = re.compile(r"\b(?:" + "|".join(COMPOUNDS).replace(" ", r"\s+") + r")\b")

# "a" and "i" are words, so a run with one of them must be longer to be an acronym.
WORDS_OF_ONE_LETTER = frozenset({"a", "i"})
_MIN_RUN, _MIN_RUN_WITH_WORD = 2, 3


def join_compounds(text: str) -> str:
    """Write the two halves of a compound as one word."""
    if _SECOND_HALVES.isdisjoint(list_words(text)):
        return text
    return _COMPOUND.sub(lambda match: COMPOUNDS[" ".join(match[0].split())], text)


def join_acronyms(words: list[str]) -> list[str]:
    """Make one word of letters and digits that stand one by one: "b b c" is "bbc", also "c o 2" "co2"."""
    joined: list[str] = []
    for is_spelled, group in groupby(words, key=_is_spelled):
        run = list(group)
        shortest = _MIN_RUN if WORDS_OF_ONE_LETTER.isdisjoint(run) else _MIN_RUN_WITH_WORD
        if is_spelled and len(run) >= shortest:
            joined.append("".join(run))
        else:
            joined += run
    return joined


def _is_spelled(word: str) -> bool:
    return len(word) == 1 and word.isalnum()
