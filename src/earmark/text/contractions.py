"""Fillers, contractions and titles of English, as Whisper's normalizer treats them. It knows no numbers.

All rules are about lower-case text. Whether a rule can apply is asked of the set of words or of a literal first: a
regular expression runs only where it will find something, or nearly so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

FILLERS = frozenset({"hmm", "mm", "mhm", "mmm", "uh", "um"})

# A title is written with a space after it, so that "mr. x" and "mr x" meet after whitespace is collapsed.
WHOLE_WORDS = {
    "wanna": "want to",
    "kinda": "kind of",
    "sorta": "sort of",
    "dunno": "do not know",
    "gotta": "got to",
    "gonna": "going to",
    "imma": "i am going to",
    "woulda": "would have",
    "coulda": "could have",
    "shoulda": "should have",
    "cause": "because",
    "mr": "mister ",
    "mrs": "missus ",
    "st": "saint ",
    "dr": "doctor ",
    "prof": "professor ",
    "capt": "captain ",
    "gov": "governor ",
    "ald": "alderman ",
    "gen": "general ",
    "sen": "senator ",
    "rep": "representative ",
    "pres": "president ",
    "rev": "reverend ",
    "hon": "honorable ",
    "asst": "assistant ",
    "assoc": "associate ",
    "lt": "lieutenant ",
    "col": "colonel ",
    "jr": "junior ",
    "sr": "senior ",
    "esq": "esquire ",
}
WHOLE_CONTRACTIONS = {
    "won't": "will not",
    "can't": "can not",
    "let's": "let us",
    "ain't": "aint",
    "y'all": "you all",
    "i'ma": "i am going to",
    "ma'am": "madam",
}
# Before a participle, "'d" and "'s" are forms of "have".
PERFECT_ENDINGS = {
    "'d been": " had been",
    "'s been": " has been",
    "'d gone": " had gone",
    "'s gone": " has gone",
    "'d done": " had done",
    "'s got": " has got",
}
NEGATION = {"n't": " not"}
ENDINGS = {
    "'re": " are",
    "'s": " is",
    "'d": " would",
    "'ll": " will",
    "'t": " not",
    "'ve": " have",
    "'m": " am",
}

_TRIGGERS = FILLERS.union(WHOLE_WORDS)
_WORD = re.compile(r"\w+")
_NOT_IN_A_WORD = bytes(code if chr(code).isalnum() or chr(code) == "_" else ord(" ") for code in range(128)).ljust(256)


def _any_of(literals: Iterable[str]) -> str:
    return "|".join(map(re.escape, literals))


_FILLER = re.compile(rf"\b(?:{_any_of(sorted(FILLERS))})\b")
_WHOLE_WORD = re.compile(rf"\b(?:{_any_of(WHOLE_WORDS)})\b")
_WHOLE_CONTRACTION = re.compile(rf"\b(?:{_any_of(WHOLE_CONTRACTIONS)})\b")
_PERFECT_ENDING = re.compile(rf"(?:{_any_of(PERFECT_ENDINGS)})\b")
_NEGATION = re.compile(r"n't\b")
_ENDING = re.compile(rf"(?:{_any_of(ENDINGS)})\b")


def expand_words(text: str) -> str:
    """Delete fillers, and write contractions and titles out, in lower-case ``text``.

    A space before an apostrophe goes first, so that "do n't" and "it 's" count as contractions.
    """
    triggers = _TRIGGERS.intersection(_words(text))
    if not FILLERS.isdisjoint(triggers):
        text = _FILLER.sub("", text)
    has_apostrophe = "'" in text
    if has_apostrophe:
        text = _expand_whole_contractions(_close_up_apostrophes(text))
    if not triggers <= FILLERS:
        text = _WHOLE_WORD.sub(lambda match: WHOLE_WORDS[match[0]], text)
    return _expand_endings(text) if has_apostrophe else text


def _words(text: str) -> list[str]:
    """List the longest runs of word characters. A literal between two word boundaries is found where it is one."""
    if text.isascii():
        return text.encode("ascii").translate(_NOT_IN_A_WORD).decode("ascii").split()
    return _WORD.findall(text)


def _close_up_apostrophes(text: str) -> str:
    *before_apostrophe, rest = text.split("'")
    return "'".join([*(piece.rstrip() for piece in before_apostrophe), rest])


def _expand_whole_contractions(text: str) -> str:
    if any(contraction in text for contraction in WHOLE_CONTRACTIONS):
        return _WHOLE_CONTRACTION.sub(lambda match: WHOLE_CONTRACTIONS[match[0]], text)
    return text


def _expand_endings(text: str) -> str:
    """Write endings out in three passes, since what one writes can make the next one find more ("'ren't")."""
    if "'d " in text or "'s " in text:
        text = _PERFECT_ENDING.sub(lambda match: PERFECT_ENDINGS[match[0]], text)
    if "n't" in text:
        text = _NEGATION.sub(NEGATION["n't"], text)
    return _ENDING.sub(lambda match: ENDINGS[match[0]], text) if "'" in text else text
