"""Fillers, contractions and titles of English, as Whisper's normalizer and those made after it treat them.

It knows no numbers, and not which normalizer has which fillers. All rules are about lower-case text. Whether a rule can
apply is asked of the set of words or of a literal first: a regular expression runs only where it will find something,
or nearly so.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

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

_WORD = re.compile(r"\w+")
_NOT_IN_A_WORD = bytes(code if chr(code).isalnum() or chr(code) == "_" else ord(" ") for code in range(128)).ljust(256)


def _any_of(literals: Iterable[str]) -> str:
    return "|".join(map(re.escape, literals))


_WHOLE_CONTRACTION = re.compile(rf"\b(?:{_any_of(WHOLE_CONTRACTIONS)})\b")
_PERFECT_ENDING = re.compile(rf"(?:{_any_of(PERFECT_ENDINGS)})\b")
_NEGATION = re.compile(r"n't\b")


class ContractionRules:
    """Deletes ``fillers``, and writes contractions and ``whole_words`` out, in lower-case text.

    ``words_with_is`` are the only words after which "'s" is "is" (after others it stays); without them it always is.
    """

    def __init__(
        self, fillers: Iterable[str], whole_words: Mapping[str, str], words_with_is: Collection[str] = ()
    ) -> None:
        self._fillers = frozenset(fillers)
        self._whole_words = dict(whole_words)
        self._triggers = self._fillers.union(whole_words)
        self._filler = re.compile(rf"\b(?:{_any_of(sorted(self._fillers))})\b")
        self._whole_word = re.compile(rf"\b(?:{_any_of(whole_words)})\b")
        endings = _any_of(sorted(ENDINGS.keys() - {"'s"}))
        is_ending = rf"\b(?:{_any_of(words_with_is)})'s" if words_with_is else "'s"
        self._ending = re.compile(rf"(?:{endings}|{is_ending})\b")

    def __call__(self, text: str) -> str:
        """``text`` written out. A space before an apostrophe goes first, so "do n't" and "it 's" are contractions."""
        triggers = self._triggers.intersection(list_words(text))
        if not self._fillers.isdisjoint(triggers):
            text = self._filler.sub("", text)
        has_apostrophe = "'" in text
        if has_apostrophe:
            text = _expand_whole_contractions(_close_up_apostrophes(text))
        if not triggers <= self._fillers:
            text = self._whole_word.sub(lambda match: self._whole_words[match[0]], text)
        return self._expand_endings(text) if has_apostrophe else text

    def _expand_endings(self, text: str) -> str:
        """Write endings out in three passes, since what one writes can make the next one find more ("'ren't")."""
        if "'d " in text or "'s " in text:
            text = _PERFECT_ENDING.sub(lambda match: PERFECT_ENDINGS[match[0]], text)
        if "n't" in text:
            text = _NEGATION.sub(NEGATION["n't"], text)
        return self._ending.sub(_write_ending, text) if "'" in text else text


def list_words(text: str) -> list[str]:
    """List the longest runs of word characters. A literal between two word boundaries is found where it is one."""
    if text.isascii():
        return text.encode("ascii").translate(_NOT_IN_A_WORD).decode("ascii").split()
    return _WORD.findall(text)


def _write_ending(match: re.Match[str]) -> str:
    word, apostrophe, ending = match[0].partition("'")
    return word + ENDINGS[apostrophe + ending]


def _close_up_apostrophes(text: str) -> str:
    *before_apostrophe, rest = text.split("'")
    return "'".join([*(piece.rstrip() for piece in before_apostrophe), rest])


def _expand_whole_contractions(text: str) -> str:
    if any(contraction in text for contraction in WHOLE_CONTRACTIONS):
        return _WHOLE_CONTRACTION.sub(lambda match: WHOLE_CONTRACTIONS[match[0]], text)
    return text
