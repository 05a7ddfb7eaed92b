"""Whisper's normalizer for English, as the package whisper_normalizer 0.1.15 gives it.

Source: appendix C of Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022). The answers
equal that package's to the byte, odd ones included: a curly apostrophe is a space ("don’t" is "don t", "don't" is
"do not"), "1,5 euros" is "€15", a text of only "and a half" is empty. Where that package raises (a number of more than
4,300 digits), the number stays as written.
"""

from __future__ import annotations

import dataclasses
import re
from functools import cache

from earmark.text import contractions
from earmark.text.base import hash_rules
from earmark.text.characters import SymbolRule, collapse_whitespace, drop_bracketed
from earmark.text.number_words import LEXICON
from earmark.text.numbers import write_numbers
from earmark.text.spellings import AMERICAN_SPELLINGS, americanize

_VERSION = "whisper_normalizer-0.1.15"
_REVISION = 1  # raised when a change of the code changes an answer

_NUMERIC_MARKS = ".%$¢€£"
# Letters that no Unicode decomposition takes apart.
_PLAIN_LETTERS = {
    "œ": "oe",
    "Œ": "OE",
    "ø": "o",
    "Ø": "O",
    "æ": "ae",
    "Æ": "AE",
    "ß": "ss",
    "ẞ": "SS",
    "đ": "d",
    "Đ": "D",
    "ð": "d",
    "Ð": "D",
    "þ": "th",
    "Þ": "th",
    "ł": "l",
    "Ł": "L",
}
_replace_symbols = SymbolRule(
    "NFKD", {**{mark: mark for mark in _NUMERIC_MARKS}, **_PLAIN_LETTERS}, drop_nonspacing=True
)

_COMMA_BEFORE_DIGIT = re.compile(r",\d")
_COMMA_IN_NUMBER = re.compile(r"(\d),(\d)")
_PERIOD = re.compile(r"\.(?![0-9])")
_PERIOD_AND_NEXT = re.compile(r"\.([^0-9]|$)")
_STRAY_PREFIX = re.compile(r"[.$¢€£]([^0-9])")
_STRAY_PERCENT = re.compile(r"([^0-9])%")


def _drop_number_commas(text: str) -> str:
    """Delete commas between digits. A digit serves one comma only, so "1,2,3" is "12,3"."""
    if _COMMA_BEFORE_DIGIT.search(text):
        return _COMMA_IN_NUMBER.sub(r"\1\2", text)
    return text


def _drop_periods(text: str) -> str:
    """Make spaces of periods that no digit follows. The second of two in a row is passed over, and stays."""
    if ".." in text:
        return _PERIOD_AND_NEXT.sub(r" \1", text)
    return _PERIOD.sub(" ", text) if "." in text else text


def _drop_stray_marks(text: str) -> str:
    """Make spaces of numeric marks that have no digit on their side. One at the very end (or start, for %) stays."""
    kept = _STRAY_PREFIX.sub(r" \1", text)
    if "%" in kept:
        kept = _STRAY_PERCENT.sub(r"\1 ", kept)
    return text if kept == text else collapse_whitespace(kept)


@cache
def _content_hash() -> str:
    return hash_rules(
        {
            "version": _VERSION,
            "rules": "english",
            "revision": _REVISION,
            "marks": _NUMERIC_MARKS,
            "letters": _PLAIN_LETTERS,
            "fillers": sorted(contractions.FILLERS),
            "words": contractions.WHOLE_WORDS | contractions.WHOLE_CONTRACTIONS,
            "endings": contractions.PERFECT_ENDINGS | contractions.NEGATION | contractions.ENDINGS,
            "numbers": {word: dataclasses.asdict(entry) for word, entry in LEXICON.items()},
            "spellings": AMERICAN_SPELLINGS,
        }
    )


class WhisperEnglish:
    """Lower case, no brackets, fillers or diacritics; contractions and titles in full, numbers in figures."""

    name = "whisper-en"
    version = _VERSION

    @property
    def content_hash(self) -> str:
        """Hex SHA-256 over the version and every table of words, the spellings with them."""
        return _content_hash()

    def __call__(self, text: str) -> str:
        """``text`` normalized."""
        text = contractions.expand_words(drop_bracketed(text.lower()))
        text = _replace_symbols(_drop_periods(_drop_number_commas(text)))
        return _drop_stray_marks(" ".join(americanize(write_numbers(text))))
