"""The mixed error rate: characters where words have no spaces between them, words elsewhere.

A token is either one character of Han, Kana or Thai, or a run of other characters up to whitespace or such a character.
Over these tokens the counts are the canonical ones: fewest errors, then most hits.

Decided, because usage differs: a combining mark belongs to the character before it (a Thai vowel above or a tone, the
voicing marks of Kana, a variation selector), so that a token is what a reader calls a character. Hangul is words,
because Korean is written with spaces. Digits are words in every script and width: ``１２`` is one token.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from earmark.scoring.identity import CHARACTER_RULES, ScorerIdentity, identify
from earmark.scoring.pairs import PairScores, align_pairs, character_columns, score_pairs
from earmark.scoring.scorer import ScoredPairs

_HAN = (
    "\u2e80-\u2e99\u2e9b-\u2ef3\u2f00-\u2fd5\u3005\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0002fa1f\U00030000-\U000323af"
)
_KANA = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9d\U0001aff0-\U0001b16f"
_THAI = "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46"
_MARKS = "\u0300-\u036f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u3099\u309a\uff9e\uff9f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_SCRIPT = f"{_HAN}{_KANA}{_THAI}"
_CHARACTER = re.compile(f"[{_SCRIPT}][{_MARKS}]*")
_TOKEN = re.compile(rf"{_CHARACTER.pattern}|[^\s{_SCRIPT}]+")

RULES = f"""\
tokens: a character in [{_SCRIPT!a}] with the marks in [{_MARKS!a}] that follow it; else a run of other
characters up to Unicode whitespace or such a character; compared code point by code point
words: fewest errors over these tokens (substitutions, deletions, insertions cost 1 each); then most hits
{CHARACTER_RULES}"""


class Mixed:
    """Characters for Han, Kana and Thai, words elsewhere; then as the scorer ``levenshtein``."""

    @property
    def identity(self) -> ScorerIdentity:
        return identify("mixed", "1", RULES)

    def tokens(self, text: str) -> list[str]:
        return text.split() if text.isascii() else _TOKEN.findall(text)

    def counts(self, references: Sequence[str], hypotheses: Sequence[str]) -> PairScores:
        pairs = self._spaced(references), self._spaced(hypotheses)
        return score_pairs(*pairs).with_characters(character_columns(references, hypotheses))

    def score(self, references: Sequence[str], hypotheses: Sequence[str]) -> ScoredPairs:
        counts, codes = align_pairs(self._spaced(references), self._spaced(hypotheses))
        characters = character_columns(references, hypotheses)
        return ScoredPairs(counts.with_characters(characters), codes, [()] * len(codes))

    def _spaced(self, texts: Sequence[str]) -> list[str]:
        return [" ".join(self.tokens(text)) for text in texts]


def count_script_words(texts: Sequence[str], tokens: Callable[[str], list[str]]) -> tuple[int, int]:
    """Count the tokens that hold a character of Han, Kana or Thai, and these characters."""
    num_words = num_characters = 0
    for text in texts:
        if not text.isascii() and _CHARACTER.search(text):
            found = [len(_CHARACTER.findall(token)) for token in tokens(text)]
            num_words += sum(map(bool, found))
            num_characters += sum(found)
    return num_words, num_characters
